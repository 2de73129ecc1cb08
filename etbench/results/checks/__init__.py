"""What can be wrong or doubtful about a measured cell, declared once.

To add a check, add a `Check` to the module of its theme (`parity`, `program`, `runtime`, `latency`; `across`
for what shows only when several cells are compared), and a test that provokes it; `docs/generate.py` writes
its page.
"""

from __future__ import annotations

from etbench.results.checks.across import CROSS_CHECKS, findings_across
from etbench.results.checks.check import Check
from etbench.results.checks.table import (
    CHECKS,
    CODES,
    TITLES,
    codes_like,
    faults,
    judged,
    with_latency_findings,
)

# The hint of an error about a baseline that is wrong.
OTHER_BASELINE = (
    "give a baseline whose program is right, or measure it again with checks.accept=[CODE] if this finding "
    "is not an error for you"
)

__all__ = [
    "CHECKS",
    "CODES",
    "CROSS_CHECKS",
    "OTHER_BASELINE",
    "TITLES",
    "Check",
    "codes_like",
    "faults",
    "findings_across",
    "judged",
    "with_latency_findings",
]
