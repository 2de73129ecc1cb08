"""The cells among which is chosen, and how many times as fast each is as another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
from msgspec import Struct

from etbench.results.decision.figures import figure
from etbench.results.schema import Result
from etbench.results.tables.evaluation import RANDOM
from etbench.results.tables.frames import BASE_PRECISION, CONDITIONS, IDENTITY, to_frame
from etbench.results.tables.labels import label_cells
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.pareto import OBJECTIVES, mark_pareto
from etbench.results.tables.speedup import CHOSEN_BY, COMPARED_BY, speedups, strict_bounds

__all__ = [
    "Candidate",
    "Ratio",
    "identity",
    "is_measured",
    "latest_cells",
    "optimal_cells",
    "ratios",
    "with_fp32",
]

TOLD_APART_BY = ["setting", "cell", "status", *IDENTITY, *CONDITIONS, "variant"]


class Ratio(Struct, frozen=True, kw_only=True):
    """How many times as fast a cell is as another one.

    `low` and `high` are its interval if rounds of both were `interleaved`; otherwise they are at least a
    factor of two on either side, which is assumed to be more than any two runs are apart.
    """

    factor: float
    low: float
    high: float
    interleaved: bool = True

    @property
    def inverse(self) -> tuple[float, float, float]:
        """How many times as long it takes, and the bounds."""
        return 1 / self.factor, 1 / self.high, 1 / self.low


class Candidate(Struct, frozen=True, kw_only=True):
    """A cell: its result, its row in the frame of labelled cells, and what it is compared with."""

    result: Result
    row: dict[str, Any]
    fp32: Candidate | None = None
    to_fp32: Ratio | None = None
    baseline: Candidate | None = None

    @property
    def name(self) -> str:
        """Its unique name among the cells."""
        return str(self.row["cell"])

    @property
    def has_random_weights(self) -> bool:
        """Whether its weights are random, so that its accuracy does not describe the model."""
        return self.result.weights == RANDOM


def ratios(pairs: Sequence[tuple[Candidate, Candidate]], *, confidence: float = 0.95) -> list[Ratio]:
    """Return how many times as fast the first cell of each pair is as the second one."""
    if not pairs:
        return []
    new, bases = (_frame([pair[side] for pair in pairs]) for side in (0, 1))
    factors = speedups(bases, new, confidence=confidence)["speedup"]
    low, high, interleaved = strict_bounds(bases, new, confidence=confidence)
    return [
        Ratio(factor=float(factor), low=float(least), high=float(most), interleaved=bool(together))
        for factor, least, most, together in zip(factors, low, high, interleaved, strict=True)
    ]


def latest_cells(results: Iterable[Result], files: Sequence[Path] | None = None) -> list[Candidate]:
    """Return the cells, of repeated ones the latest; `files` are those of the results, for their names."""
    given = list(results)
    order = sorted(range(len(given)), key=lambda place: given[place].created_at)
    found = [given[place] for place in order]
    if not found:
        return []
    frame = label_cells(to_frame(found, files and [files[place] for place in order]))
    latest = ~frame.duplicated(["setting", "precision", "delegate", "quantization", "variant"], keep="last")
    frame = frame.loc[latest, list(dict.fromkeys([*TOLD_APART_BY, *COMPARED_BY, *CHOSEN_BY, *OBJECTIVES]))]
    rows = frame.to_dict("records")
    return [
        Candidate(result=found[place], row={str(name): value for name, value in row.items()})
        for place, row in zip(frame.index.tolist(), rows, strict=True)
    ]


def optimal_cells(cells: Sequence[Candidate]) -> set[str]:
    """Return the names of the cells that are Pareto-optimal in latency, SQNR and size."""
    marked = mark_pareto(_frame(cells))
    return set(marked.loc[marked["pareto_optimal"], "cell"])


def _frame(cells: Sequence[Candidate]) -> pd.DataFrame:
    return pd.DataFrame([cell.row for cell in cells]).astype({"round_medians_ms": "object"})


def identity(result: Result) -> tuple[str, str, str]:
    """Return model, precision and delegate."""
    return result.model_name, result.precision_short, result.delegate


def with_fp32(cells: Sequence[Candidate]) -> list[Candidate]:
    """Give each cell the fp32 cell of its setting and delegate, or else the fastest fp32 cell."""
    fp32: dict[str, list[Candidate]] = {}
    for cell in sorted(filter(is_measured, cells), key=lambda cell: float(cell.row[METRIC])):
        if cell.result.precision_short == BASE_PRECISION:
            fp32.setdefault(cell.row["setting"], []).append(cell)

    def base_of(cell: Candidate) -> Candidate | None:
        there = fp32.get(cell.row["setting"], [])
        same = [one for one in there if one.result.delegate == cell.result.delegate]
        return next(iter([*same, *there]), None)

    paired = [msgspec.structs.replace(cell, fp32=base_of(cell)) for cell in cells]
    both = [cell for cell in paired if cell.fp32 and is_measured(cell) and cell.fp32.name != cell.name]
    found = ratios([(cell, cell.fp32) for cell in both if cell.fp32])
    known = {cell.name: ratio for cell, ratio in zip(both, found, strict=True)}
    return [msgspec.structs.replace(cell, to_fp32=known.get(cell.name)) for cell in paired]


def is_measured(cell: Candidate) -> bool:
    """Return whether a cell has a latency and is not wrong."""
    return cell.result.status == "ok" and figure(cell.result, METRIC) is not None
