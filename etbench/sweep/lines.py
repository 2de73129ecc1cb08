"""The output of a sweep without a terminal: one plain line per important event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from rich.console import Console

from etbench.config import Cell
from etbench.events import Event
from etbench.results.schema.names import cell_words
from etbench.sweep.eta import Estimate
from etbench.terminal.console import STAGE_WORDS, TELL_EVERY_S
from etbench.terminal.streams import print_line, progress_console
from etbench.text import seconds_text

__all__ = ["SweepLines"]


class SweepLines:
    """Prints when a cell is built, ready and finished, and the progress of the timing every ten seconds.

    The first line of a cell names its weights and data, or the line of its program, if they are known then.

    Args:
        cells: those of the sweep; each line has the number of its cell if there are several.
        console: standard error if not given.
        now: returns the time in seconds.

    """

    def __init__(
        self, cells: Sequence[Cell], console: Console | None = None, now: Callable[[], float] = monotonic
    ) -> None:
        self.console = console or progress_console()
        self._now = now
        self._estimate = Estimate(cells, now)
        many = len(cells) > 1
        self._heads = {
            cell.cell_id: (f"[{number}/{len(cells)}] " if many else "")
            + cell_words(cell.model.name, cell.precision.name, cell.delegate.name)
            for number, cell in enumerate(cells, 1)
        }
        self._begun: dict[str, float] = {}  # builds, by cell
        self._about: dict[str, str] = {}  # of cells that have started and have no line yet
        self._told = now()

    def __call__(self, event: Event) -> None:
        """Print one event, if it is important."""
        self._estimate.take(event)
        match event.kind:
            case "cell_started" if event.about:
                self._about[event.cell_id] = event.about
            case "stage_started" if event.stage == "compile":
                self._line(event, STAGE_WORDS[event.stage])
            case "stage_started" if event.cell_id not in self._begun:  # the first stage of its build
                self._begun[event.cell_id] = self._now()
                about = self._about.pop(event.cell_id, "")
                self._line(event, f"building{f' ({about})' if about else ''}{self._left()}")
            case "program_ready":
                begun = self._begun.setdefault(event.cell_id, self._now())
                took = f" in {seconds_text(self._now() - begun)}" if event.message == "built" else ""
                known = "; ".join(filter(None, [self._about.pop(event.cell_id, ""), event.about]))
                self._line(event, f"program {event.message}{took}{f' ({known})' if known else ''}")
            case "progress":
                self._line(event, event.message)
            case "round" if self._now() - self._told > TELL_EVERY_S:
                self._told = self._now()
                self._line(event, f"timing {event.done}/{event.of}{self._left()}")
            case "cell_finished":
                took = seconds_text(event.seconds or 0.0)
                self._line(event, f"{event.status} in {took}: {event.message}")

    def _line(self, event: Event, text: str) -> None:
        head = self._heads.get(event.cell_id, event.cell)
        print_line(f"{head}: {text}", self.console)

    def _left(self) -> str:
        left_s = self._estimate.left_s()
        return "" if left_s is None else f", about {seconds_text(left_s)} left"
