"""What a result file holds; imports neither torch nor pandas."""

from __future__ import annotations

from etbench.results.schema.emulated import (
    emulated_words,
    without_emulated_times,
    without_emulated_verdict,
)
from etbench.results.schema.finding import SEVERITIES, Finding, Severity
from etbench.results.schema.result import (
    SCHEMA_VERSION,
    CellComparison,
    Generated,
    InTurn,
    Requested,
    Result,
    RoundFacts,
    Status,
)

__all__ = [
    "SCHEMA_VERSION",
    "SEVERITIES",
    "CellComparison",
    "Finding",
    "Generated",
    "InTurn",
    "Requested",
    "Result",
    "RoundFacts",
    "Severity",
    "Status",
    "emulated_words",
    "without_emulated_times",
    "without_emulated_verdict",
]
