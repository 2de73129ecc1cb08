"""Workaround for upstream: torchvision's default wheel cannot register its operators in a CPU-only torch.

`import torchvision` then fails with "operator torchvision::nms does not exist" (torchvision 0.28.0
with torch 2.13.0+cpu). Declaring the two schemas it looks up is enough: no model here calls them.
`tests/models/test_torchvision_ops.py` fails when the workaround is no longer needed.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

import torch

__all__ = ["ensure_importable", "extension_loads"]

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept_alive: list[torch.library.Library] = []


def extension_loads() -> bool:
    """Return whether torchvision's C extension fits the installed torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    try:
        for library in Path(spec.origin).parent.glob("_C*.so"):
            ctypes.CDLL(str(library))
            return True
    except OSError:
        pass
    return False


def ensure_importable() -> None:
    """Declare the missing operators, once, before torchvision or transformers is first imported."""
    if _kept_alive or hasattr(torch.ops.torchvision, "nms") or extension_loads():
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _kept_alive.append(library)
