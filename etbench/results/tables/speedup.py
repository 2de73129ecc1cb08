"""How many times faster cells are than their baselines, with intervals, from rows of a frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from etbench.results.tables.metrics import METRIC
from etbench.stats.blocks import common_blocks
from etbench.stats.paired import paired_intervals

__all__ = ["CHOSEN_BY", "COMPARED_BY", "FAR", "FIGURES", "choose_bases", "speedups", "strict_bounds"]

LOCATION, MEAN = "latency_location_ms", "latency_mean_ms"
FAR = 2.0  # ratio beyond which cells differ however they were measured: no two runs of one are that far apart
TURN = ["turn_id", "own_blocks"]
BLOCKS, VERSIONS = "round_medians_ms", "versions"
CHOSEN_BY = [METRIC, *TURN, BLOCKS, VERSIONS]
COMPARED_BY = [METRIC, LOCATION, MEAN, "center", "source", *TURN, BLOCKS]  # what `speedups` needs

# The columns that a comparison has; `etbench.results.tables.metrics.DERIVED` explains them.
FIGURES = ("speedup", "speedup_ci95_low", "speedup_ci95_high", "how", "basis")


def choose_bases(bases: pd.DataFrame, new: pd.DataFrame, same: Sequence[str]) -> dict[int, int]:
    """Return the label of the baseline that each cell is compared with, by the label of the cell.

    Among the baselines with equal values in the columns `same`, it is one that was interleaved with the cell,
    or else the median one of the same versions; cells without a baseline are left out. The labels of all rows
    are distinct.
    """
    both = pd.concat([bases.sort_values(METRIC, kind="stable"), new])
    keys = both.groupby(list(same), sort=False).ngroup().tolist()
    rows = list(zip(both.index.tolist(), keys, both[VERSIONS], _turns(both), both[BLOCKS], strict=True))
    of_all: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    of_turn: defaultdict[tuple[int, int], list[tuple[int, dict[int, float]]]] = defaultdict(list)
    for label, key, versions, turn, blocks in rows[: len(bases)]:
        of_all[key, versions].append(label)
        if turn >= 0:
            of_turn[key, turn].append((label, blocks))
    chosen = {}
    for label, key, versions, turn, blocks in rows[len(bases) :]:
        beside = of_turn.get((key, turn), [])
        together = [base for base, others in beside if not blocks.keys().isdisjoint(others)]
        if fitting := together or of_all.get((key, versions), []):
            chosen[label] = fitting[(len(fitting) - 1) // 2]
    return chosen


def speedups(bases: pd.DataFrame, new: pd.DataFrame, *, confidence: float = 0.95) -> dict[str, Any]:
    """Compare rows of `etbench.results.to_frame`, the first with the first and so on; see `FIGURES`.

    Cells that were interleaved are compared block by block (`etbench.stats.paired`). Others have a ratio of
    their locations without an interval, since one run of each does not show how far apart runs are
    (`etbench.stats.separate`). Summaries have a ratio of their medians, or of their means if one of them has
    no median.
    """
    ratio, basis, how = _separate(bases, new)
    low, high = (np.full(len(new), bound) for bound in (0.0, np.inf))
    in_turn: defaultdict[int, list[int]] = defaultdict(list)
    medians: defaultdict[int, list[tuple[list[float], list[float]]]] = defaultdict(list)
    for row, pair in enumerate(_common_blocks(bases, new)):
        if pair[0]:
            in_turn[len(pair[0])].append(row)
            medians[len(pair[0])].append(pair)
    for count, rows in in_turn.items():
        base_ms, new_ms = np.swapaxes(np.array(medians[count]), 0, 1)
        ratio[rows], low[rows], high[rows] = paired_intervals(base_ms, new_ms, confidence=confidence)
        how[rows] = "in turn"
    bounded = (low > 0) & np.isfinite(high)
    return {
        "speedup": 1 / ratio,
        "speedup_ci95_low": _inverse(high, bounded),
        "speedup_ci95_high": _inverse(low, bounded),
        "how": how,
        "basis": basis,
    }


def _separate(
    bases: pd.DataFrame, new: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.object_], NDArray[np.object_]]:
    """Return the ratios of separate runs and of summaries, what they are ratios of, and which they are."""
    sides = (bases, new)
    location, median, mean = (
        np.divide(*(side[name].to_numpy(dtype=np.float64) for side in (new, bases)))
        for name in (LOCATION, METRIC, MEAN)
    )
    of_means = np.any([side["center"].eq("mean") for side in sides], axis=0)
    summaries = np.any([side["source"].ne("etbench") for side in sides], axis=0)
    ratio = np.where(of_means, mean, np.where(np.isnan(location), median, location))
    return (
        ratio,
        np.where(of_means, "mean", "median").astype(object),
        np.where(summaries, "summaries", "separate").astype(object),
    )


def strict_bounds(
    bases: pd.DataFrame, new: pd.DataFrame, *, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return bounds of the speedups that show which cells are faster, and which pairs are interleaved.

    For interleaved cells they are the interval. Others may differ by the drift between their runs, which two
    runs do not show, and are at least a factor of `FAR` on either side.
    """
    found = speedups(bases, new, confidence=confidence)
    ratio, low, high = (np.asarray(found[name], dtype=np.float64) for name in FIGURES[:3])
    interleaved = (found["how"] == "in turn") & ~np.isnan(low)
    low = np.where(interleaved, low, np.fmin(low, ratio / FAR))
    return low, np.where(interleaved, high, np.fmax(high, ratio * FAR)), interleaved


def _turns(frame: pd.DataFrame) -> list[int]:
    """Return a number that interleaved cells share; -1 for those measured alone."""
    numbers: list[int] = frame.groupby(TURN, sort=False, dropna=True).ngroup().tolist()
    return numbers


def _common_blocks(bases: pd.DataFrame, new: pd.DataFrame) -> Iterator[tuple[list[float], list[float]]]:
    """Yield the round medians of both sides in the blocks they have in common; none if not interleaved."""
    turns = _turns(pd.concat([bases[TURN], new[TURN]]))
    sides = zip(turns[: len(bases)], bases[BLOCKS], turns[len(bases) :], new[BLOCKS], strict=True)
    for base_turn, base_ms, new_turn, new_ms in sides:
        if base_turn < 0 or base_turn != new_turn:
            yield [], []
        else:
            yield common_blocks(base_ms, new_ms)


def _inverse(ratio: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.divide(1.0, ratio, out=np.full_like(ratio, np.nan), where=known)
