"""The form of the Run tab: checkboxes for the grid, numbers, and the equivalent command line."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from etbench.config.command import shell_words
from etbench.errors import ConfigError
from etbench.escaping import html
from etbench.text import counted
from etbench.ui.choices import GROUPS, Group, Request
from etbench.ui.jobs import Jobs
from etbench.ui.pages.frame import CommandLine, words

__all__ = ["Chooser"]

FIRST: dict[Group, tuple[str, ...]] = {
    "model": ("mobilenet_v2",),
    "precision": ("fp32", "int8"),
    "delegate": ("xnnpack",),
}
SHOWN = 6


class Chooser:
    """Lets the user choose a grid of cells and puts it into the queue."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.choices = jobs.choices
        self.boxes: dict[Group, dict[str, ui.checkbox]] = {}
        self.reasons: dict[tuple[Group, str], ui.label] = {}
        for group in GROUPS:
            self._ticks(group)
        self.runs = ui.number(
            "Repeats (timed inferences)", min=1, max=10_000, precision=0, on_change=self.show
        )
        self.runs.classes("w-full").props("outlined dense clearable")
        self.hint = words("")
        self.threads = ui.number(
            f"Threads (empty: all {self.choices.cores} cores)", min=1, max=self.choices.cores, precision=0
        )
        self.threads.on_value_change(self.show).classes("w-full").props("outlined dense clearable")
        self.summary = ui.label().classes("text-sm font-medium").props('role="status"')
        self.left_out = ui.label().classes("eb-quiet whitespace-pre-line")
        self.start = ui.button("Start", on_click=self.ask).classes("w-full").props("no-caps unelevated")
        self.command = CommandLine("The equivalent command line")
        self._recommend()

    def ask(self) -> None:
        """Check the choice and put it into the queue."""
        try:
            job = self.jobs.add(self.choices.checked(self._values()))
        except ConfigError as error:
            ui.notify("\n".join(error.faults), type="negative", multi_line=True)
        else:
            ui.notify(f"Run {job.number} was added to the queue", type="positive")

    def show(self) -> None:
        """Show the chosen grid, and disable options that are not possible."""
        ticked = self._ticked()
        for group in GROUPS:
            for name, box in self.boxes[group].items():
                self._enable(group, name, box, self.choices.why_not(group, name, ticked))
        try:
            request = self.choices.checked(self._values())
        except ConfigError:
            self.start.disable()
            self.command.set_text("")
            self.left_out.set_text("")
            empty = [group for group in GROUPS if not ticked[group]]
            self.summary.set_text(f"Tick a {empty[0]}" if empty else "A number is out of range")
            return
        self._show(request)

    def _show(self, request: Request) -> None:
        cells, left_out = self.choices.cells(request), self.choices.left_out(request)
        not_possible = f", {len(left_out)} not possible" if left_out else ""
        self.summary.set_text(counted(len(cells), "cell") + not_possible)
        lines = [f"{cell.name}: {cell.reason}" for cell in left_out]
        more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        self.left_out.set_text("\n".join(lines[:SHOWN] + more))
        self.command.set_text(shell_words(self.choices.arguments(request)))
        self.start.set_enabled(bool(cells))

    def _ticks(self, group: Group) -> None:
        with ui.element("fieldset").classes("border-0 p-0 m-0 min-w-0"):
            ui.html(html(group.capitalize()), sanitize=False, tag="legend").classes("text-sm font-semibold")
            self.boxes[group] = {}
            with ui.element("div").classes("grid grid-cols-2 gap-x-2"):
                for name in self.choices.options(group):
                    with ui.column().classes("gap-0 min-w-0"):
                        box = ui.checkbox(name, value=name in FIRST[group]).props("dense").classes("py-1")
                        self.reasons[group, name] = words("")
                        self.boxes[group][name] = box
            for name, why in self.choices.faulty[group].items():
                words(f"{name}: {why}")
            if group == "model":
                self._more_models()
            if not any(box.value for box in self.boxes[group].values()):
                next(iter(self.boxes[group].values())).value = True
            for box in self.boxes[group].values():
                box.on_value_change(self._recommend if group == "model" else self.show)

    def _more_models(self) -> None:
        """Offer the models in folders of the group, and show how to measure those that cannot be offered."""
        more = self.choices.in_folders("model")
        self.more = ui.select(
            more, label=f"{len(more)} more models", multiple=True, value=[], with_input=True
        )
        self.more.classes("w-full mt-1").props("outlined dense use-chips options-dense")
        self.more.on_value_change(self._take_in).set_visibility(bool(more))
        words(
            "This page does not accept names or paths. For any other model of a library, use the command "
            "line, such as python -m etbench model=torchvision model.id=swin_t"
            + (f"; also for {', '.join(self.choices.open_ended)}." if self.choices.open_ended else ".")
        )

    def _take_in(self) -> None:
        """Compose the models that were chosen from folders."""
        chosen = list(self.more.value)
        self.choices.take_in("model", chosen)
        if faults := [name for name in chosen if name in self.choices.faulty["model"]]:
            ui.notify("\n".join(self.choices.faulty["model"][name] for name in faults), type="negative")
            self.more.value = [name for name in chosen if name not in faults]
        self._recommend()

    def _enable(self, group: Group, name: str, box: ui.checkbox, why: str | None) -> None:
        box.set_enabled(why is None or bool(box.value))  # a ticked option can be unticked
        reason = self.reasons[group, name]
        reason.set_text(why or "")
        reason.set_visibility(why is not None)

    def _recommend(self) -> None:
        """Fill in the recommended runs of the ticked models; empty if they differ."""
        runs = {self.choices.recommended_runs(name) for name in self._ticked()["model"]}
        self.runs.value = runs.pop() if len(runs) == 1 else None
        self.hint.set_text("Empty: what each model recommends" if runs else "As the model recommends")
        self.show()

    def _ticked(self) -> dict[Group, list[str]]:
        ticked: dict[Group, list[str]] = {
            group: [name for name, box in self.boxes[group].items() if box.value is True] for group in GROUPS
        }
        ticked["model"] += self.more.value
        return ticked

    def _values(self) -> dict[str, Any]:
        """Return the data from the browser, not checked."""
        ticked = self._ticked()
        runs = _whole(self.runs.value)
        models = ticked["model"]
        if models and all(runs == self.choices.recommended_runs(name) for name in models):
            runs = None  # the shorter command
        grid = {str(group): names for group, names in ticked.items()}
        return {**grid, "runs": runs, "threads": _whole(self.threads.value)}


def _whole(value: Any) -> Any:
    """Return a number without a fraction as an integer, and anything else as it is, for `Choices.checked`."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
