"""The decision on the terminal: a row for each model, and what was withheld or ruled out below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from etbench.results.decision.decide import Answer
from etbench.results.decision.rules import Rules
from etbench.results.decision.words import HEADER, TEXTS, decision_table, remarks, rules_in_words
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, say

__all__ = ["print_decision"]

RANKS = {"memory": 5, "size": 4, "± %": 3, "SQNR": 2, "runner-up": 1}  # what the choice costs goes last
COLUMNS = {
    name: Column(name, rank=RANKS.get(name, 0), wraps=name in TEXTS, left=name in TEXTS) for name in HEADER
}


def print_decision(answers: Sequence[Answer], rules: Rules, *, unmeasured: bool = True) -> None:
    """Print what to ship of each model, and, if wanted, which cells were not measured."""
    console = plain_console()
    say(console, Text(rules_in_words(rules), style="dim"))
    names, rows = decision_table(answers)
    more = "`etbench decide --format markdown`"
    print_table(console, [COLUMNS[name] for name in names], rows, more=more)
    notes, about_models = remarks(answers, unmeasured=unmeasured)
    for note in notes:
        say(console, Text(f"note: {note}", style="dim"))
    for line in about_models:
        say(console, Text(line))
