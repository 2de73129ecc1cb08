"""The decision on the terminal: a row for each model, and what was withheld or ruled out below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from etbench.results.decision.across_models import Front
from etbench.results.decision.decide import Answer
from etbench.results.decision.rules import Rules
from etbench.results.decision.words import (
    FRONT,
    HEADER,
    TEXTS,
    decision_table,
    front_in_words,
    remarks,
    rules_in_words,
)
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, say

__all__ = ["print_decision"]

RANKS = {"memory": 5, "size": 4, "± %": 3, "SQNR": 2, "runner-up": 1}  # what the choice costs goes last
COLUMNS = {
    name: Column(name, rank=RANKS.get(name, 0), wraps=name in TEXTS, left=name in TEXTS)
    for name in {*HEADER, *FRONT}
}
MORE = "`etbench decide --format markdown`"


def print_decision(
    answers: Sequence[Answer], rules: Rules, fronts: Sequence[Front] = (), *, unmeasured: bool = True
) -> None:
    """Print what to ship of each model, the fronts, and, if wanted, which cells were not measured."""
    console = plain_console()
    say(console, Text(rules_in_words(rules), style="dim"))
    names, rows = decision_table(answers)
    print_table(console, [COLUMNS[name] for name in names], rows, more=MORE)
    notes, about_models = remarks(answers, unmeasured=unmeasured)
    for note in notes:
        say(console, Text(f"note: {note}", style="dim"))
    for line in about_models:
        say(console, Text(line))
    for front in fronts:
        shown = front_in_words(front)
        say(console, Text(shown.text, style="dim"))
        print_table(console, [COLUMNS[name] for name in shown.columns], shown.rows, more=MORE)
        for line in shown.beaten:
            say(console, Text(line))
