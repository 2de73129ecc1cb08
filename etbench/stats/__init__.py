"""Numbers from samples and outputs; numpy only."""

from __future__ import annotations

from etbench.stats.parity import Parity, compare_outputs
from etbench.stats.summary import LatencyMs, summarize

__all__ = ["LatencyMs", "Parity", "compare_outputs", "summarize"]
