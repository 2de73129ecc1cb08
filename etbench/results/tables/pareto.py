"""The cells that are Pareto-optimal in latency, accuracy and size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from etbench.results.tables.frames import CONDITIONS, IDENTITY, with_raw
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.speedup import CHOSEN_BY, COMPARED_BY, strict_bounds

__all__ = [
    "OBJECTIVES",
    "ROUNDING_DB",
    "Matrix",
    "latencies",
    "mark_pareto",
    "nearly_most_accurate",
    "nearly_smallest",
    "pareto_front",
    "unbeaten",
]

OBJECTIVES = [METRIC, "sqnr_db", "pte_bytes"]
ROUNDING_DB = 100  # above this, what differs from eager fp32 is the order of additions
SQNR_DB, SIZE, LATENCY = 3, 1.01, 1.05  # differences and ratios up to which cells are alike
WRONG = 0.05  # chance that any cell is called slower than an equal one

Matrix = NDArray[np.bool_]  # of each cell against each other one


def pareto_front(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that no other one of the same model and conditions beats, fastest first in each model.

    A cell beats another if it is as good in latency, SQNR and size, and better in one of them. It is as good
    in latency only if the interval of their ratio shows it: it is significantly faster, or at most 5 % slower
    and not significantly slower. The intervals of all pairs have a confidence of 95 % together (Bonferroni);
    cells that were not interleaved are told apart by a factor of two. SQNR is as good down to
    3 dB less, a factor of two in the power of the noise, and counts up to 100 dB; size up to 1 % more. A cell
    is beaten only by one that is not beaten itself, so that small differences do not add up.
    """
    marked = mark_pareto(frame)
    front = marked[marked["pareto_optimal"]].sort_values(["model", METRIC], kind="stable")
    return front[[*IDENTITY, *OBJECTIVES]].reset_index(drop=True)


def mark_pareto(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that have all three figures, with the column `pareto_optimal`.

    A frame that has this column already is returned as it is.
    """
    if "pareto_optimal" in frame:
        return frame
    known = with_raw(frame[frame["status"].eq("ok")].dropna(subset=OBJECTIVES), CHOSEN_BY)
    groups = _groups(known)
    one, other = _pairs(groups)
    compared = known[COMPARED_BY]  # of the many columns, those that a comparison needs
    low, high, _ = strict_bounds(
        compared.iloc[other], compared.iloc[one], confidence=1 - WRONG / max(1, len(one))
    )
    optimal = np.ones(len(known), dtype=np.bool_)
    start = 0
    for group in groups:
        end = start + math.comb(len(group), 2)
        beats = _beats(known.iloc[group], low[start:end], high[start:end])
        optimal[group] = unbeaten(beats)
        start = end
    return known.assign(pareto_optimal=optimal)


def _groups(known: pd.DataFrame) -> list[NDArray[np.intp]]:
    """Return the places of the cells of each model and conditions that has several, the fastest first."""
    number = known.groupby(["model", *CONDITIONS], dropna=False).ngroup().to_numpy()
    order = np.lexsort((known[METRIC].to_numpy(dtype=np.float64), number))
    starts = np.flatnonzero(np.diff(number[order])) + 1
    return [group for group in np.split(order, starts) if len(group) > 1]


def _pairs(groups: Sequence[NDArray[np.intp]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of both cells of each pair, group by group, as `np.triu_indices` orders them."""
    nothing = np.zeros(0, dtype=np.intp)
    pairs = [(group, np.triu_indices(len(group), k=1)) for group in groups]
    one, other = ([group[places[side]] for group, places in pairs] for side in (0, 1))
    return np.concatenate([nothing, *one]), np.concatenate([nothing, *other])


def nearly_smallest(size_bytes: pd.Series, by: pd.Series) -> pd.Series:
    """Return which programs are as small as the smallest of their group, or at most 1 % larger."""
    return size_bytes <= SIZE * size_bytes.groupby(by).transform("min")


def nearly_most_accurate(sqnr_db: pd.Series, by: pd.Series) -> pd.Series:
    """Return which cells are at most 3 dB below the best SQNR of their group, which counts up to 100 dB."""
    counted = sqnr_db.clip(upper=ROUNDING_DB)
    return counted >= counted.groupby(by).transform("max") - SQNR_DB


def _beats(group: pd.DataFrame, low: NDArray[np.float64], high: NDArray[np.float64]) -> Matrix:
    """Return which cells (rows) beat which (columns); the bounds are those of the ratio of each pair."""
    as_fast, faster = latencies(len(group), low, high)
    accuracy = np.minimum(group["sqnr_db"].to_numpy(dtype=np.float64), ROUNDING_DB)
    size = group["pte_bytes"].to_numpy(dtype=np.float64)
    more_db = accuracy[:, None] - accuracy[None, :]
    larger = np.log(np.maximum(size, 1)[:, None] / np.maximum(size, 1)[None, :])
    as_good = as_fast & (more_db >= -SQNR_DB) & (larger <= math.log(SIZE))
    better: Matrix = as_good & (faster | (more_db > SQNR_DB) | (larger < -math.log(SIZE)))
    return better


def latencies(count: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[Matrix, Matrix]:
    """Return which cells are as fast as which others, and which are significantly faster.

    Args:
        count: of the cells.
        low: lower bound of how many times as fast the first cell of a pair is as the second one, for the
            pairs in the order of `np.triu_indices`.
        high: upper bound.

    """
    one, other = np.triu_indices(count, k=1)
    faster = np.zeros((count, count), dtype=np.bool_)
    faster[one, other], faster[other, one] = low > 1, high < 1
    as_fast = faster.copy()
    as_fast[one, other] |= (low > 1 / LATENCY) & ~(high < 1)
    as_fast[other, one] |= (high < LATENCY) & ~(low > 1)
    return as_fast, faster


def unbeaten(beats: Matrix) -> Matrix:
    """Return the cells of the front: none beats another, and each other cell is beaten by one of them."""
    front: list[int] = []
    for cell in range(len(beats)):
        if not beats[front, cell].any():
            front = [other for other in front if not beats[cell, other]] + [cell]
    for cell in range(len(beats)):  # those that only a cell beat that has left the front
        if cell not in front and not (beats[front, cell].any() or beats[cell, front].any()):
            front.append(cell)
    return np.isin(np.arange(len(beats)), front)
