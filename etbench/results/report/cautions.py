"""What went wrong, and what a reader must know before relying on a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import pandas as pd
from msgspec import Struct

from etbench.results.files.schema import Result
from etbench.text import and_more, counted

__all__ = ["Point", "cautions"]


class Point(Struct, frozen=True, kw_only=True):
    """A title and one or more plain sentences; the kind decides how it is marked."""

    title: str
    kind: Literal["good", "note", "warning", "bad"]
    lines: list[str]


def cautions(frame: pd.DataFrame, results: Sequence[Result]) -> Iterator[Point]:
    """Report which cells have no measurements and why, which are noisy, and which values to read with care.

    Args:
        frame: from `etbench.results.tables.labels.label_cells`.
        results: the same cells, in the same order.

    """
    named = list(zip(frame["cell"], results, strict=True))
    yield from _without_figures(named)
    yield from _unstable(named)
    lines = [*_weights(results), *_parity(named), *_truncated(named), *_conditions(frame)]
    if lines:
        yield Point(title="Read with care", kind="warning", lines=lines)


def _without_figures(named: Sequence[tuple[str, Result]]) -> Iterator[Point]:
    """Group the cells that failed, were skipped or only built by their reason."""
    for status, title in (("failed", "Failed"), ("skipped", "Skipped"), ("built", "Built, not run")):
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
    first = (failure.message.splitlines() or [failure.kind])[0]
    where = f" At {failure.where}." if failure.where else ""
    hint = f" Hint: {failure.hint}" if failure.hint else ""
    return f"at stage {failure.stage}: {first}{where}{hint}"


def _unstable(named: Sequence[tuple[str, Result]]) -> Iterator[Point]:
    judged = [(name, result.stability) for name, result in named if result.stability is not None]
    lines = []
    for verdict in ("unstable", "noisy"):
        # Only the first reason of the worse verdict; all reasons are below the chart of the rounds.
        found = [
            f"{name} ({one.reasons[0]})" if verdict == "unstable" and one.reasons else name
            for name, one in judged
            if one.verdict == verdict
        ]
        if found:
            lines.append(f"{counted(len(found), 'cell')} {verdict}: {and_more(found)}.")
    unknown = sum(one.verdict == "unknown" for _, one in judged)
    if unknown:
        lines.append(f"{counted(unknown, 'cell')} with fewer than five rounds: too few to judge.")
    if lines:
        yield Point(title="Noise", kind="warning", lines=lines)
    elif judged:
        yield Point(title="Noise", kind="good", lines=["The rounds of every cell agree."])


def _weights(results: Sequence[Result]) -> Iterator[str]:
    random = sum(result.weights == "random" for result in results)
    if random:
        whose = "All cells have" if random == len(results) else f"{counted(random, 'cell')} with"
        yield (
            f"{whose} random weights: latency and size are valid, accuracy is not, and SQNR applies to "
            "these weights only."
        )


def _parity(named: Sequence[tuple[str, Result]]) -> Iterator[str]:
    for name, result in named:
        if result.parity is not None and result.parity.note:
            yield f"{name}: {result.parity.note}."


def _truncated(named: Sequence[tuple[str, Result]]) -> Iterator[str]:
    names = [name for name, result in named if result.truncated]
    if names:
        took = f"{counted(len(names), 'cell')} stopped at max_seconds with fewer samples than requested"
        yield f"{took}: {and_more(names)}."


def _conditions(frame: pd.DataFrame) -> Iterator[str]:
    imported = frame[frame["source"].ne("etbench")]
    if len(imported):
        tools = ", ".join(sorted(set(imported["source"])))
        what = f"{counted(len(imported), 'cell')} imported ({tools})"
        yield f"{what}: summaries without rounds, so no intervals and no verdicts."
    own = frame[frame["source"].eq("etbench")]
    nouns = {"host": "host", "threads": "thread count", "runner": "runner", "inputs": "input shape"}
    for column, noun in nouns.items():
        values = own[column].dropna().astype(str)
        varied = values.groupby(own["model"]).nunique()
        if len(varied) and varied.max() > 1:
            yield f"Cells of one model differ in {noun}; only cells with the same one are compared."
    repeated = int(frame["subject"].ne(frame["setting"]).sum())
    if repeated:
        yield f"{counted(repeated, 'cell')} measured more than once, numbered #1, #2 … in order of time."
