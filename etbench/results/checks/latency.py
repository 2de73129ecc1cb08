"""Checks of the rounds: whether they agree, and whether there are enough of them."""

from __future__ import annotations

from collections.abc import Callable

from etbench.results.checks.check import Check
from etbench.results.schema import Result
from etbench.stats.stability import Verdict
from etbench.text import counted

__all__ = ["LATENCY_CHECKS"]

QUIET = "close other programs, or measure longer: repeat.rounds, repeat.target_ci"


def _rounds_are(verdict: Verdict) -> Callable[[Result], str | None]:
    def found(result: Result) -> str | None:
        judged = result.stability
        if judged is None or judged.verdict != verdict:
            return None
        return "; ".join(judged.reasons) or verdict

    return found


def _truncated(result: Result) -> str | None:
    if not result.truncated:
        return None
    wanted = result.requested
    return f"{result.repeat} of {wanted.runs} runs fit in repeat.max_seconds={wanted.max_seconds:g}"


def _summary(result: Result) -> str | None:
    imported = result.source != "etbench" and result.latency_ms is not None
    return f"imported ({result.source}): a summary without rounds" if imported else None


def _reconnected(result: Result) -> str | None:
    lost = result.lost_connections
    return f"lost {counted(lost, 'time')}; the round was repeated" if lost else None


LATENCY_CHECKS = (
    Check(
        "latency.unstable",
        "warning",
        "The rounds disagree so much that the latency may not be found again.",
        _rounds_are("unstable"),
        QUIET,
    ),
    Check("latency.noisy", "warning", "The rounds disagree.", _rounds_are("noisy"), QUIET),
    Check(
        "latency.few_rounds",
        "note",
        "There are too few rounds to judge how much they differ.",
        _rounds_are("unknown"),
        "take at least five rounds: repeat.rounds=5",
    ),
    Check(
        "latency.truncated",
        "warning",
        "Fewer inferences were timed than requested.",
        _truncated,
        "raise repeat.max_seconds",
    ),
    Check(
        "latency.reconnected",
        "note",
        "The device was lost while it measured.",
        _reconnected,
        "check its network or cable",
    ),
    Check(
        "latency.summary",
        "note",
        "An imported summary has no rounds, so it has no interval and no verdict.",
        _summary,
        "measure the cell with etbench",
    ),
)
