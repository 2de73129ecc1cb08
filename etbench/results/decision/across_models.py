"""Across models: the cells that no other one beats in both latency and accuracy, judged on the same items."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.results.decision.candidates import Candidate, latest_cells, ratios
from etbench.results.decision.decide import WRONG, Answer, Choice
from etbench.results.decision.figures import ACCURACY, shared_items
from etbench.results.schema import Result
from etbench.results.tables.evaluation import paired_answers
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.pareto import Matrix, latencies, unbeaten
from etbench.stats.shares import compare_shares

__all__ = ["MARGIN", "Front", "across_models"]

MARGIN = 0.01  # a cell that is shown to lose less than a point is as accurate
TOGETHER = ("threads", "runner", "env", "machine")  # conditions under which models can be compared


class Front(Struct, frozen=True, kw_only=True):
    """The cells of several models that no other one beats, the fastest first.

    `accuracy` is the figure by which they are compared, on `items` items that all of them judged. `beaten`
    has, for each of the other cells, one of the front that beats it.
    """

    accuracy: str
    items: int
    cells: list[Choice]
    beaten: dict[str, str]


def across_models(
    results: Iterable[Result], answers: Sequence[Answer], *, files: Sequence[Path] | None = None
) -> list[Front]:
    """Return a front for each accuracy that several models have on the same items; often none.

    A cell beats another if it is as fast and as accurate, and better in one of the two. As fast is what is
    significantly faster, or at most 5 % slower and not significantly slower; as accurate is what is shown to
    lose less than a point on the same items (`etbench.stats.shares`). Both hold with 95 % for all pairs of
    cells together (Bonferroni). Only cells that keep the bounds of the decision take part.

    Args:
        results: those of the answers.
        answers: of `decide`.
        files: those of the results, for the names of cells that were measured several times.

    """
    given = list(results)
    shared = shared_items(given)
    if not shared:
        return []
    choices = {one.cell: one for answer in answers for one in answer.candidates}
    cells = [
        cell for cell in latest_cells(given, files) if cell.name in choices and not cell.has_random_weights
    ]
    cells.sort(key=lambda cell: float(cell.row[METRIC]))
    fronts = []
    for name, sums in shared.items():
        groups: dict[Any, list[Candidate]] = {}
        for cell in cells:
            judged = cell.result.evaluation_items.get(name)
            if judged is not None and judged.booleans is not None and judged.items_sha256 in sums:
                key = (judged.items_sha256, judged.count, *(str(cell.row[one]) for one in TOGETHER))
                groups.setdefault(key, []).append(cell)
        fronts += [
            _front(name, group, choices)
            for group in groups.values()
            if len({cell.result.model_name for cell in group}) > 1
        ]
    return fronts


def _front(name: str, cells: Sequence[Candidate], choices: dict[str, Choice]) -> Front:
    """Find the front of cells, which are ordered by their latency."""
    confidence = 1 - WRONG / math.comb(len(cells), 2)
    found = ratios(list(combinations(cells, 2)), confidence=confidence)
    low, high = (np.array([getattr(ratio, end) for ratio in found]) for end in ("low", "high"))
    as_fast, faster = latencies(len(cells), low, high)
    beats = _beats(name, cells, as_fast, faster, confidence)
    on_front = unbeaten(beats)
    judged = cells[0].result.evaluation_items[name]
    return Front(
        accuracy=f"{ACCURACY}{name}",
        items=judged.count,
        cells=[choices[cell.name] for cell, best in zip(cells, on_front, strict=True) if best],
        beaten={
            cell.name: cells[int(np.flatnonzero(beats[:, place] & on_front)[0])].name
            for place, cell in enumerate(cells)
            if not on_front[place]
        },
    )


def _beats(
    name: str,
    cells: Sequence[Candidate],
    as_fast: NDArray[np.bool_],
    faster: NDArray[np.bool_],
    confidence: float,
) -> Matrix:
    """Return which cells (rows) beat which (columns)."""
    beats: Matrix = np.zeros_like(as_fast)
    for one, other in zip(*np.nonzero(as_fast), strict=True):
        answers = paired_answers(*(cells[place].result.evaluation_items[name] for place in (other, one)))
        assert not isinstance(answers, str), answers
        shares = compare_shares(*answers, confidence=confidence)
        as_good = shares.keeps(MARGIN) and shares.verdict != "worse"
        beats[one, other] = as_good and (faster[one, other] or shares.verdict == "better")
    return beats
