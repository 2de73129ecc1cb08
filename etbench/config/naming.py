"""Names that the YAML leaves open: a model's, from its id, and a ready program's precision and delegate."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from etbench.config.generation import GENERATE
from etbench.config.sections import Delegate, Model, Precision
from etbench.text import counted

__all__ = ["as_built", "mixed", "model_name", "runtime_fault"]

_DELEGATES = {
    "XnnpackBackend": "xnnpack",
    "OpenvinoBackend": "openvino",
    "VulkanBackend": "vulkan",
    "CoreMLBackend": "coreml",
}
_RUNTIMES = {".onnx": "onnxruntime", ".tflite": "litert", ".xml": "openvino_native"}
_UNNAMED = "model"
SHORT = 60  # characters of a name that a program holds, which may be made to be long


def model_name(section: dict[str, Any]) -> str:
    """Return the name of a model with ``name: null``: made from its id, file or function, and its part.

    A hub id ``owner/name`` and a folder give their last part. For a model that generates text it ends in
    ``-generate``.
    """
    options = section["options"]
    if path := options.get("path"):
        name = Path(str(path)).stem
    elif id := options.get("id"):
        name = PurePosixPath(str(id).replace("\\", "/")).name
    else:
        name = str(section.get("_target_")).rsplit(".", 1)[-1]
    if part := options.get("part"):
        name = f"{name}-{part}"
    if options.get("task") == GENERATE:
        name = f"{name}-{GENERATE}"
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name).lstrip("-_.+") or _UNNAMED


def mixed(precision: Precision) -> Precision:
    """Return a precision with a name and a label for its blocks in fp32; 0 blocks change nothing."""
    if precision.blocks == 0:
        precision = msgspec.structs.replace(precision, blocks=None)
    if precision.blocks is not None:
        kept = f"{counted(precision.blocks, 'block')} in FP32"
    elif precision.min_sqnr_db is not None:
        kept = f"blocks in FP32 for {precision.min_sqnr_db:g} dB"
    else:
        return precision
    name, label = precision.name + precision.suffix, f"{precision.label}, {kept}"
    return msgspec.structs.replace(precision, name=name, label=label)


def as_built(model: Model, chosen: Delegate | None = None) -> dict[str, Any]:
    """Return the precision and delegate of a ready program: those that it was built with.

    A program of another runtime than ExecuTorch has the delegate that was `chosen` for it. Otherwise, the
    name is made from the backends that the file asks for, ``portable`` if there are none, and ``unknown`` if
    the file cannot be read; the runtime will report what is wrong with it.
    """
    from etbench.config.program_head import backends_of  # imports numpy, which the help does not need

    backends = backends_of(Path(str(model.options.get("path"))))
    precision = Precision(target=model.target, name="as_built", label="as built", calibrates=False)
    if backends is None and chosen is not None and chosen.executor is not None:
        return {"precision": precision, "delegate": chosen}
    names = ["unknown"] if backends is None else [_DELEGATES.get(id, id) for id in backends] or ["portable"]
    return {
        "precision": precision,
        "delegate": Delegate(target=model.target, name="+".join(map(_safe, names))[:SHORT]),
    }


def runtime_fault(model: Model, chosen: Delegate | None) -> str | None:
    """Return what is wrong with the delegate of a ready program of another runtime than ExecuTorch."""
    path = Path(str(model.options.get("path")))
    wanted = _RUNTIMES.get(path.suffix)
    if wanted is None or (chosen is not None and chosen.executor is not None):
        return None
    return f"model.path={path} is not an ExecuTorch program: choose what runs it, delegate={wanted}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).lstrip("-_.") or _UNNAMED
