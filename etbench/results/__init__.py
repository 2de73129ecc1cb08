"""Result files, and the tables, charts and reports made from them; torch is not imported here.

>>> from etbench.results import load_results, compare_precisions   # doctest: +SKIP
>>> compare_precisions(load_results("outputs/sample_sweep"))       # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etbench.results.analysis.measurements import operators, rounds, samples
    from etbench.results.analysis.verdicts import compare, decide
    from etbench.results.tables.accuracy import compare_accuracy
    from etbench.results.tables.aggregation import aggregate
    from etbench.results.tables.frames import (
        compare_delegates,
        compare_precisions,
        fastest,
        load_results,
        pivot,
        rank,
        summary,
        to_frame,
    )
    from etbench.results.tables.pareto import pareto_front
    from etbench.results.tables.rounds import round_table

__all__ = [
    "aggregate",
    "compare",
    "compare_accuracy",
    "compare_delegates",
    "compare_precisions",
    "decide",
    "fastest",
    "load_results",
    "operators",
    "pareto_front",
    "pivot",
    "rank",
    "round_table",
    "rounds",
    "samples",
    "summary",
    "to_frame",
]

# The modules of the functions that are not in `tables.frames`.
OTHER_MODULES = {
    "aggregate": "tables.aggregation",
    "compare": "analysis.verdicts",
    "compare_accuracy": "tables.accuracy",
    "decide": "analysis.verdicts",
    "operators": "analysis.measurements",
    "pareto_front": "tables.pareto",
    "round_table": "tables.rounds",
    "rounds": "analysis.measurements",
    "samples": "analysis.measurements",
}


def __getattr__(name: str) -> Any:
    """Import pandas when a table is requested, not when a result is written."""
    if name in __all__:
        module = import_module(f"etbench.results.{OTHER_MODULES.get(name, 'tables.frames')}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
