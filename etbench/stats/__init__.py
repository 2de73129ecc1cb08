"""Numbers from samples and outputs; numpy and scipy only."""

from __future__ import annotations

from etbench.stats.interval import Interval, location_interval
from etbench.stats.paired import PairedRatio, paired_ratio
from etbench.stats.parity import Parity, compare_outputs
from etbench.stats.stability import Stability, assess
from etbench.stats.summary import LatencyMs, summarize

__all__ = [
    "Interval",
    "LatencyMs",
    "PairedRatio",
    "Parity",
    "Stability",
    "assess",
    "compare_outputs",
    "location_interval",
    "paired_ratio",
    "summarize",
]
