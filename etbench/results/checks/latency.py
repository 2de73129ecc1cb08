"""Checks of the rounds: whether they agree, and whether there are enough of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from etbench.results.checks.check import Check
from etbench.results.schema import Result
from etbench.text import counted

__all__ = ["LATENCY_CHECKS"]

OTHER_CPU, STEAL = 0.20, 0.05  # shares of the CPUs above which they are noted
QUIET = "close other programs, or measure longer: repeat.rounds, repeat.target_ci"


def _level_is(verdict: Literal["noisy", "unstable"]) -> Callable[[Result], str | None]:
    def found(result: Result) -> str | None:
        judged = result.stability
        return "; ".join(judged.reasons) if judged and result.uncertain == verdict else None

    return found


def _tail(result: Result) -> str | None:
    reasons = result.stability.tail if result.stability else None
    return "; ".join(reasons or []) or None


def _few_rounds(result: Result) -> str | None:
    judged = result.stability
    return "; ".join(judged.reasons) if judged and judged.verdict == "unknown" else None


def _other_work(result: Result) -> str | None:
    judged = result.stability
    if judged is None or result.uncertain in ("noisy", "unstable"):
        return None  # said there
    said = []
    if (judged.other_cpu_share or 0) > OTHER_CPU:
        said.append(f"other processes used {judged.other_cpu_share:.0%} of the CPUs")
    if (judged.steal_share or 0) > STEAL:
        said.append(f"the hypervisor took {judged.steal_share:.1%}")
    return "; ".join(said) or None


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
        "The median latency is uncertain by more than ±15 %, or the machine was busy.",
        _level_is("unstable"),
        QUIET,
    ),
    Check(
        "latency.noisy",
        "warning",
        "The median latency is uncertain by more than ±5 %.",
        _level_is("noisy"),
        QUIET,
    ),
    Check(
        "latency.tail",
        "warning",
        "The high percentiles show what else the machine did.",
        _tail,
        "close other programs",
    ),
    Check(
        "latency.other_work",
        "note",
        "Much else ran at the same time: the latency is that of a busy machine.",
        _other_work,
        "close other programs",
    ),
    Check(
        "latency.few_rounds",
        "note",
        "There are too few rounds to judge how much they differ.",
        _few_rounds,
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
