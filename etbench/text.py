"""Numbers and lists in words, as messages, tables and reports have them, and texts made safe to print."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "and_more",
    "counted",
    "path_text",
    "percent",
    "printable",
    "seconds_text",
    "shape_text",
    "share",
    "share_cell",
    "shown_path",
    "writable",
]


def counted(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "model"), counted(2, "model"), counted(3, "batch")
    ('1 model', '2 models', '3 batches')
    """
    ending = "es" if noun.endswith("ch") else "s"
    return f"{count} {noun}{'' if count == 1 else ending}"


def and_more(names: Iterable[str], most: int = 5) -> str:
    """List names, and how many more there are beyond the first.

    >>> and_more("abc", most=2)
    'a, b and 1 more'
    """
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def shown_path(path: Path) -> str:
    """Write a path as a user would: from the current folder, if it is in there."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return str(path)
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def shape_text(shape: Iterable[int]) -> str:
    """Write the shape of a tensor.

    >>> shape_text([1, 3, 224, 224]), shape_text([])
    ('1x3x224x224', 'scalar')
    """
    return "x".join(map(str, shape)) or "scalar"


def seconds_text(seconds: float) -> str:
    """Format a duration with a precision that suits its size.

    >>> [seconds_text(value) for value in (0.0042, 0.9996, 1.34, 42.6, 99.6, 700)]
    ['4.2 ms', '1 s', '1.3 s', '43 s', '100 s', '11 min 40 s']
    """
    if seconds < 0.9995:  # which rounds to 1000 ms
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds:.0f} s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s"


def percent(share: float) -> str:
    """Write a share of 1 in a sentence.

    >>> percent(0.05), percent(0.98765), percent(1.5)
    ('5 %', '98.8 %', '150 %')
    """
    return f"{100 * share:.3g} %"


def share_cell(share: float | None) -> str:
    """Write a share of 1 in a column of others, with one decimal.

    >>> share_cell(0.05), share_cell(0.98765), share_cell(None)
    ('5.0%', '98.8%', '?')
    """
    return "?" if share is None else f"{share:.1%}"


def share(text: str) -> float:
    """Read a share that is written as a percentage or as a number up to 1.

    >>> share("5%"), share("0.05"), share("150 %")
    (0.05, 0.05, 1.5)

    Raises:
        ValueError: if it is not a number, not above 0 and at most 1,000 %, or a number above 1 without a %.

    """
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = math.nan
    if rest or not 0 < value <= 10:
        raise ValueError(f"{text!r} is not a valid share; write it as 5% or 0.05")
    if value > 1 and not percent:
        raise ValueError(f"{text!r} is {100 * value:g} %; did you mean {number}% or {value / 100:g}?")
    return value


def printable(text: str) -> str:
    r"""Escape what a terminal, a log or XML may take for a command: control and direction characters.

    Line breaks stay.

    >>> printable("a\x1b[31mb\u202e"), printable("a\nb")
    ('a\\x1b[31mb\\u202e', 'a\nb')
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def path_text(path: str | Path) -> str:
    r"""Write a path in one line: control characters and bytes that are not UTF-8 are escaped.

    >>> path_text("a\nb/\udcff.json")
    'a\\nb/\\udcff.json'
    """
    return printable(str(path)).replace("\n", "\\n")


def writable(text: str) -> str:
    r"""Return a text with lone surrogates escaped, such as those of a path that is not UTF-8.

    >>> writable("photo-\udcff.jpg") == r"photo-\udcff.jpg"
    True
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
