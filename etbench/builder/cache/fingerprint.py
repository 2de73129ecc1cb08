"""The key of a recipe: a hash of all that decides its program and is known before the build.

Imports neither torch nor the model. The user's code, and the files that it opens, are known only afterwards:
`etbench.builder.cache.manifest`.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from etbench.builder.cache.published import deciding_options, is_of_transformers, taken_from_hub
from etbench.config import Recipe
from etbench.environments import python_version_in, version_in
from etbench.system.files import sha256

__all__ = ["KEY_FORMAT", "LIBRARIES", "digest", "is_still", "named_files", "recipe_key"]

KEY_FORMAT = 4
LIBRARIES = ("torch", "torchao", "executorch", "torchvision", "transformers", "tokenizers", "timm", "numpy")
DATA_LIBRARIES = ("scikit-learn", "pillow", "scipy")  # the photographs, how they are decoded, the speech
# What transformers uses if it is installed, for tokenizers, features, adapters, kernels and checkpoints.
BESIDE_TRANSFORMERS = (
    *("accelerate", "huggingface-hub", "kernels", "mistral-common", "peft", "protobuf", "safetensors"),
    *("sentencepiece", "tiktoken", "torchaudio"),
)
COMPILED = ("etbench.delegates.inductor",)  # into machine code, for the CPU that builds
OWN_SOURCES = ("models", "precisions", "delegates", "calibration", "data", "artifact", "builder")


def recipe_key(recipe: Recipe) -> str | None:
    """Return the key of the recipe's artifact: 64 hexadecimal digits.

    It covers the targets and options of model, precision and delegate, the inputs, their memory format and
    dynamic axes, the calibration, the contents of every file that they name, the model's files in the local
    cache of the hub, the source of etbench's own code that loads and quantizes, and the versions of the
    libraries in the interpreter that builds. None means that the key is not known before the build, for
    example if something must be downloaded first.
    """
    model = recipe.model
    if model.ready:  # it is built already
        return None
    hub = taken_from_hub(model)
    if hub is None:
        return None
    named = _named(recipe)
    identity = {
        "format": KEY_FORMAT,
        "parts": named,
        "hub": hub,
        "inputs": model.inputs,
        "dynamic": model.dynamic,
        "memory_format": model.memory_format,
        "calibrates": recipe.precision.calibrates,
        "blocks": [recipe.precision.blocks, recipe.precision.min_sqnr_db],
        "check_ir": recipe.delegate.check_ir,
        "numerics": recipe.numerics,
        "calibration": recipe.calibration,
        "files": [(str(path), digest(path)) for path in named_files(recipe)],
        "sources": _own_sources(),
        "versions": _versions(_packages(recipe), recipe.python) | _versions_elsewhere(recipe),
        "machine": platform.machine(),
    }
    if recipe.delegate.target in COMPILED:  # machines that share a cache may have other CPUs
        from etbench.host.environment import own_vector_extensions

        identity["cpu"] = own_vector_extensions()
    return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()


def is_still(recipe: Recipe, key: str) -> bool:
    """Return whether the recipe still has this key.

    A build may have read other data than its key was computed from: a newer revision from the hub, or a file
    or code that was edited meanwhile.
    """
    _own_sources.cache_clear()
    return recipe_key(recipe) == key


def named_files(recipe: Recipe) -> list[Path]:
    """Return the files that a recipe names, which its key covers by their contents."""
    return sorted(set(_files_named(_named(recipe)))) + sorted(_calibration_files(recipe))


def _named(recipe: Recipe) -> list[tuple[str, dict[str, Any]]]:
    """Return each target with the options that decide the program."""
    return [
        (recipe.model.target, deciding_options(recipe.model)),
        *((part.target, part.options) for part in (recipe.precision, recipe.delegate)),
    ]


def _files_named(value: Any) -> Iterator[Path]:
    """Yield every existing file, and the files of every existing folder of weights, named in the options."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("weights", "id", "pretrained") and isinstance(inner, str) and Path(inner).is_dir():
                yield from (path for path in Path(inner).rglob("*") if path.is_file())
            else:
                yield from _files_named(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _files_named(inner)
    elif isinstance(value, str) and 0 < len(value) < 4096 and Path(value).is_file():
        yield Path(value)


def _calibration_files(recipe: Recipe) -> Iterator[Path]:
    for name in (recipe.calibration.images, recipe.calibration.text, recipe.calibration.npz):
        path = Path(name) if name else None
        if path and path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        elif path:
            yield path


def digest(path: Path) -> str:
    """Return the checksum of a file, which is read once in this process as long as it does not change.

    Raises:
        OSError: if it cannot be read.

    """
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


@cache
def _digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256(path)


@cache
def _own_sources() -> str:
    """Return a hash of the packages of etbench that build, and of the bundled sentences and weights."""
    package = Path(__file__).resolve().parents[2]
    files = [file for name in OWN_SOURCES for file in (package / name).rglob("*.py")]
    files += [package / "config" / "component.py", *(package / "data").glob("*.txt")]
    files += (package / "models").glob("*.safetensors")
    content = hashlib.sha256()
    for file in sorted(files):
        content.update(f"{file.name}:{digest(file)}\n".encode())
    return content.hexdigest()


def _packages(recipe: Recipe) -> tuple[str, ...]:
    """Return the libraries that may affect the bytes, including those of the model and the delegate."""
    required = (needed.package for needed in (*recipe.model.requires, *recipe.delegate.requires))
    beside = BESIDE_TRANSFORMERS if is_of_transformers(recipe.model) else ()
    return (*LIBRARIES, *DATA_LIBRARIES, *beside, *filter(None, required))


def _versions_elsewhere(recipe: Recipe) -> dict[str, str]:
    """Return the versions of what the delegate runs in another interpreter, such as a converter."""
    delegate = recipe.delegate
    named = (
        (one.package, one.provider(delegate.options, recipe.python))
        for one in delegate.requires
        if one.environment
    )
    return {name: known for name, env in named if name and (known := version_in(env, name))}


@cache
def _versions(packages: tuple[str, ...], python: str | None) -> dict[str, str]:
    """Return the versions of packages, of those that are installed for the interpreter that builds."""
    found = {"python": python_version_in(python).rpartition(".")[0]}
    return found | {name: known for name in packages if (known := version_in(python, name))}
