"""All checks, and the findings and status of a result."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

import msgspec

from etbench.errors import nearest
from etbench.results.checks.across import CROSS_CHECKS
from etbench.results.checks.check import Check
from etbench.results.checks.latency import LATENCY_CHECKS
from etbench.results.checks.parity import PARITY_CHECKS
from etbench.results.checks.program import PROGRAM_CHECKS
from etbench.results.checks.runtime import RUNTIME_CHECKS
from etbench.results.schema import SEVERITIES, Result

__all__ = ["CHECKS", "CODES", "TITLES", "codes_like", "faults", "judged", "with_latency_findings"]

CHECKS: tuple[Check[Result], ...] = (
    *PARITY_CHECKS,
    *PROGRAM_CHECKS,
    *RUNTIME_CHECKS,
    *LATENCY_CHECKS,
)
CODES = tuple(check.code for check in CHECKS)
TITLES = {
    **{check.code: check.title for check in CHECKS},
    **{check.code: check.title for check in CROSS_CHECKS},
}


def judged(result: Result, accept: Collection[str] = ()) -> Result:
    """Return the result with its findings, the worst first; with an error, an ``ok`` becomes ``wrong``.

    Args:
        result: of any status; only what was built or measured is checked.
        accept: codes, or patterns such as ``parity.*``, whose errors become accepted warnings.

    """
    checks = CHECKS if result.status in ("ok", "wrong", "built") else ()
    found = [finding for check in checks if (finding := check.finding(result, accept)) is not None]
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    status = result.status
    if status in ("ok", "wrong"):
        status = "wrong" if any(finding.severity == "error" for finding in found) else "ok"
    return msgspec.structs.replace(result, findings=found, status=status)


def with_latency_findings(result: Result) -> Result:
    """Return the result after checking its latency again; its other findings are unchanged."""
    codes = {check.code for check in LATENCY_CHECKS}
    others = [finding for finding in result.findings or [] if finding.code not in codes]
    anew = [finding for check in LATENCY_CHECKS if (finding := check.finding(result)) is not None]
    found = sorted([*others, *anew], key=lambda finding: SEVERITIES.index(finding.severity))
    return msgspec.structs.replace(result, findings=found)


def codes_like(pattern: str) -> list[str]:
    """Return the codes of checks of one result that fit a pattern, such as ``calibration.*``."""
    return [check.code for check in CHECKS if fnmatchcase(check.code, pattern)]


def faults(accept: Iterable[str]) -> list[str]:
    """List the codes and patterns that match no check."""
    return [
        f"checks.accept={pattern}: no check has this code{nearest(pattern, CODES)}; docs/reference/checks.md "
        "lists them"
        for pattern in accept
        if not codes_like(pattern)
    ]
