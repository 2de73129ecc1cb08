"""One run on the Run tab: the progress of its cells, its results, its log, and a button to resume it."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from etbench.config.command import resume_arguments, shell_words
from etbench.system.reading import open_regular
from etbench.text import counted, printable, seconds_text
from etbench.ui.faults import noting_faults
from etbench.ui.jobs import Job, Jobs
from etbench.ui.library import Library
from etbench.ui.pages.cells import CellTable
from etbench.ui.pages.frame import CommandLine, card
from etbench.ui.watch import CONSOLE_LOG, Watch

__all__ = ["RunCard"]

LOG_LINES = 300
LOG_TAIL = 16_384  # bytes


class RunCard:
    """A box that is updated in place, so that the keyboard focus does not move.

    Args:
        place: where the box is added.
        title: the title of the box.
        jobs: the queue.
        library: the results.
        job: a run of the queue; or else
        watch: a run that this server did not start.

    """

    def __init__(
        self,
        place: ui.column,
        title: str,
        *,
        jobs: Jobs,
        library: Library,
        job: Job | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.jobs, self.job, self._watch = jobs, job, watch
        self.log_offset: int | None = None
        self.fault = ""  # why a part of it cannot be shown
        with place, card(printable(title)) as self.box:
            self.state = ui.label().classes("text-sm").props('role="status"')
            self.bar = ui.linear_progress(0.0, show_value=False)
            self.bar.props["aria-label"] = f"Progress of {printable(title)}"
            self.bar.props("instant-feedback")  # a smooth animation would disturb the measurement
            self.cells = CellTable(library)
            with ui.row().classes("gap-2 items-center w-full"):
                self.cancel = ui.button("Cancel", on_click=self.on_cancel, color=None)
                self.resume = ui.button("Resume", on_click=self.on_resume, color=None)
                for button in (self.cancel, self.resume):
                    button.props("no-caps outline dense").classes("px-3")
            with ui.element("div").classes("w-full") as self.with_command:
                self.command = CommandLine("The command line of this run")
            with ui.expansion("Log").classes("w-full"):
                self.log = (
                    ui.log(max_lines=LOG_LINES)
                    .classes("eb-log w-full")
                    .props('tabindex=0 role="log" aria-label="Log"')
                )
        self.look()

    @property
    def watch(self) -> Watch | None:
        """The state of the run, once it has a folder."""
        return self.job.watch if self.job else self._watch

    def look(self) -> None:
        """Show the current state."""
        watch, job = self.watch, self.job
        self.fault = ""
        if watch is not None:
            watch.look()
            with noting_faults(self._note_fault):
                self.cells.show(watch)
                self._show_share(watch)
                self._show_log(watch.folder / CONSOLE_LOG)
        self.state.set_text(printable(self._state()))
        self.cancel.set_visibility(job is not None and not job.over)
        self.cancel.set_text("Stop immediately" if job and job.interrupts else "Cancel")
        self.resume.set_visibility(self._can_be_resumed())
        self._show_command()

    def _note_fault(self, reason: str) -> None:
        self.fault = reason

    def on_cancel(self) -> None:
        """Interrupt the run."""
        assert self.job is not None
        self.jobs.cancel(self.job)
        self.look()

    def on_resume(self) -> None:
        """Put the missing cells into the queue; the folder is that of this card, not one from the browser."""
        if self.watch is not None and self._can_be_resumed():
            job = self.jobs.resume(self.watch.folder)
            ui.notify(f"Run {job.number} was added to the queue", type="positive")

    def _can_be_resumed(self) -> bool:
        return self.watch is not None and self.watch.resumable and (self.job is None or self.job.over)

    def _state(self) -> str:
        watch = self.watch
        state = self.job.state if self.job else _state_of(watch)
        if watch is None:
            return state
        over = sum(row.over for row in watch.rows.values())
        parts = [state, f"{over} of {counted(len(watch.rows), 'cell')}"]
        parts += [f"not all can be shown: {reason}" for reason in {watch.fault, self.fault} if reason]
        left = watch.left_s()
        if left is not None and state == "running":
            parts.append(f"about {seconds_text(left)} left")
        if watch.last is not None and state == "running" and self.job is None:
            host = f" on {watch.last.host}" if watch.last.foreign else ""
            parts.append(f"process {watch.last.pid}{host}")
        return " · ".join(parts)

    def _show_share(self, watch: Watch) -> None:
        done = [
            1.0 if row.over else 0.9 * row.done / row.of if row.of else 0.0 for row in watch.rows.values()
        ]
        self.bar.set_value(round(sum(done) / len(done), 3) if done else 0.0)

    def _show_command(self) -> None:
        """Show the command of the run, or the one that resumes it."""
        arguments = self.job.arguments if self.job else []
        if self.watch is not None and self._can_be_resumed():
            arguments = resume_arguments(self.watch.folder)
        self.command.set_text(printable(shell_words(arguments)))
        self.with_command.set_visibility(bool(arguments))

    def _show_log(self, path: Path) -> None:
        try:
            with open_regular(path) as file:
                size = file.seek(0, 2)
                start = max(0, size - LOG_TAIL) if self.log_offset is None else self.log_offset
                file.seek(start)
                body = file.read(LOG_TAIL)
        except OSError:  # not there yet, or not a regular file
            return
        complete = body[: body.rfind(b"\n") + 1]
        self.log_offset = start + len(complete)
        if complete:
            self.log.push(complete.decode(errors="replace"))


def _state_of(watch: Watch | None) -> str:
    """Return the state of a run that this server did not start."""
    if watch is None or watch.complete:
        return "finished"
    return "running" if watch.alive else "ended before all cells were finished"
