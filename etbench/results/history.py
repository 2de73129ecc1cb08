"""The latency of a cell over many sweeps, and what else changed when it changed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import msgspec
import pandas as pd
from msgspec import Struct

from etbench.results.schema.names import SAID, cell_words
from etbench.results.tables.frames import measured_cells
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.numbers import half_width
from etbench.stats.changes import LEAST_RATIO, MIN_RUNS, Change, judge_series

__all__ = ["Answer", "CellHistory", "ChangePoint", "Run", "cell_histories", "history_table"]

Answer = Literal["changed", "no change", "too few runs", "too much noise"]

CELL = ["model", "precision", "delegate", "inputs", "weights"]
BESIDE = ["threads", "runner", "env", "varied", "variant"]
CONDITIONS = ["commit", "libraries", "host", "cpu", "threads", "runner", "env", "python"]
INTERVAL = ["latency_location_ms", "latency_ci95_low_ms", "latency_ci95_high_ms"]
ALPHA = 0.05
UNSTABLE = 0.15  # half width of the interval that an unstable run has at least
SHORT = 10  # digits of a commit


class Run(Struct, frozen=True, kw_only=True):
    """One result of a cell; latencies in ms.

    `location` is the median of the round medians with its 95 % interval, or the p50 of a summary without
    rounds; `level` is the mean of the runs between two changes, or null if the runs cannot be judged.
    `weight`, from 0 to 1, is less than 1 if the interval is wider than that of most runs, as it is for an
    unstable run among stable ones.
    """

    created_at: str
    location_ms: float
    low_ms: float | None
    high_ms: float | None
    level_ms: float | None
    weight: float
    unstable: bool
    commit: str | None


class ChangePoint(Struct, frozen=True, kw_only=True):
    """A change of level, most likely at the run that began `at`, and with 95 % between `before` and `after`.

    `ratio` is the level after it divided by the level before, with its 95 % interval. `what` lists what else
    changed between the runs of `before` and `after`; it is empty if nothing that is recorded changed.
    """

    at: str
    before: str
    after: str
    ratio: float
    low: float
    high: float
    what: list[str]


class CellHistory(Struct, frozen=True, kw_only=True):
    """All measured results of a cell, in the order of time, and the changes of its level.

    `setting` distinguishes it from cells of the same sweep with other threads or another runner, and from
    the same cell on another machine.
    `smallest_ratio` is the smallest step, up or down, that would have been found if it had been there eight
    runs ago. It is null if none below a factor of 4 would have been; the `answer` is then "too few runs" or,
    if there are at least twelve, "too much noise", unless there are changes.
    """

    model: str
    precision: str
    delegate: str
    inputs: str | None
    weights: str
    setting: str
    answer: Answer
    smallest_ratio: float | None
    runs: list[Run]
    changes: list[ChangePoint]

    @property
    def name(self) -> str:
        """Model, its setting if it has one, precision and delegate."""
        return cell_words(self.model, self.precision, self.delegate, self.setting)


def cell_histories(
    frame: pd.DataFrame,
    *,
    alpha: float = ALPHA,
    least_ratio: float = LEAST_RATIO,
    across_machines: bool = False,
) -> list[CellHistory]:
    """Return the history of each cell: of one model, precision, delegate, inputs and weights, on one machine.

    Threads, versions and commits may differ between its runs: they may explain a change. If a sweep varied
    threads, runners, interpreters or other overrides, runs with different values are separate cells.

    Args:
        frame: from `etbench.results.load_results`, in any order.
        alpha: the probability of any false change in all histories together, while they grow to a hundred
            runs and are searched after each; each with enough runs gets an equal share.
        least_ratio: changes of level up to this ratio, or down to its inverse, are not reported.
        across_machines: runs on different machines are one history, and the machine may explain a change.

    """
    measured = measured_cells(frame).sort_values("created_at", kind="stable")
    groups = [
        cell
        for _, group in measured.groupby(CELL, dropna=False)
        for cell in _apart(group, across_machines=across_machines)
    ]
    share = alpha / max(1, sum(len(group) >= MIN_RUNS for _, group in groups))
    return [_history(group.to_dict("records"), setting, share, least_ratio) for setting, group in groups]


def _apart(group: pd.DataFrame, *, across_machines: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield runs on different machines, or what one sweep varied, as separate cells."""
    names = [name for name in BESIDE if (group.groupby("turn_id")[name].nunique() > 1).any()]
    if not across_machines and group["machine"].nunique() > 1:
        names.append("machine")
    if not names:
        yield "", group
        return
    for values, cell in group.groupby(names, dropna=False):
        words = [
            SAID[name].format(_said(value)) for name, value in zip(names, values, strict=True) if value != ""
        ]
        yield ", ".join(words), cell


def history_table(histories: list[CellHistory]) -> pd.DataFrame:
    """Return one row per run; `change` is the ratio of levels at a change, see `ChangePoint`."""
    rows = []
    for history in histories:
        changes = {change.at: change for change in history.changes}
        for run in history.runs:
            change = changes.get(run.created_at)
            rows.append(
                {name: getattr(history, name) for name in (*CELL, "setting")}
                | msgspec.structs.asdict(run)
                | {
                    "change": change and change.ratio,
                    "change_low": change and change.low,
                    "change_high": change and change.high,
                    "what": "; ".join(change.what) if change else "",
                }
            )
    columns = [*CELL, "setting", *Run.__struct_fields__, "change", "change_low", "change_high", "what"]
    figures = [name for name in columns if name.endswith("_ms") or name.startswith("change")]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(figures, "float64"))


def _history(rows: list[dict[Any, Any]], setting: str, alpha: float, least_ratio: float) -> CellHistory:
    course = judge_series(
        [_location(row) for row in rows],
        [_half_width(row) for row in rows],
        alpha=alpha,
        least_ratio=least_ratio,
    )
    answer: Answer = "changed" if course.changes else "no change"
    if not course.changes and course.smallest_ratio is None:
        answer = "too few runs" if len(rows) < MIN_RUNS else "too much noise"
    return CellHistory(
        **{name: _known(rows[0][name]) for name in CELL},
        setting=setting,
        answer=answer,
        smallest_ratio=course.smallest_ratio,
        runs=[
            Run(
                created_at=row["created_at"],
                location_ms=_location(row),
                low_ms=_known(row[INTERVAL[1]]),
                high_ms=_known(row[INTERVAL[2]]),
                level_ms=level if answer in ("changed", "no change") else None,
                weight=weight,
                unstable=_unstable(row),
                commit=_known(row["commit"]),
            )
            for row, level, weight in zip(rows, course.levels_ms, course.weights, strict=True)
        ],
        changes=[_point(rows, change) for change in course.changes],
    )


def _point(rows: list[dict[Any, Any]], change: Change) -> ChangePoint:
    near = rows[change.earliest - 1 : change.latest + 1]
    what = [
        words
        for old, new in pairwise(near)
        for name in CONDITIONS
        for words in _difference(name, _known(old[name]), _known(new[name]))
    ]
    programs = {_known(row["pte_sha256"]) for row in near}
    if None not in programs:
        what.append("the same program" if len(programs) == 1 else "another program")
    return ChangePoint(
        at=rows[change.at]["created_at"],
        before=near[0]["created_at"],
        after=near[-1]["created_at"],
        ratio=change.ratio,
        low=change.low,
        high=change.high,
        what=what,
    )


def _difference(name: str, old: Any, new: Any) -> list[str]:
    """Describe how a condition differs; each library has its own description."""
    if old == new:
        return []
    if name == "libraries":
        sides = [dict(one.rsplit(" ", 1) for one in (side or "").split(", ") if one) for side in (old, new)]
        names = dict.fromkeys([*sides[0], *sides[1]])
        return [text for one in names for text in _difference(one, sides[0].get(one), sides[1].get(one))]
    if name == "commit":
        old, new = (commit and _short(commit) for commit in (old, new))
    return [f"{name} {_said(old)} to {_said(new)}"]


def _short(commit: str) -> str:
    digits, dash, dirty = commit.partition("-")
    return f"{digits[:SHORT]}{dash}{dirty}"


def _said(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _location(row: dict[Any, Any]) -> float:
    location = _known(row[INTERVAL[0]])
    return float(row[METRIC] if location is None else location)


def _half_width(row: dict[Any, Any]) -> float | None:
    half = half_width(*(_known(row[name]) for name in INTERVAL[1:]))
    return max(half or 0.0, UNSTABLE) if _unstable(row) else half


def _unstable(row: dict[Any, Any]) -> bool:
    return bool(row["stability"] == "unstable")


def _known(value: Any) -> Any:
    """Return None for a value that pandas represents as missing."""
    return None if pd.isna(value) else value
