"""A filter of cells: ``precision=int8 and sqnr_db<20``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from etbench.errors import EtbenchError, nearest
from etbench.results.decision.bounds import COMPARE, parse_value
from etbench.results.decision.figures import ACCURACY, FIGURES, figure
from etbench.results.schema import Result
from etbench.results.tables.metrics import COLUMNS

__all__ = ["matching", "parse_where"]

Condition = Callable[[Result], bool]
TEXTS = {column.name: column for column in COLUMNS if not column.better and not column.raw}
TERM = re.compile(r"\s*(\w+)\s*(<=|>=|!=|==|<|>|=)\s*(.+?)\s*")
SIGNS = {**COMPARE, "=": operator.eq, "==": operator.eq, "!=": operator.ne}


def matching(text: str, results: Iterable[Result]) -> list[Result]:
    """Return the results that meet a condition, see `parse_where`.

    Raises:
        EtbenchError: if the condition is not valid, or no result meets it.

    """
    condition = parse_where(text)
    found = [result for result in results if condition(result)]
    if not found:
        raise _fault(f"no cell meets {text!r}")
    return found


def parse_where(text: str) -> Condition:
    """Return the condition that a text describes: terms joined by ``and``.

    A term is a column of results.csv, an operator and a value. A figure may have a unit
    (``pte_bytes<=20MB``); a text may be a pattern or a list (``precision=int8*,fp16``). A cell without the
    figure does not match.

    Raises:
        EtbenchError: if it has another form or names an unknown column.

    """
    terms = [_term(term, text) for term in re.split(r"\s+and\s+", text.strip())]
    return lambda result: all(term(result) for term in terms)


def _term(term: str, whole: str) -> Condition:
    match = TERM.fullmatch(term)
    if match is None:
        raise _fault(f"{term!r} in {whole!r} is not a condition; write one such as 'precision=int8'")
    name, sign, value = match.groups()
    if name.startswith(ACCURACY) or name in FIGURES:
        return _of_figure(name, sign, value)
    if name not in TEXTS:
        raise _fault(
            f"{term!r}: there is no column {name!r}{nearest(name, [*TEXTS, *FIGURES])}; "
            "docs/reference/columns.md lists them"
        )
    if sign not in ("=", "==", "!="):
        raise _fault(f"{term!r}: {name} is not a figure; compare it with = or !=")
    read, patterns = TEXTS[name].read, [one.strip() for one in value.split(",")]

    def matches(result: Result) -> bool:
        found = any(fnmatchcase(_words(read(result)), pattern) for pattern in patterns)
        return found != (sign == "!=")

    return matches


def _of_figure(name: str, sign: str, value: str) -> Condition:
    try:
        limit = parse_value(name, value)
    except ValueError:
        raise _fault(f"{name}{sign}{value}: {value!r} is not a value of {name}") from None
    compare = SIGNS[sign]

    def holds(result: Result) -> bool:
        found = figure(result, name)
        return found is not None and compare(found, limit)

    return holds


def _words(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fault(message: str) -> EtbenchError:
    return EtbenchError(message, stage="where")
