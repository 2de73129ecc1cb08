"""What is wrong with a result although each of its values has the right type and range."""

from __future__ import annotations

from etbench.results.schema.result import Result
from etbench.system.strict_json import plain_fault

__all__ = ["meaning_fault"]


def meaning_fault(result: Result) -> str | None:
    """Return why a decoded file is not a result that can be shown, or None."""
    facts, rounds = len(result.round_facts), len(result.rounds)
    if facts and facts != rounds:
        return f"round_facts has {facts} entries, but rounds has {rounds}"
    if result.status == "ok" and result.latency_ms is None:
        return "its status is ok, but latency_ms is null"
    turn = result.in_turn
    if turn is not None and len(turn.base_facts) != len(turn.base_rounds):
        return (
            f"in_turn.base_facts has {len(turn.base_facts)} entries, but in_turn.base_rounds has "
            f"{len(turn.base_rounds)}"
        )
    fault = plain_fault(result.config)
    return fault and f"config: {fault}"
