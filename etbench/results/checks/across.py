"""Checks of several cells together; their findings are shown where the cells meet, and never written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from etbench.results.checks.check import Check
from etbench.results.schema import Finding, Result
from etbench.text import and_more

__all__ = ["CROSS_CHECKS", "findings_across"]

SHOWN = 4
Named = Sequence[tuple[str, Result]]  # the name of each cell, and its result


def findings_across(named: Named) -> Iterator[Finding]:
    """Yield what is doubtful about these cells together."""
    for check in CROSS_CHECKS:
        if (finding := check.finding(named)) is not None:
            yield finding


def _same_program(named: Named) -> str | None:
    """Name the cells of one model in several precisions whose programs are the same file."""
    alike: dict[tuple[str, str, str | None], list[tuple[str, Result]]] = defaultdict(list)
    for name, result in named:
        if result.artifact is not None:
            runtime = result.environment.version_that_ran
            alike[result.model_name, result.artifact.sha256, runtime].append((name, result))
    groups = [
        " and ".join(name for name, _ in cells)
        for cells in alike.values()
        if len({result.precision_short for _, result in cells}) > 1
    ]
    return and_more(groups, SHOWN) if groups else None


CROSS_CHECKS: tuple[Check[Named], ...] = (
    Check(
        "precision.same_program",
        "warning",
        "Two precisions of a model gave the same program, so a difference between their times is noise.",
        _same_program,
        "read the times of one of them only",
    ),
)
