"""What a model reads from the hub, found in the local cache of the hub without importing a library.

The cache stores the last known commit of a repository's default branch in ``models--owner--name/refs/main``,
and the files of that commit in ``models--owner--name/snapshots/<commit>``. transformers writes the commit
before it reads its files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from etbench.config import Model
from etbench.system.files import sha256

__all__ = ["deciding_options", "is_of_transformers", "taken_from_hub"]

BUNDLED = "etbench.models.huggingface."  # their configurations are in the code, their ids only name weights
CONFIGURED = ("etbench.models.transformers.model", "etbench.models.decoder.causal_lm")
TORCHVISION = "etbench.models.torchvision."  # a release names each file of weights by its checksum
WITH_WEIGHTS = "etbench.models.digits."  # that come with etbench, and are part of its sources in the key
COMMIT = re.compile("[0-9a-f]{40}")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
DECIDE_NOTHING = ("_name_or_path", "id2label", "label2id")  # values of a configuration that may look like one


def is_of_transformers(model: Model) -> bool:
    """Return whether etbench loads the model with transformers."""
    return model.target.startswith(BUNDLED) or model.target in CONFIGURED


def deciding_options(model: Model) -> dict[str, Any]:
    """Return the model's options, without the one that names pretrained weights if others are used."""
    if model.weights == "pretrained" or not is_of_transformers(model):
        return model.options
    unused = "id" if model.target.startswith(BUNDLED) else "pretrained"
    return {name: value for name, value in model.options.items() if name != unused}


def taken_from_hub(model: Model) -> dict[str, list[str]] | None:
    """Return what the model reads from the hub: by repository, what identifies the files.

    For a configuration alone, these are the checksums of its files. For pretrained weights, they are the
    commit and the names of the cached files: offline, a missing tokenizer or image processor is replaced.
    None means that the files are not known before the build: they are not in the cache, or third-party code
    fetches them.
    """
    if model.target.startswith((TORCHVISION, WITH_WEIGHTS)):
        return {}
    if is_of_transformers(model):
        return _taken_by_transformers(model)
    source = str(model.options.get("id", ""))
    fetches = model.weights == "pretrained" or "/" in source
    return None if fetches and not (source and Path(source).is_dir()) else {}


def _taken_by_transformers(model: Model) -> dict[str, list[str]] | None:
    if _mentions_repository(model.options.get("config")):
        return None
    pretrained = model.weights == "pretrained"
    named = deciding_options(model)
    source = str(named.get("pretrained") or named.get("id", ""))
    folder = next((Path(name) for name in (model.weights, source) if name and Path(name).is_dir()), None)
    if folder and (not pretrained or folder == Path(source)):
        return None if _reads_elsewhere(folder) else {}  # its files are in the key as any others
    if not pretrained and "/" not in source:  # a type of model, or nothing
        return {}
    snapshot = _snapshot(source)
    if snapshot is None or _reads_elsewhere(snapshot):
        return None
    return {source: _state(snapshot) if pretrained else _configuration(snapshot)}


def _state(snapshot: Path) -> list[str]:
    files = (path for path in snapshot.rglob("*") if path.is_file())
    return [snapshot.name, *sorted(path.relative_to(snapshot).as_posix() for path in files)]


def _configuration(snapshot: Path) -> list[str]:
    """Return the checksums of `config.json` and of its variants for some versions of transformers."""
    return [f"{path.name}:{sha256(path)}" for path in sorted(snapshot.glob("config.*json"))]


def _reads_elsewhere(folder: Path) -> bool:
    """Return whether a saved model may need more than its own files, such as one with an adapter.

    This is assumed for a model without a readable configuration.
    """
    if (folder / "adapter_config.json").exists():
        return True
    try:
        return _mentions_repository(json.loads((folder / "config.json").read_bytes()))
    except (OSError, ValueError):
        return True


def _mentions_repository(value: Any, key: str = "") -> bool:
    """Return whether a value of a configuration may name a repository; any name of a backbone may do so."""
    if key in DECIDE_NOTHING:
        return False
    if isinstance(value, str):
        return key == "backbone" or REPOSITORY.match(value) is not None
    inside: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = ((key, inner) for inner in value)
    return any(_mentions_repository(inner, name) for name, inner in inside)


def _snapshot(repository: str) -> Path | None:
    """Return the folder of the last known commit of the default branch, or None if it is not in the cache."""
    folder = _hub_cache() / "--".join(["models", *repository.split("/")])
    try:
        commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if COMMIT.fullmatch(commit) and snapshot.is_dir() else None


def _hub_cache() -> Path:
    """Return the cache folder of huggingface_hub, from the environment variables that it reads."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{caches}/huggingface")
    older = os.environ.get("HUGGINGFACE_HUB_CACHE", f"{home}/hub")
    return Path(os.path.expandvars(os.environ.get("HF_HUB_CACHE", older))).expanduser()
