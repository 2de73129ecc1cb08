"""Conditions on a result that fail a comparison: on a figure, ``pte_bytes>+2%``, or ``finding:CODE``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from etbench.errors import EtbenchError, nearest
from etbench.results.checks import CODES, codes_like
from etbench.results.comparison.pairing import cell_name
from etbench.results.comparison.tails import TAIL_BOUNDS, bounded_pairs, tail_change
from etbench.results.schema import Result
from etbench.results.tables.evaluation import PREFIX, metric_named
from etbench.results.tables.metrics import COLUMNS, Column

__all__ = ["Condition", "FindingCondition", "Violation", "check_conditions", "parse_condition"]

ALIASES = {"artifact_bytes": "pte_bytes"}
UNBOUNDED = {"latency_p95_ms": "p95_bound", "latency_p99_ms": "p99_bound"}
OF_LATENCY = ("latency_", "throughput_", "gflops_")  # the start of the names of what follows from the samples
FORM = re.compile(r"\s*(\S+?)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*(%|pp)?\s*")
POINTS = 100  # in a share of 1


class Condition(Struct, frozen=True, kw_only=True):
    """A change since the baseline that fails the comparison.

    `limit` is in percent or in the metric's unit.
    """

    text: str
    metric: str
    side: Literal[">", "<"]
    limit: float
    percent: bool


class FindingCondition(Struct, frozen=True, kw_only=True):
    """A finding of new that the baseline lacks; `pattern` is a code, or several such as ``calibration.*``."""

    text: str
    pattern: str


class Violation(Struct, frozen=True, kw_only=True):
    """A cell that meets a condition. `change` is in percent or in the metric's own unit.

    `new` and `change` are null if the baseline has a value and new has none, or if they are infinite.
    """

    cell: str
    condition: str
    base: float | None
    new: float | None
    change: float | None
    message: str


def parse_condition(text: str) -> Condition | FindingCondition:
    """Read ``metric>+2%`` (of the baseline), ``metric<-1`` (in its own unit), or ``finding:CODE``.

    ``eval_top1<-0.5pp`` is in percentage points, for a metric that is a share.

    Raises:
        EtbenchError: if it has another form, an unknown metric or code; the message lists what is known.

    """
    kind, _, pattern = text.strip().partition(":")
    if kind == "finding":
        if not codes_like(pattern):
            raise EtbenchError(
                f"{text!r}: no finding has the code {pattern!r}{nearest(pattern, CODES)}; the codes are "
                f"{', '.join(CODES)}",
                stage="compare",
            )
        return FindingCondition(text=text.strip(), pattern=pattern)
    match = FORM.fullmatch(text)
    if match is None:
        raise EtbenchError(
            f"{text!r} is not a valid condition: write metric, > or <, and a change, "
            'such as "pte_bytes>+2%" or "sqnr_db<-1", or finding:CODE',
            stage="compare",
        )
    name, side, limit, unit = match.groups()
    metric = ALIASES.get(name, name)
    column = metric_named(metric)
    if column is None or not column.better:
        can = [one.name for one in COLUMNS if one.better and not one.name.startswith(OF_LATENCY)]
        known = [*can, f"{PREFIX}NAME"]
        raise EtbenchError(
            f"{text!r}: there is no metric {name!r}; the metrics are {', '.join(known)}", stage="compare"
        )
    if metric in UNBOUNDED:
        raise EtbenchError(
            f"{text!r}: percentiles of samples differ by chance; use {UNBOUNDED[metric]}, "
            "which is met only if the bounds of the two percentiles are that far apart",
            stage="compare",
        )
    if metric.startswith(OF_LATENCY):
        raise EtbenchError(
            f"{text!r}: latencies of equal programs differ by chance; use --fail-above, which decides with "
            "the interval of the change",
            stage="compare",
        )
    return Condition(
        text=text.strip(),
        metric=metric,
        side=">" if side == ">" else "<",
        limit=float(limit) / (POINTS if unit == "pp" else 1),
        percent=unit == "%",
    )


def check_conditions(
    conditions: Sequence[Condition | FindingCondition], pairs: Sequence[tuple[Result, Result]]
) -> list[Violation]:
    """Return the violations of the conditions; a value that the baseline has and `new` lacks is one.

    Raises:
        EtbenchError: if no cell of the baseline has the metric of a condition, which could then never fail.

    """
    found: list[Violation] = []
    for condition in conditions:
        if isinstance(condition, FindingCondition):
            for base, new in pairs:
                found += _new_findings(condition, base, new)
            continue
        if condition.metric in TAIL_BOUNDS:
            found += _tail_violations(condition, pairs)
            continue
        column = metric_named(condition.metric)
        assert column is not None  # as `parse_condition` found
        known = [pair for pair in pairs if _figure(column, pair[0]) is not None]
        if pairs and not known:
            raise EtbenchError(
                f"{condition.text!r} can never fail: no cell of BASELINE has {condition.metric}",
                stage="compare",
            )
        for base, new in known:
            found += _check(condition, column, base, new)
    return found


def _check(condition: Condition, column: Column, base: Result, new: Result) -> list[Violation]:
    before, after = _figure(column, base), _figure(column, new)
    if before is None:
        return []
    if after is None:
        change, message = None, f"the baseline has {before:.6g}, new has none"
    else:
        change = _change(before, after, percent=condition.percent)
        if not _is_met(condition, change):
            return []
        unit = "%" if condition.percent else ""
        message = f"{before:.6g} to {after:.6g} ({change:+.4g}{unit})"
    return [_violation(condition, new, before, after, change, message)]


def _tail_violations(condition: Condition, pairs: Sequence[tuple[Result, Result]]) -> Iterator[Violation]:
    higher = condition.side == ">"
    for new, *bounds in bounded_pairs(condition.metric, pairs):
        before, after = tail_change(*bounds, higher=higher)
        change = _change(before, after, percent=condition.percent)
        if _is_met(condition, change):
            words = ("at most", "at least") if higher else ("at least", "at most")
            message = f"{words[0]} {before:.6g} ms, now {words[1]} {after:.6g} ms"
            yield _violation(condition, new, before, after, change, message)


def _is_met(condition: Condition, change: float) -> bool:
    return change > condition.limit if condition.side == ">" else change < condition.limit


def _violation(
    condition: Condition, new: Result, before: float, after: float | None, change: float | None, message: str
) -> Violation:
    return Violation(
        cell=cell_name(new),
        condition=condition.text,
        base=_finite(before),
        new=_finite(after),
        change=_finite(change),
        message=message,
    )


def _new_findings(condition: FindingCondition, base: Result, new: Result) -> Iterator[Violation]:
    had = {finding.code for finding in base.findings or []}
    for finding in new.findings or []:
        if finding.code not in had and fnmatchcase(finding.code, condition.pattern):
            yield Violation(
                cell=cell_name(new),
                condition=condition.text,
                base=None,
                new=None,
                change=None,
                message=f"{finding.severity} {finding.code}: {finding.message}",
            )


def _figure(column: Column, result: Result) -> float | None:
    value = column.read(result)
    return None if value is None else float(value)


def _change(before: float, after: float, *, percent: bool) -> float:
    if before == after:
        return 0.0
    if not percent:
        return after - before
    if before == 0 or math.isinf(before):
        return math.copysign(math.inf, after - before)
    return 100 * (after - before) / abs(before)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
