"""The figures of a result by name: columns, those of the accuracy function, and paths into the result."""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from etbench.errors import nearest
from etbench.results.schema import Result, without_emulated_times
from etbench.results.tables.evaluation import PREFIX as ACCURACY
from etbench.results.tables.evaluation import accuracy_text, metric_named
from etbench.results.tables.metrics import COLUMNS
from etbench.results.tables.numbers import data_size, db, milliseconds

__all__ = [
    "ACCURACY",
    "FIGURES",
    "accuracy_names",
    "direction",
    "figure",
    "in_words",
    "is_share",
    "judged_items",
    "name_fault",
    "shared_items",
]

ERROR = re.compile(r"(^|_)(loss|perplexity|error|[wc]er|r?mse|mae)(_|$)")  # figures of which less is better
FIGURES = {column.name: column for column in COLUMNS if column.better}


def figure(result: Result, name: str) -> float | None:
    """Return a figure of a result, or None if it has none.

    Args:
        result: of a cell.
        name: a column of results.csv, ``eval_`` and a figure of the accuracy function, or a dotted path into
            the result such as ``latency_ms.p50``.

    """
    column, result = metric_named(name), without_emulated_times(result)
    value = column.read(result) if column and column.better else _at(result, name)
    return None if value is None or math.isnan(value) else float(value)


def direction(name: str) -> str:
    """Return whether ``lower`` or ``higher`` is better: lower for paths and figures named after an error."""
    if name.startswith(ACCURACY):
        return "lower" if ERROR.search(name) else "higher"
    return FIGURES[name].better if name in FIGURES else "lower"


def is_share(name: str) -> bool:
    """Return whether a figure is a share from 0 to 1, whose differences are percentage points."""
    return name.startswith(ACCURACY) or name.endswith(("_share", "_agreement"))


def accuracy_names(results: Iterable[Result], pattern: str = f"{ACCURACY}*") -> list[str]:
    """Return the names of the accuracy function's figures that match a pattern, in the order they appear.

    Those of which less is better, to judge by their names (``eval_loss``), only match a name without a star.
    """
    names = dict.fromkeys(f"{ACCURACY}{key}" for result in results for key in result.evaluation or {})
    found = [name for name in names if fnmatchcase(name, pattern)]
    return [name for name in found if name == pattern or direction(name) == "higher"]


def judged_items(result: Result, name: str) -> int | None:
    """Return of how many items an accuracy is the share that is right, or None if that is not known."""
    answers = result.evaluation_items.get(name.removeprefix(ACCURACY))
    return None if answers is None or answers.booleans is None else answers.count


def shared_items(results: Iterable[Result]) -> dict[str, set[str]]:
    """Return of each share of items the checksums of the items that several models judged; often nothing."""
    models: dict[tuple[str, str], set[str]] = {}
    for result in results:
        for name, judged in result.evaluation_items.items():
            models.setdefault((name, judged.items_sha256), set()).add(result.model_name)
    shared: dict[str, set[str]] = {}
    for (name, checksum), who in models.items():
        if len(who) > 1:
            shared.setdefault(name, set()).add(checksum)
    return shared


def in_words(name: str, value: float, *, share: bool = False) -> str:
    """Write a value of a figure with its unit; in percent if it is a share of items."""
    if share:
        return accuracy_text(value, is_share=True)
    for end, write in (("_bytes", data_size), ("_ms", milliseconds), ("_db", db)):
        if name.endswith(end):
            return write(value)
    return f"{value:.4g}"


def name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a figure, or None; any that begins with ``eval_`` is accepted."""
    if name.startswith(ACCURACY) or name in FIGURES:
        return None
    kind: Any = Result
    for part in name.split("."):
        kind = _without_none(kind)
        if typing.get_origin(kind) is dict:
            kind = typing.get_args(kind)[1]
            continue
        known = _fields(kind)
        if part not in known:
            choices = [*known, *FIGURES] if kind is Result else list(known)
            return (
                f"there is no metric {part!r}{nearest(part, choices)}; docs/reference/columns.md lists them"
            )
        kind = known[part]
    return None if _without_none(kind) in (int, float) else "not a number"


def _at(result: Result, path: str) -> Any:
    value: Any = result
    for part in path.split("."):
        if value is None:
            return None
        value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    return value


def _fields(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {info.name: info.type for info in msgspec.structs.fields(kind)}
    return {}


def _without_none(kind: Any) -> Any:
    """Return a type without None, and without the range of a number."""
    if typing.get_origin(kind) is typing.Annotated:
        return _without_none(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        return _without_none(kinds[0]) if len(kinds) == 1 else kind
    return kind
