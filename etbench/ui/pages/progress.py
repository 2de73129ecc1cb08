"""One run on the Run tab: how far its cells are, its log, and its results to download."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from etbench.measure.protocol import seconds_text
from etbench.sweep.progress import CellProgress
from etbench.ui.choices import shell_words
from etbench.ui.jobs import Job, Jobs
from etbench.ui.pages.frame import card, table, table_rows
from etbench.ui.watch import CONSOLE_LOG, Watch

__all__ = ["RunCard"]

LOG_LINES = 300
LOG_TAIL = 16_384  # bytes


class RunCard:
    """A box that is brought up to date in place, so that the keyboard's focus stays where it is.

    Args:
        place: gets the box.
        title: of the box.
        job: a run of the queue, with the queue; or else
        watch: a run that was started elsewhere.

    """

    def __init__(
        self,
        place: ui.column,
        title: str,
        *,
        job: Job | None = None,
        jobs: Jobs | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.job, self.jobs, self._watch = job, jobs, watch
        self.title = title
        self.offered: set[str] = set()
        self.rows: list[dict[str, object]] = []
        self.log_offset: int | None = None
        with place, card(title) as self.box:
            self.state = ui.label().classes("text-sm").props('role="status"')
            self.bar = ui.linear_progress(0.0, show_value=False).props(f'aria-label="Progress of {title}"')
            self.table = table(["cell", "stage", "rounds", "p50 ms"], [], numbers=2)
            self.downloads = ui.row().classes("gap-2")
            with ui.row().classes("gap-2 items-center w-full"):
                if job is not None:
                    self.cancel = ui.button("Cancel", on_click=self.on_cancel, color=None)
                    self.cancel.props("no-caps outline dense").classes("px-3")
            with ui.expansion("Log and command line").classes("w-full"):
                self.command = ui.label().classes("eb-code")
                self.log = (
                    ui.log(max_lines=LOG_LINES)
                    .classes("eb-log w-full")
                    .props('tabindex=0 role="log" aria-label="Log"')
                )
        self.look()

    @property
    def watch(self) -> Watch | None:
        """What is known of it, once it has a folder."""
        return self.job.watch if self.job else self._watch

    def look(self) -> None:
        """Show what is new."""
        if self.watch is not None:
            self.watch.look()
            self._show_cells(self.watch)
            self._show_log(self.watch.folder / CONSOLE_LOG)
        self.state.set_text(self._state())
        if self.job is not None:
            self.cancel.set_visibility(not self.job.over)
            self.cancel.set_text("End at once" if self.job.interrupts else "Cancel")

    def on_cancel(self) -> None:
        """Interrupt the run."""
        assert self.job is not None and self.jobs is not None
        self.jobs.cancel(self.job)
        self.look()

    def _state(self) -> str:
        watch = self.watch
        state = self.job.state if self.job else ("running" if watch and watch.alive else "ended")
        if watch is None:
            return state
        over = sum(row.over for row in watch.rows.values())
        parts = [state, f"{over} of {len(watch.rows)} cells"]
        left = watch.left_s()
        if left is not None and state == "running":
            parts.append(f"about {seconds_text(left)} left")
        if watch.last is not None and state == "running" and self.job is None:
            parts.append(f"process {watch.last.pid}")
        return " · ".join(parts)

    def _show_cells(self, watch: Watch) -> None:
        rows = table_rows([_words(row, watch.reasons.get(key, "")) for key, row in watch.rows.items()])
        if rows != self.rows:
            self.rows = rows
            self.table.rows = rows
        done = [
            1.0 if row.over else 0.9 * row.done / row.of if row.of else 0.0 for row in watch.rows.values()
        ]
        self.bar.set_value(round(sum(done) / len(done), 3) if done else 0.0)
        if self.jobs is not None and self.job is not None and not self.command.text:
            self.command.set_text(shell_words(self.jobs.choices.arguments(self.job.request, watch.folder)))
        for key, file in watch.files.items():
            if key not in self.offered:
                self.offered.add(key)
                self._offer(watch.rows[key].name, file)

    def _offer(self, stem: str, file: Path) -> None:
        """Add a button that downloads a result; the browser names no path, it presses the button."""
        with self.downloads:
            button = ui.button(f"{stem}.json", icon="download", color=None)
            button.props("flat dense no-caps size=sm")
            button.on_click(
                lambda: ui.download.content(file.read_bytes(), f"{stem}.json", "application/json")
            )

    def _show_log(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                start = max(0, size - LOG_TAIL) if self.log_offset is None else self.log_offset
                file.seek(start)
                body = file.read(LOG_TAIL)
        except FileNotFoundError:
            return
        complete = body[: body.rfind(b"\n") + 1]
        self.log_offset = start + len(complete)
        if complete:
            self.log.push(complete.decode(errors="replace"))


def _words(row: CellProgress, reason: str) -> list[object]:
    """Return the cells of a row of the table."""
    doing = f"{row.doing} {reason}" if reason else row.doing
    rounds = f"{row.done} of {row.of}" if row.of else ""
    return [row.name, doing, rounds, "" if row.p50_ms is None else f"{row.p50_ms:.3g}"]
