"""The cells that are Pareto-optimal in latency, accuracy and size."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from etbench.results.tables.frames import CONDITIONS, IDENTITY, METRIC

__all__ = ["OBJECTIVES", "mark_pareto", "pareto_front", "size_step", "sqnr_step"]

OBJECTIVES = [METRIC, "sqnr_db", "pte_bytes"]
ROUNDING_DB = 100  # above this, what differs from eager fp32 is the order of additions
SQNR_STEP_DB = 3
SIZE_STEP = math.log(1.01)


def pareto_front(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that no other one of the same model and conditions beats, fastest first in each model.

    A cell beats another if it is as good in latency, SQNR and size, and better in one of them. SQNR counts
    in steps of 3 dB, a factor of two in the power of the noise, up to 100 dB, and size in steps of 1 %: a
    smaller difference does not decide which one to ship.
    """
    marked = mark_pareto(frame)
    front = marked[marked["pareto_optimal"]].sort_values(["model", METRIC], kind="stable")
    return front[[*IDENTITY, *OBJECTIVES]].reset_index(drop=True)


def mark_pareto(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that have all three figures, with the column `pareto_optimal`."""
    known = frame[frame["status"].eq("ok")].dropna(subset=OBJECTIVES).copy()
    known["pareto_optimal"] = False
    for _, group in known.groupby(["model", *CONDITIONS], dropna=False):
        known.loc[group.index, "pareto_optimal"] = _undominated(_costs(group))
    return known


def sqnr_step(sqnr_db: float) -> int:
    """Return the SQNR as far as it matters: in steps of 3 dB, up to 100 dB."""
    return round(min(ROUNDING_DB, sqnr_db) / SQNR_STEP_DB)


def size_step(size_bytes: int) -> int:
    """Return the size as far as it matters: in steps of 1 %."""
    return round(math.log(max(1, size_bytes)) / SIZE_STEP)


def _costs(group: pd.DataFrame) -> NDArray[np.float64]:
    """Return the values to minimize, one row per cell."""
    accuracy, size = group["sqnr_db"].map(sqnr_step), group["pte_bytes"].map(size_step)
    return np.column_stack([group[METRIC], -accuracy, size]).astype(np.float64)


def _undominated(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    no_worse = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    better = (costs[:, None, :] < costs[None, :, :]).any(axis=2)
    return np.asarray(~(no_worse & better).any(axis=0))
