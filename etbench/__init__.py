"""Config-driven, trustworthy benchmarks of PyTorch models on ExecuTorch.

>>> import etbench                                                             # doctest: +SKIP
>>> cell = etbench.compose(["model=resnet18", "precision=int8"])               # doctest: +SKIP
>>> outcome = etbench.run(cell, out_dir="outputs/mine", on_event=print)        # doctest: +SKIP
>>> outcome.result.latency_ms.p50                                              # doctest: +SKIP
"""

from __future__ import annotations

# Imported at once, though a lazy attribute would be cheaper: `etbench.run` is also the name of a
# module, and only an import from here keeps the function in its place. None of this imports torch.
from etbench.compose import compose
from etbench.run import Outcome, run

__all__ = ["Outcome", "__version__", "compose", "run"]
__version__ = "0.1.0"
