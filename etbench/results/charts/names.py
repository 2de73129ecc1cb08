"""Names beside points, lifted or lowered where they would cover each other: Vega-Lite cannot do that."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["name_offsets"]

LETTER, LINE, BESIDE = 6.2, 12.0, 8.0  # pixels: width of a letter, height of a line, distance from the point
STEPS = (0, -1, 1, -2, 2, -3, 3, -4, 4)  # lines up or down that are tried


def name_offsets(across: Sequence[float], down: Sequence[float], names: Sequence[str]) -> list[float]:
    """Return by how many pixels to lower each name (negative: to lift it) so that few cover each other.

    Args:
        across: pixels of each point from the left.
        down: pixels from the top.
        names: what is written to the right of each.

    """
    offsets: list[float] = []
    taken: list[tuple[float, float, float]] = []
    for x, y, name in zip(across, down, names, strict=True):
        start, end = x + BESIDE, x + BESIDE + LETTER * len(name)
        free = (
            step * LINE
            for step in STEPS
            if all(
                end <= left or start >= right or abs(y + step * LINE - other) >= LINE
                for left, right, other in taken
            )
        )
        offset = next(free, 0.0)
        taken.append((start, end, y + offset))
        offsets.append(offset)
    return offsets
