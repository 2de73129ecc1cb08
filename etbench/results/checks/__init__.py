"""What can be wrong or doubtful about a measured cell, declared once."""

from __future__ import annotations

from etbench.results.checks.across import CROSS_CHECKS, findings_across
from etbench.results.checks.check import Check
from etbench.results.checks.table import CHECKS, faults, judged

__all__ = ["CHECKS", "CROSS_CHECKS", "Check", "faults", "findings_across", "judged"]
