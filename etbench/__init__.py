"""Config-driven, trustworthy benchmarks of PyTorch models on ExecuTorch.

>>> import etbench                                                             # doctest: +SKIP
>>> cell = etbench.compose(["model=resnet18", "precision=int8"])               # doctest: +SKIP
>>> outcome = etbench.run(cell, out_dir="outputs/mine", on_event=print)        # doctest: +SKIP
>>> outcome.result.latency_ms.p50                                              # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from etbench.version import __version__

if TYPE_CHECKING:
    from etbench.engine.cell_run import Outcome
    from etbench.engine.run import run
    from etbench.preflight.compose import compose

__all__ = ["Outcome", "__version__", "compose", "run"]

MODULES = {
    "Outcome": "etbench.engine.cell_run",
    "compose": "etbench.preflight.compose",
    "run": "etbench.engine.run",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use: the processes that build and measure need none of them."""
    if name in MODULES:
        return getattr(import_module(MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
