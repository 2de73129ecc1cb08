"""How large a program will be: as large as the last one of its name, or a guess from others of its model."""

from __future__ import annotations

from collections.abc import Iterable

from etbench.artifact import Artifact
from etbench.builder.cache.entry import Entry
from etbench.config import Cell
from etbench.preflight.compose import option_names

__all__ = ["UNKNOWN_BYTES", "ProgramSizes"]

UNKNOWN_BYTES = 60e6  # assumed without any program of the model: the median of the 98 programs in outputs/
WEIGHT_BYTES = {
    "etbench.precisions.cast": 2,
    "etbench.precisions.int8": 1,
    "etbench.precisions.int4_groupwise": 1,
}
FULL_BYTES = 4  # of a weight in fp32


class ProgramSizes:
    """Sizes of the programs in the cache, in bytes.

    Args:
        entries: those of the cache, the most recently used first.

    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._known: dict[str, Artifact] = {}
        for entry in entries:
            if not entry.artifact.refusal:
                self._known.setdefault(entry.name, entry.artifact)
        self._precisions = tuple(f"{name}_" for name in option_names("precision")) if self._known else ()

    def last(self, cell: Cell) -> int | None:
        """Return the size of the last program of the cell's name, or None if there is none."""
        known = self._known.get(cell.stem)
        return known.pte_bytes if known else None

    def guess(self, cell: Cell) -> float | None:
        """Return the largest size that another program of the model suggests, or None without one.

        Most of a program are its weights, whose size is that of the precision.
        """
        wanted = WEIGHT_BYTES.get(cell.precision.target, FULL_BYTES)
        prefix = f"{cell.model.name}_"
        sizes = (
            artifact.pte_bytes * wanted / _weight_bytes(artifact)
            for name, artifact in self._known.items()
            if name.startswith(prefix) and name.removeprefix(prefix).startswith(self._precisions)
        )
        return max(sizes, default=None)


def _weight_bytes(artifact: Artifact) -> int:
    """Return how many bytes most weights of a program take."""
    if artifact.quantized is not None:
        return 1
    return 2 if {"float16", "bfloat16"} & {*artifact.float_dtypes} else FULL_BYTES
