"""The value that a job returns to an optimizing sweeper: a metric of its result, with bounds on others."""

from __future__ import annotations

import math

from etbench.results.decision.bounds import Bound, bound_faults, parse_bounds
from etbench.results.decision.figures import ACCURACY, accuracy_names, direction, figure, name_fault
from etbench.results.decision.rules import Bounds
from etbench.results.schema import Result

__all__ = ["accuracy_faults", "faults", "objective_value", "share_faults"]


def faults(objective: str, bounds: Bounds | None) -> list[str]:
    """List unknown names and bounds that cannot be read, before a sweep spends hours on them."""
    fault = name_fault(objective)
    return [*([f"decision.objective={objective}: {fault}"] if fault else []), *bound_faults(bounds or {})]


def accuracy_faults(objective: str, bounds: Bounds | None) -> list[str]:
    """List figures of the accuracy function that a cell without one will not have."""
    named = {f"decision.objective={objective}": objective}
    named |= {f"bound of {name}": name for name in bounds or {}}
    return [
        f"{where}: no accuracy is evaluated; choose a function, such as evaluate=top1"
        for where, name in named.items()
        if name.startswith(ACCURACY)
    ]


def share_faults(bounds: Bounds | None) -> list[str]:
    """List bounds on an accuracy of `etbench.evaluate` that no share of items can keep, such as ``>=98``."""
    given = {name: text for name, text in (bounds or {}).items() if name.startswith(ACCURACY)}
    own = parse_bounds({name: text for name, text in given.items() if not bound_faults({name: text})})
    return [
        f"bound of {one.name}: {one.text!r}: a share is at most 1; write '{one.side}{one.value:g}%'"
        for one in own
        if one.kind == "value" and one.value > 1
    ]


def objective_value(result: Result | None, objective: str, bounds: Bounds | None) -> float | None:
    """Return the metric of a result; infinitely bad if a bound is violated, None if there is no value.

    Args:
        result: that of the cell; None if it was left out. A wrong one is infinitely bad.
        objective: a column of results.csv, or a dotted path into the result.
        bounds: see `etbench.results.decision.bounds`. Those relative to another cell do not count, since a
            job knows only its own.

    """
    if result is None or result.status in ("failed", "skipped"):
        return None
    value = figure(result, objective)
    if value is None:
        return None
    own = [bound for bound in parse_bounds(bounds or {}) if bound.reference is None]
    if result.status != "wrong" and all(_keeps(result, bound) for bound in own):
        return value
    worse = -1 if direction(objective) == "higher" else 1
    return worse * math.inf


def _keeps(result: Result, bound: Bound) -> bool:
    names = accuracy_names([result], bound.name) if bound.name.startswith(ACCURACY) else [bound.name]
    values = [figure(result, name) for name in names]
    return bool(values) and all(value is not None and bound.keeps(value, bound.limit()) for value in values)
