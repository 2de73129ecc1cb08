"""Whether a cell keeps a bound: yes, no, unknown, or too close to tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec
from msgspec import Struct

from etbench.results.decision.bounds import Bound
from etbench.results.decision.candidates import Candidate, ratios
from etbench.results.decision.figures import ACCURACY, accuracy_names, figure, in_words, judged_items
from etbench.results.tables.evaluation import HIGH, LOW, paired_shares, points
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.speedup import FAR
from etbench.stats.shares import PairedShares, items_to_decide

__all__ = ["Check", "check_bound"]

Outcome = Literal["kept", "broken", "undecided", "missing"]
CI = ("latency_ci95_low_ms", "latency_ci95_high_ms")
MOST_ITEMS = 1_000_000


class Check(Struct, frozen=True, kw_only=True):
    """What became of a bound: its outcome, and the figures that show it in words.

    `lacks_items` is true if it is undecided because too few items were judged, which no more rounds change.
    """

    outcome: Outcome
    words: str
    lacks_items: bool = False


def check_bound(bound: Bound, cell: Candidate) -> list[Check]:
    """Check a bound on a cell; one on several accuracies has a check for each.

    The median latency and a share of items count with their intervals, the ratio of a latency to the
    reference with that of the ratio, and an accuracy on the reference's items with that of the paired
    difference: a bound inside of the interval is undecided. A latency without an interval counts as known to
    a factor of two. Other figures count as they are.
    """
    if not bound.name.startswith(ACCURACY):
        return [_check(bound, bound.name, cell)]
    reference = _reference(bound, cell)
    names = accuracy_names([cell.result, *([reference.result] if reference else [])], bound.name)
    if not names:
        return [Check(outcome="missing", words=f"{bound.name} is unknown")]
    return [_check(bound, name, cell) for name in names]


def _reference(bound: Bound, cell: Candidate) -> Candidate | None:
    return {None: None, "fp32": cell.fp32, "baseline": cell.baseline}[bound.reference]


def _check(bound: Bound, name: str, cell: Candidate) -> Check:
    value = figure(cell.result, name)
    if value is None:
        return Check(outcome="missing", words=f"{name} is unknown")
    if bound.reference is None:
        interval = _interval(name, cell)
        if interval is None and name == METRIC:
            found = (value, value / FAR, value * FAR)
            return _judged(bound, name, found, bound.limit(), doubt="too few rounds for an interval")
        found = (value, *(interval or (value, value)))
        items = judged_items(cell.result, name)
        check = _judged(bound, name, found, bound.limit(), share=items is not None)
        if items is None:
            return check
        if bound.limit() > 1:
            more = f"{check.words} ({name} is a share of items: write {bound.side}{bound.value:g}% or less)"
            return msgspec.structs.replace(check, words=more)
        return _with_items(check, items, found, bound.limit())
    reference = _reference(bound, cell)
    known = None if reference is None else figure(reference.result, name)
    if reference is None or known is None:
        return Check(outcome="missing", words=f"{name} of {bound.reference} is unknown")
    if name == METRIC and known > 0 and reference.result is not cell.result:
        ratio = cell.to_fp32 if bound.reference == "fp32" else ratios([(cell, reference)])[0]
        assert ratio is not None
        limit, doubt = bound.limit(known) / known, "" if ratio.interleaved else "no interval: not interleaved"
        return _judged(bound, f"{name} / {bound.reference}", ratio.inverse, limit, doubt=doubt)
    if (paired := _paired(name, cell, reference)) is not None:
        found = (value, known + paired.low, known + paired.high)
        check = _judged(bound, name, found, bound.limit(known), beside=known, share=True)
        return _with_items(check, paired.items, found, bound.limit(known))
    return _judged(bound, name, (value, value, value), bound.limit(known), beside=known)


def _paired(name: str, cell: Candidate, reference: Candidate) -> PairedShares | None:
    """Compare a share of items with that of the reference, item by item; None if that is not known."""
    key = name.removeprefix(ACCURACY)
    base, new = (one.result.evaluation_items.get(key) for one in (reference, cell))
    return None if new is base else paired_shares(base, new)


def _interval(name: str, cell: Candidate) -> tuple[float, float] | None:
    """Return the interval of a latency or of a share of items; None without one, and for other figures."""
    ends = CI if name == METRIC else (f"{name}{LOW}", f"{name}{HIGH}")
    if name == METRIC or name.startswith(ACCURACY):
        low, high = (figure(cell.result, end) for end in ends)
        if low is not None and high is not None:
            return low, high
    return None


def _with_items(check: Check, items: int, found: tuple[float, float, float], limit: float) -> Check:
    """Add to an undecided check of a share how many items decide it; more rounds only time the same ones."""
    if check.outcome != "undecided":
        return check
    needed = items_to_decide(items, *found, limit)
    if needed > MOST_ITEMS:
        more = f"{items} items do not decide it, and a million would not either: it is too near to the limit"
    else:
        needed = _rounded_up(needed)
        more = f"{items} items do not decide it: about {needed:,} would, if the figures stay the same"
    return msgspec.structs.replace(check, words=f"{check.words}; {more}", lacks_items=True)


def _rounded_up(count: float) -> int:
    """Round up to two digits: it is an estimate."""
    step: int = 10 ** max(0, len(str(int(count))) - 2)
    return math.ceil(count / step) * step


def _judged(
    bound: Bound,
    name: str,
    found: Sequence[float],
    limit: float,
    *,
    beside: float | None = None,
    share: bool = False,
    doubt: str = "",
) -> Check:
    """Judge a figure by the bounds of it, which are assumed if there is a doubt.

    Args:
        bound: that must hold.
        name: of the figure.
        found: the figure with its lower and upper bound.
        limit: that of the bound.
        beside: the figure of the reference, if it is shown.
        share: whether it is a share of items.
        doubt: why its bounds are not those of an interval.

    """
    value, low, high = found
    worst, best = (high, low) if bound.is_upper else (low, high)
    write = partial(in_words, name, share=share)
    words = f"{name} {write(value)}"
    if beside is not None:
        words += f", {write(beside)} in {bound.reference}"
    if low != high and beside is not None:  # of the paired difference
        words += f" (change {points(low - beside)} to {points(high - beside)} pp)"
    elif low != high:
        words += f" ({doubt or f'{write(low)} to {write(high)}'})"
    words += f"; wanted {bound.text}"
    if bound.keeps(worst, limit):
        return Check(outcome="kept", words=words)
    return Check(outcome="undecided" if bound.keeps(best, limit) else "broken", words=words)
