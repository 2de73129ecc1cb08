"""What to ship, as the first part of a report."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from etbench.results.decision.decide import decide, has_choice
from etbench.results.decision.rules import recorded_rules
from etbench.results.decision.words import (
    HEADER,
    answer_lines,
    common_notes,
    decision_rows,
    headline,
    rules_in_words,
)
from etbench.results.report.grid import MISSING, Entry, Grid
from etbench.results.schema import Result

__all__ = ["Shipping", "shipping"]

WORDS = ("model", "ship", "runner-up")


class Shipping(Struct, frozen=True, kw_only=True):
    """The answer in a line, the rules, a row for each model, and what was ruled out or withheld, and why."""

    headline: str
    rules: str
    answers: Grid
    notes: list[str]
    reasons: list[str]


def shipping(results: Sequence[Result]) -> Shipping | None:
    """Return what to ship by the rules of the sweep; None if no model has several measured cells."""
    if not has_choice(results):
        return None
    rules = recorded_rules([result.config for result in results])
    answers = decide(results, rules)
    rows = list(decision_rows(answers))
    used = [place for place in range(len(HEADER)) if any(row[place] for row in rows)]
    return Shipping(
        headline=headline(answers),
        rules=rules_in_words(rules),
        answers=Grid(
            caption="What to ship",
            labels=[HEADER[place] for place in used],
            numeric=[HEADER[place] not in WORDS for place in used],
            rows=[[Entry(_text(row[place], HEADER[place])) for place in used] for row in rows],
        ),
        notes=common_notes(answers),
        reasons=[line for answer in answers for line in answer_lines(answer)],
    )


def _text(text: str, column: str) -> str:
    return text if text or column == "model" else MISSING
