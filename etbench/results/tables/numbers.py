"""Format numbers for a reader: few digits, a unit, and ranges instead of lists."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["data_size", "db", "half_width", "in_percent", "milliseconds", "number", "span"]


def number(value: float) -> str:
    """Write three significant digits, and all digits of numbers from 1000.

    Only an SQNR is infinite: that of an output without an error.

    >>> [number(value) for value in (0.9586, 17.32, 999.7, 21363.8, math.inf)]
    ['0.959', '17.3', '1,000', '21,364', 'exact']
    """
    if math.isinf(value):
        return "exact"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def milliseconds(value: float) -> str:
    """Write a latency in ms."""
    return f"{number(value)} ms"


def data_size(size_bytes: float) -> str:
    """Write a size in MB of 10^6 bytes, a small one in kB.

    >>> data_size(14_040_000), data_size(70_200)
    ('14 MB', '70.2 kB')
    """
    return f"{number(size_bytes / 1e6)} MB" if abs(size_bytes) >= 1e6 else f"{number(size_bytes / 1e3)} kB"


def half_width(low: float | None, high: float | None) -> float | None:
    """Return half of an interval on the log scale, as a share of the value in it; None if it has no bounds.

    >>> round(half_width(0.98, 1.02), 3)
    0.02
    """
    return None if low is None or high is None else math.log(high / low) / 2


def db(value: float) -> str:
    """Write decibels."""
    return "exact" if math.isinf(value) else f"{value:.3g} dB"


def in_percent(share: float) -> str:
    """Write a share of 1 below a heading that has the sign.

    >>> in_percent(0.257)
    '25.7'
    """
    return number(100 * share)


def span(values: Iterable[float], unit: str = "") -> str:
    """Write the range from the smallest to the largest value, or the only value.

    >>> span([3.2, 1.0], "dB"), span([1.0])
    ('1 to 3.2 dB', '1')
    """
    low, high = (number(bound) for bound in _bounds(values))
    text = low if low == high else f"{low} to {high}"
    return f"{text} {unit}".rstrip()


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    known = [value for value in values if not math.isnan(value)]
    return min(known), max(known)
