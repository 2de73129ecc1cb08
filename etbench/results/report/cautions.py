"""What went wrong, and what a reader must know before relying on a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import pandas as pd
from msgspec import Struct

from etbench.results.checks import CHECKS, TITLES, findings_across
from etbench.results.schema import Result, Severity
from etbench.text import and_more, counted

__all__ = ["Point", "cautions", "faults"]


class Point(Struct, frozen=True, kw_only=True):
    """A title and one or more plain sentences; the kind decides how it is marked."""

    title: str
    kind: Literal["good", "note", "warning", "bad"]
    lines: list[str]


def cautions(frame: pd.DataFrame, results: Sequence[Result]) -> Iterator[Point]:
    """Report which cells have no measurements and why, and which values to read with care.

    Args:
        frame: from `etbench.results.tables.labels.label_cells`.
        results: the same cells, in the same order.

    """
    named = list(zip(frame["cell"], results, strict=True))
    yield from _without_figures(named, {"skipped": "Skipped", "built": "Built, not run"})
    lines = [*_found(named, "warning"), *_together(named), *_conditions(frame)]
    if lines:
        yield Point(title="Read with care", kind="warning", lines=lines)
    if notes := list(_found(named, "note")):
        yield Point(title="Notes", kind="note", lines=notes)
    judged = [result.stability for result in results if result.latency_ms]
    if judged and all(one is not None and one.verdict == "stable" for one in judged):
        yield Point(title="Noise", kind="good", lines=["The level of every cell is known to ±5 % or better."])


def faults(frame: pd.DataFrame, results: Sequence[Result]) -> Iterator[Point]:
    """Report which cells are wrong or failed, and why; the arguments are those of `cautions`."""
    named = list(zip(frame["cell"], results, strict=True))
    if lines := list(_found(named, "error")):
        yield Point(title="Wrong", kind="bad", lines=lines)
    yield from _without_figures(named, {"failed": "Failed"})


def _without_figures(named: Sequence[tuple[str, Result]], titles: Mapping[str, str]) -> Iterator[Point]:
    """Group the cells that ended in one of these ways by their reason."""
    for status, title in titles.items():
        reasons: dict[str, list[str]] = {}
        for name, result in named:
            if result.status == status:
                reasons.setdefault(_reason(result), []).append(name)
        if reasons:
            lines = [f"{and_more(names, 8)}: {reason}" for reason, names in reasons.items()]
            yield Point(title=title, kind="bad" if status == "failed" else "warning", lines=lines)


def _reason(result: Result) -> str:
    if result.failure is None:
        return result.reason or "no reason was recorded"
    failure = result.failure
    where = f" ({failure.where})" if failure.where else ""
    hint = f" Hint: {failure.hint}" if failure.hint else ""
    return f"at stage {failure.stage}: {failure.first_line}{where}{hint}"


def _found(named: Sequence[tuple[str, Result]], severity: Severity) -> Iterator[str]:
    """Explain each finding of a severity once, and name the cells that have it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, result in named:
        for finding in result.findings or []:
            if finding.severity == severity:
                message = f"{finding.message} (accepted)" if finding.accepted else finding.message
                found.setdefault(finding.code, []).append((name, message))
    for check in CHECKS:
        cells = found.get(check.code)
        if not cells:
            continue
        whose = f"All {len(named)} cells" if len(cells) == len(named) > 1 else ""
        if len({message for _, message in cells}) == 1:
            listed = f"{whose or and_more([name for name, _ in cells])}: {cells[0][1]}"
        else:
            listed = and_more(f"{name} ({message})" for name, message in cells)
        cure = f" What to do: {check.cure}." if severity == "error" and check.cure else ""
        yield f"{check.title} {listed}.{cure} [{check.code}]"


def _together(named: Sequence[tuple[str, Result]]) -> Iterator[str]:
    for finding in findings_across(named):
        yield f"{TITLES[finding.code]} {finding.message}. [{finding.code}]"


def _conditions(frame: pd.DataFrame) -> Iterator[str]:
    own = frame[frame["source"].eq("etbench")]
    nouns = {
        "machine": "machine",
        "threads": "thread count",
        "runner": "runner",
        "env": "interpreter",
        "inputs": "input shape",
        "weights": "source of their weights",
    }
    for column, noun in nouns.items():
        values = own[column].dropna().astype(str)
        varied = values.groupby(own["model"]).nunique()
        if len(varied) and varied.max() > 1:
            yield f"Cells of one model differ in {noun}; only cells with the same one are compared."
    repeated = int(frame.duplicated(["setting", "precision", "delegate", "variant"], keep=False).sum())
    if repeated:
        yield (
            f"{counted(repeated, 'result')} of cells that were measured more than once; their names have the "
            "folder or, in order of time, #1, #2 …"
        )
