"""Charts of results, one altair definition each, for the report, notebooks, files and the web page.

To add one, write a function of a frame and list it in `OF_CELLS` or `OF_ROUNDS`; then `etbench charts` draws
it. The report (`etbench.results.report.content`) and the page (`etbench.ui.figures`) name what they show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from etbench.results.charts.bars import delegate_bars, precision_bars, speedup_bars
from etbench.results.charts.fronts import accuracy, pareto
from etbench.results.charts.history import history_lines
from etbench.results.charts.program import coverage_bars, operator_bars
from etbench.results.charts.rounds import round_boxes, round_strips
from etbench.results.charts.style import AnyChart, is_blank
from etbench.results.schema import Result
from etbench.results.tables.frames import to_frame
from etbench.results.tables.rounds import round_table

__all__ = [
    "AnyChart",
    "accuracy",
    "coverage_bars",
    "delegate_bars",
    "draw_all",
    "history_lines",
    "is_blank",
    "operator_bars",
    "pareto",
    "precision_bars",
    "round_boxes",
    "round_strips",
    "speedup_bars",
]

OF_CELLS: tuple[Callable[[pd.DataFrame], AnyChart], ...] = (
    *(precision_bars, delegate_bars, speedup_bars, pareto, accuracy),
    *(coverage_bars, operator_bars),
)
OF_ROUNDS: tuple[Callable[[pd.DataFrame], AnyChart], ...] = (round_strips, round_boxes)


def draw_all(results: Sequence[Result]) -> dict[str, AnyChart]:
    """Draw every chart of these results that is not blank, with its defaults, by the name of its function."""
    frame, rounds = to_frame(results), round_table(results)
    drawn = [(draw.__name__, draw(frame)) for draw in OF_CELLS]
    drawn += [(draw.__name__, draw(rounds)) for draw in OF_ROUNDS]
    return {name: chart for name, chart in drawn if not is_blank(chart)}
