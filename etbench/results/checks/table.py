"""All checks, and the findings and status of a result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

import msgspec

from etbench.errors import nearest
from etbench.results.checks.check import Check
from etbench.results.checks.latency import LATENCY_CHECKS
from etbench.results.checks.parity import PARITY_CHECKS
from etbench.results.checks.program import PROGRAM_CHECKS
from etbench.results.schema import Finding, Result

__all__ = ["CHECKS", "faults", "judged"]

CHECKS: tuple[Check, ...] = (*PARITY_CHECKS, *PROGRAM_CHECKS, *LATENCY_CHECKS)
CODES = tuple(check.code for check in CHECKS)
SEVERITIES = ("error", "warning", "note")


def judged(result: Result, accept: Collection[str] = ()) -> Result:
    """Return the result with its findings, the worst first; with an error, an ``ok`` becomes ``wrong``.

    Args:
        result: of any status; only what was built or measured is checked.
        accept: codes, or patterns such as ``parity.*``, whose errors become accepted warnings.

    """
    found = list(_findings(result, accept)) if result.status in ("ok", "wrong", "built") else []
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    status = result.status
    if status in ("ok", "wrong"):
        status = "wrong" if any(finding.severity == "error" for finding in found) else "ok"
    return msgspec.structs.replace(result, findings=found, status=status)


def faults(accept: Iterable[str]) -> list[str]:
    """List the codes and patterns that match no check."""
    return [
        f"checks.accept={pattern}: no check has this code{nearest(pattern, CODES)}; docs/reference/checks.md "
        "lists them"
        for pattern in accept
        if not any(fnmatchcase(code, pattern) for code in CODES)
    ]


def _findings(result: Result, accept: Collection[str]) -> Iterator[Finding]:
    for check in CHECKS:
        message = check.find(result)
        if message is None:
            continue
        accepted = check.severity == "error" and any(fnmatchcase(check.code, one) for one in accept)
        yield Finding(
            code=check.code,
            severity="warning" if accepted else check.severity,
            message=message,
            cure=check.cure,
            accepted=accepted,
        )
