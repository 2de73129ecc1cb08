"""Config-driven, trustworthy benchmarks of PyTorch models on ExecuTorch.

>>> import etbench                                                             # doctest: +SKIP
>>> cell = etbench.compose(["model=resnet18", "precision=int8"])               # doctest: +SKIP
>>> outcome = etbench.run(cell, out_dir="outputs/mine", on_event=print)        # doctest: +SKIP
>>> outcome.result.latency_ms.p50                                              # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etbench.engine.run import run

# `compose` and `run` are imported at once, though a lazy attribute would be cheaper still: they are also the
# names of modules, and only an import from here keeps the functions in their place. None imports torch.
from etbench.preflight.compose import compose

if TYPE_CHECKING:
    from etbench.engine.cell_run import Outcome

__all__ = ["Outcome", "__version__", "compose", "run"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what runs a cell when it is asked for, not for a word of help."""
    if name == "Outcome":
        from etbench.engine.cell_run import Outcome

        return Outcome
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
