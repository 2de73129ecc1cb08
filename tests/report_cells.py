"""Names and rounds for the tests of the report."""

from __future__ import annotations

EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">|`*"


def steady(p50: float, count: int = 6) -> list[list[float]]:
    """Rounds that agree within half a percent."""
    return [[p50 * (1 + 0.001 * (number % 3 - 1))] * 3 for number in range(count)]
