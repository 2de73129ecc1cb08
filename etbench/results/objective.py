"""The value that a job returns to an optimizing sweeper: a metric of its result, with bounds on others."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from etbench.errors import nearest
from etbench.results.schema import Result
from etbench.results.tables.evaluation import PREFIX, metric_named
from etbench.results.tables.metrics import COLUMNS, Column

__all__ = ["accuracy_faults", "faults", "objective_value"]

FIGURES = {column.name: column for column in COLUMNS if column.better}


def faults(objective: str, bounds: Mapping[str, float]) -> list[str]:
    """List unknown names, before a sweep spends hours on them."""
    found = [] if _metric(objective) else _path_faults(objective)
    return found + [
        f"bounds.{name}: no such metric{nearest(name, FIGURES)}; docs/reference/columns.md lists them"
        for name in bounds
        if _metric(name) is None
    ]


def accuracy_faults(objective: str, bounds: Mapping[str, float]) -> list[str]:
    """List figures of the accuracy function that a cell without one will not have."""
    named = {"objective": objective} | {f"bounds.{name}": name for name in bounds}
    return [
        f"{key}={name}: no accuracy is evaluated; choose a function, such as evaluate=top1"
        if key == "objective"
        else f"{key}: no accuracy is evaluated; choose a function, such as evaluate=top1"
        for key, name in named.items()
        if name.startswith(PREFIX)
    ]


def _metric(name: str) -> Column | None:
    """Return the column of results.csv with this name, if it is a metric."""
    column = metric_named(name)
    return column if column and column.better else None


def objective_value(result: Result | None, objective: str, bounds: Mapping[str, float]) -> float | None:
    """Return the metric of a result; infinitely bad if a bound is violated, None if there is no value.

    Args:
        result: that of the cell; None if it was left out.
        objective: a column of results.csv, or a dotted path into the result.
        bounds: columns with their limits: a minimum if higher is better, a maximum if lower is better. A
            cell that is wrong is infinitely bad.

    """
    if result is None or result.status in ("failed", "skipped"):
        return None
    column = _metric(objective)
    value = column.read(result) if column else _at(result, objective)
    if value is None:
        return None
    if result.status != "wrong" and all(_keeps(result, name, bound) for name, bound in bounds.items()):
        return float(value)
    worse = -1 if column and column.better == "higher" else 1
    return worse * math.inf


def _keeps(result: Result, name: str, bound: float) -> bool:
    column = _metric(name)
    assert column is not None  # as `faults` found
    value, higher = column.read(result), column.better == "higher"
    if value is None or math.isnan(value):
        return False
    return bool(value >= bound if higher else value <= bound)


def _at(result: Result, path: str) -> Any:
    value: Any = result
    for part in path.split("."):
        if value is None:
            return None
        value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    return value


def _path_faults(path: str) -> list[str]:
    """Follow a dotted path through the types of a result."""
    kind: Any = Result
    for part in path.split("."):
        kind = _without_none(kind)
        if typing.get_origin(kind) is dict:
            kind = typing.get_args(kind)[1]
            continue
        known = _fields(kind)
        if part not in known:
            choices = [*known, *FIGURES] if kind is Result else list(known)
            return [
                f"objective={path}: there is no metric {part!r}{nearest(part, choices)}; "
                "docs/reference/columns.md lists them"
            ]
        kind = known[part]
    if _without_none(kind) not in (int, float):
        return [f"objective={path}: not a number"]
    return []


def _fields(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {info.name: info.type for info in msgspec.structs.fields(kind)}
    return {}


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind
