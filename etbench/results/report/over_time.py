"""Sections of what was measured before: verdicts against a baseline, and the history of each cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from etbench.results.comparison.interleaved import family_verdicts
from etbench.results.history import CellHistory, cell_histories
from etbench.results.report.grid import Grid, Heading, grid
from etbench.results.schema import Result
from etbench.results.tables.numbers import number

__all__ = ["histories_to_show", "history_grid", "verdict_grid"]


def verdict_grid(frame: pd.DataFrame, results: Sequence[Result]) -> Grid:
    """List the cells that were interleaved with a baseline, with their verdicts as one family."""
    names = frame.loc[[result.in_turn is not None for result in results], "cell"]
    rows = [
        {
            "cell": name,
            "base": cell.base_ms,
            "new": cell.new_ms,
            "ratio": cell.ratio,
            "low": cell.low,
            "high": cell.high,
            "verdict": cell.words,
        }
        for name, cell in zip(names, family_verdicts(results), strict=True)
    ]
    headings = [
        Heading("cell", "cell"),
        *(Heading("base", "baseline ms", number), Heading("new", "new ms", number)),
        *(Heading("ratio", "new ÷ baseline", number), Heading("low", "95 % from", number)),
        *(Heading("high", "to", number), Heading("verdict", "verdict")),
    ]
    return grid(pd.DataFrame(rows), headings, "Compared with the baseline")


def histories_to_show(frame: pd.DataFrame) -> list[CellHistory]:
    """Return the histories that have enough runs to be judged, those with changes first."""
    again = frame.duplicated(["setting", "precision", "delegate", "variant"], keep=False)
    found = [one for one in cell_histories(frame[again]) if one.answer != "too few runs"]
    return sorted(found, key=lambda history: not history.changes)


def history_grid(histories: Sequence[CellHistory]) -> Grid:
    """List the level of each cell and its changes."""
    headings = [
        Heading("cell", "cell"),
        Heading("runs", "runs", number),
        *(Heading("first", "first"), Heading("last", "last"), Heading("level", "level ms", number)),
        *(Heading("change", "change", number), Heading("low", "95 % from", number)),
        *(Heading("high", "to", number), Heading("what", "what changed")),
    ]
    rows = [row for history in histories for row in _rows(history)]
    return grid(pd.DataFrame(rows), headings, "Level of each cell")


def _rows(history: CellHistory) -> Iterator[dict[str, object]]:
    about: dict[str, object] = {
        "cell": history.name,
        "runs": len(history.runs),
        "first": history.runs[0].created_at[:10],
        "last": history.runs[-1].created_at[:10],
        "level": history.runs[-1].level_ms,
    }
    if not history.changes:
        yield about | {"what": history.answer}
    for change in history.changes:
        what = "; ".join(change.what) or "no other recorded change"
        when = f"{change.before[:16]} to {change.after[:16]}".replace("T", " ")
        yield about | {
            "change": change.ratio,
            "low": change.low,
            "high": change.high,
            "what": f"{when}: {what}",
        }
