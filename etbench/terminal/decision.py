"""The decision on the terminal: a row for each model, and what was withheld or ruled out below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from etbench.results.decision.decide import Answer
from etbench.results.decision.rules import Rules
from etbench.results.decision.words import HEADER, answer_lines, common_notes, decision_rows, rules_in_words
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, say

__all__ = ["print_decision"]

WORDS = ("model", "ship", "runner-up")
RANKS = {"memory": 4, "± %": 3, "SQNR": 2, "runner-up": 1}
COLUMNS = tuple(
    Column(name, rank=RANKS.get(name, 0), wraps=name in WORDS, left=name in WORDS) for name in HEADER
)


def print_decision(answers: Sequence[Answer], rules: Rules, *, unmeasured: bool = True) -> None:
    """Print what to ship of each model, and, if wanted, which cells were not measured."""
    console = plain_console()
    say(console, Text(rules_in_words(rules), style="dim"))
    rows = list(decision_rows(answers))
    used = [place for place in range(len(HEADER)) if any(row[place] for row in rows)]
    shown = [[row[place] for place in used] for row in rows]
    more = "`etbench decide --format markdown`"
    print_table(console, [COLUMNS[place] for place in used], shown, more=more)
    for note in common_notes(answers):
        say(console, Text(f"note: {note}", style="dim"))
    for answer in answers:
        for line in answer_lines(answer, unmeasured=unmeasured):
            say(console, Text(line))
