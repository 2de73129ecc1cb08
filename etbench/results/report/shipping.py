"""What to ship, as the first part of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from etbench.results.decision.across_models import Front, across_models
from etbench.results.decision.decide import decide, has_choice
from etbench.results.decision.rules import recorded_rules
from etbench.results.decision.words import (
    TEXTS,
    decision_table,
    front_in_words,
    headline,
    remarks,
    rules_in_words,
)
from etbench.results.report.grid import MISSING, Entry, Grid
from etbench.results.schema import Result

__all__ = ["AcrossModels", "Shipping", "shipping"]


class AcrossModels(Struct, frozen=True, kw_only=True):
    """A front across models: a sentence, its cells, and a line about each cell that is not on it."""

    text: str
    cells: Grid
    beaten: list[str]


class Shipping(Struct, frozen=True, kw_only=True):
    """The answer in a line, the rules, a row for each model, what was ruled out or withheld; the fronts."""

    headline: str
    rules: str
    answers: Grid
    notes: list[str]
    reasons: list[str]
    across_models: list[AcrossModels]


def shipping(results: Sequence[Result], files: Sequence[Path] | None = None) -> Shipping | None:
    """Return what to ship by the rules of the sweep; None if there is no choice, see `has_choice`.

    `files` are those of the results, for the names of cells that were measured several times.
    """
    if not has_choice(results):
        return None
    rules = recorded_rules([result.config for result in results])
    answers = decide(results, rules, files=files)
    names, rows = decision_table(answers)
    notes, reasons = remarks(answers)
    return Shipping(
        headline=headline(answers),
        rules=rules_in_words(rules),
        answers=_grid("What to ship", names, rows),
        notes=notes,
        reasons=reasons,
        across_models=[_across(front) for front in across_models(results, answers, files=files)],
    )


def _across(front: Front) -> AcrossModels:
    shown = front_in_words(front)
    return AcrossModels(
        text=shown.text, cells=_grid("Across models", shown.columns, shown.rows), beaten=shown.beaten
    )


def _grid(caption: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Grid:
    return Grid(
        caption=caption,
        labels=list(names),
        numeric=[name not in TEXTS for name in names],
        rows=[[Entry(_text(*cell)) for cell in zip(row, names, strict=True)] for row in rows],
    )


def _text(text: str, column: str) -> str:
    return text if text or column == "model" else MISSING
