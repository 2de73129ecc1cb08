"""The models that are shipped, read from their YAML files: Hydra needs most of a second for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

import etbench

MODELS = Path(etbench.__file__).parents[1] / "conf" / "model"


def shipped_models(pattern: str) -> dict[str, dict[str, Any]]:
    """Return the models whose files match, by name: all but those that need a path or target of the user."""
    names = sorted(path.relative_to(MODELS).with_suffix("").as_posix() for path in MODELS.glob(pattern))
    models = {name: _read(name) for name in names}
    return {name: given for name, given in models.items() if "???" not in given.values()}


def _read(name: str) -> dict[str, Any]:
    """Return the YAML of a model with what it takes from another."""
    path = MODELS / f"{name}.yaml"
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    for base in own.pop("defaults", []):
        if base != "_self_":
            named = base.removesuffix("@_here_")
            own = (
                _read(
                    named.removeprefix("/model/") if named.startswith("/") else str(Path(name).parent / named)
                )
                | own
            )
    return own
