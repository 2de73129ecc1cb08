"""What is installed in a managed environment: the versions that are here, except for what the user names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from etbench.environments.installed import BUILDING, normalized
from etbench.environments.versions import version_in
from etbench.errors import EtbenchError

__all__ = ["environment_name", "requirements_of"]

# What builds and runs in this interpreter: of these, an environment has the versions that are installed here,
# so that it differs from this one in what the user names and in nothing else.
ALIKE = (*BUILDING, "torchvision", "transformers", "tokenizers", "timm")

# Runtimes by their short names, each with the packages that etbench needs for it.
RUNTIMES = {
    "litert": ("litert-torch", "ai-edge-litert", "ai-edge-quantizer"),
    "onnxruntime": ("onnxruntime", "onnx", "onnxscript"),
    "openvino": ("openvino", "nncf"),
}

# The torch that a minor version of executorch loads with; its metadata only have a lower bound. Measured on
# Linux with 1.0.1 to 1.3.1, whose bindings lack symbols with a newer one.
TORCH_OF = {"1.0": "2.9", "1.1": "2.10", "1.2": "2.11", "1.3": "2.12"}
WITH_TORCH = ("torchvision", "torchao")  # whose versions belong to one of torch

REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<extras>\[[\w,.-]+\])?(?P<version>(?:[=~<>!]=|[<>])[\w.*+,=~<>!]+)?"
)


def requirements_of(named: Sequence[str]) -> list[str]:
    """Return what to install for what the user names, such as ``executorch==1.4.1``.

    Raises:
        EtbenchError: of stage ``env`` if a text is not a requirement, or for a version of executorch that
            does not load with the torch that would be installed.

    """
    found: dict[str, str] = {}
    for text in named:
        match = REQUIREMENT.fullmatch(text)
        if match is None:
            raise EtbenchError(
                f"{text!r} is not a requirement: expected the name of a package, such as litert, or a "
                "package with its version, such as executorch==1.4.1",
                stage="env",
            )
        for number, package in enumerate(RUNTIMES.get(normalized(match["name"]), (match["name"],))):
            given = f"{match['extras'] or ''}{match['version'] or ''}" if number == 0 else ""
            found[normalized(package)] = package + given
    _check_torch(found)
    alike = [name for name in ALIKE if not ("torch" in found and name in WITH_TORCH)]
    here = {name: f"{name}=={known}" for name in alike if (known := _version(name))}
    return list((here | found).values())


def environment_name(named: Sequence[str]) -> str:
    """Return the name of an environment for the first of what it is made for: ``executorch-1.4.1``."""
    name, _, rest = named[0].partition("==")
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", f"{name}-{rest}" if rest else name).strip("-.")


def _check_torch(found: dict[str, str]) -> None:
    _, _, wanted = found.get("executorch", "").partition("==")
    needed = TORCH_OF.get(".".join(wanted.split(".")[:2]))
    if needed is None or "torch" in found:
        return
    raise EtbenchError(
        f"executorch {wanted} does not load with torch {_version('torch')}, which is installed here: it "
        f"needs torch {needed}, whose wheels on PyPI bring several GB of CUDA packages. Let pip find a CPU "
        f"wheel, for example with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu, and name it: "
        f"etbench env create executorch=={wanted} torch=={needed}.*",
        stage="env",
    )


def _version(package: str) -> str | None:
    """Return the version that is installed here, without the part that only names its build (``+cpu``)."""
    known = version_in(None, package)
    return None if known is None else known.partition("+")[0]
