"""What a run prints on a terminal."""

from __future__ import annotations

from contextlib import closing, suppress
from io import StringIO

from rich.console import Console

from etbench.events import Event
from etbench.terminal.console import ConsoleLog


def test_a_run_that_is_interrupted_within_a_stage_gives_the_cursor_back() -> None:
    terminal = StringIO()
    console = Console(file=terminal, force_terminal=True)
    with suppress(KeyboardInterrupt), closing(ConsoleLog(console)) as log:
        log(Event(kind="stage_started", stage="lower"))
        raise KeyboardInterrupt
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert hidden in terminal.getvalue()
    assert terminal.getvalue().rindex(shown) > terminal.getvalue().rindex(hidden)


def test_the_first_line_of_a_cell_names_its_weights_and_data() -> None:
    out = StringIO()
    with closing(ConsoleLog(Console(file=out, width=200))) as log:
        about = {"weights": "random weights", "data": "photos/[new]"}
        log(Event(kind="cell_started", cell="net_fp32_xnnpack", message="0123456789ab", **about))
    assert out.getvalue() == "net_fp32_xnnpack (0123456789ab) random weights; photos/[new]\n"


def test_weights_and_data_that_only_the_model_shows_are_a_line_of_their_own() -> None:
    out = StringIO()
    with closing(ConsoleLog(Console(file=out, width=200))) as log:
        log(Event(kind="program_ready", message="built", weights="weights not declared", data="photographs"))
        log(Event(kind="program_ready", message="built"))
    assert out.getvalue() == "  weights not declared; photographs\n"
