"""The types of arguments that several subcommands have; the errors name the value and what is expected."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from etbench import text as texts

__all__ = ["count", "number_of", "share"]


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, 1 or more")
    return value


def share(text: str) -> float:
    """Read a share, such as ``5%`` or ``0.05``."""
    try:
        return texts.share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def number_of(what: str, *, below: float) -> Callable[[str], float]:
    """Return a reader of numbers of something, such as days, above 0 and below a limit."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < below:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what} above 0")
        return value

    return read
