"""How many times faster measured cells are than others, with an interval, from their rows of a frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from etbench.stats.paired import paired_intervals
from etbench.stats.separate import ratios_of_intervals

__all__ = ["FIGURES", "choose_bases", "speedups"]

METRIC = "latency_p50_ms"
INTERVAL = ["latency_location_ms", "latency_ci95_low_ms", "latency_ci95_high_ms"]
TURN = ["turn_id", "own_blocks"]
BLOCKS = "round_medians_ms"

# Name and meaning of each column, as in `etbench.results.metrics`.
FIGURES = {
    "speedup": "the base's latency over this one's; above 1 is faster",
    "speedup_ci95_low": "lower bound of its 95 % interval; empty where there are too few rounds for any",
    "speedup_ci95_high": "upper bound of its 95 % interval",
    "how": "`in turn`: compared block by block; `separate`: the machine's drift is in the interval",
}


def choose_bases(bases: pd.DataFrame, new: pd.DataFrame, same: Sequence[str]) -> dict[int, int]:
    """Return the label of the base that each cell is compared with, by the cell's own.

    Among those that are equal in the columns `same` it is one measured in turn with the cell, or else the
    median one; cells without any are left out.
    """
    of_all: defaultdict[Hashable, list[int]] = defaultdict(list)
    of_turn: defaultdict[Hashable, list[int]] = defaultdict(list)
    for label, key, turn in _keys(bases.sort_values(METRIC, kind="stable"), same):
        of_all[key].append(label)
        if turn is not None:
            of_turn[key, turn].append(label)
    blocks_of_base, blocks_of_new = bases[BLOCKS].to_dict(), new[BLOCKS].to_dict()
    chosen = {}
    for label, key, turn in _keys(new, same):
        if key in of_all:
            blocks = blocks_of_new[label].keys()
            together = [
                base
                for base in (of_turn.get((key, turn), []) if turn is not None else [])
                if not blocks.isdisjoint(blocks_of_base[base])
            ]
            fitting = together or of_all[key]
            chosen[label] = fitting[(len(fitting) - 1) // 2]
    return chosen


def speedups(bases: pd.DataFrame, new: pd.DataFrame) -> dict[str, Any]:
    """Compare rows of `etbench.results.to_frame`, the first with the first and so on; see `FIGURES`.

    Cells that were measured in turn are compared block by block (`etbench.stats.paired`), others by their
    locations and the drift between runs (`etbench.stats.separate`), and by their p50 alone where one of
    them has fewer than five rounds.
    """
    sides = [side[INTERVAL].to_numpy(dtype=np.float64) for side in (bases, new)]
    ratio, low, high = ratios_of_intervals(*sides)
    plain = (new[METRIC].to_numpy() / bases[METRIC].to_numpy()).astype(np.float64)
    ratio = np.where(np.isnan(low), plain, ratio)
    in_turn: defaultdict[int, list[int]] = defaultdict(list)
    medians: defaultdict[int, list[tuple[list[float], list[float]]]] = defaultdict(list)
    for row, pair in enumerate(_common_blocks(bases, new)):
        if pair[0]:
            in_turn[len(pair[0])].append(row)
            medians[len(pair[0])].append(pair)
    how = np.full(len(new), "separate", dtype=object)
    for count, rows in in_turn.items():
        base_ms, new_ms = np.swapaxes(np.array(medians[count]), 0, 1)
        ratio[rows], low[rows], high[rows] = paired_intervals(base_ms, new_ms)
        how[rows] = "in turn"
    bounded = (low > 0) & np.isfinite(high)
    return {
        "speedup": 1 / ratio,
        "speedup_ci95_low": _inverse(high, bounded),
        "speedup_ci95_high": _inverse(low, bounded),
        "how": how,
    }


def _keys(frame: pd.DataFrame, same: Sequence[str]) -> Any:
    """Yield label, key and turn of each row; the turn is None where it was measured alone."""
    keys = zip(*(frame[name] for name in same), strict=True)
    yield from zip(frame.index, keys, _turns(frame), strict=True)


def _turns(frame: pd.DataFrame) -> list[tuple[str, bool] | None]:
    return [
        (turn, own) if isinstance(turn, str) else None
        for turn, own in zip(*(frame[name] for name in TURN), strict=True)
    ]


def _common_blocks(bases: pd.DataFrame, new: pd.DataFrame) -> Any:
    """Yield the round medians of both sides in the blocks they have in common; none if not in turn."""
    sides = zip(_turns(bases), bases[BLOCKS], _turns(new), new[BLOCKS], strict=True)
    for base_turn, base_ms, new_turn, new_ms in sides:
        if base_turn is None or base_turn != new_turn:
            yield [], []
        else:
            blocks = sorted(base_ms.keys() & new_ms.keys())
            yield [base_ms[block] for block in blocks], [new_ms[block] for block in blocks]


def _inverse(ratio: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.divide(1.0, ratio, out=np.full_like(ratio, np.nan), where=known)
