"""The choices on the page, and their conversion to a command line.

Data from a browser is not trusted: a choice must be among the options that this server offers, and a number
within its range. No other text reaches the command line, so it cannot name a `_target_` or a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from etbench.config import Cell
from etbench.config.command import quoted
from etbench.config.sections import Delegate, Runs
from etbench.errors import ConfigError, nearest
from etbench.host.environment import available_cores
from etbench.preflight.compose import compose_options, option_names

__all__ = [
    "GROUPS",
    "Choices",
    "Group",
    "LeftOut",
    "Request",
]

Group = Literal["model", "precision", "delegate"]
GROUPS: tuple[Group, ...] = ("model", "precision", "delegate")


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requested grid of cells; by default, `runs` are what each model recommends, `threads` all cores."""

    model: Annotated[list[str], Meta(min_length=1)]
    precision: Annotated[list[str], Meta(min_length=1)]
    delegate: Annotated[list[str], Meta(min_length=1)]
    runs: Runs | None = None
    threads: Annotated[int, Meta(ge=1, le=1_024)] | None = None


@dataclass(frozen=True)
class LeftOut:
    """A cell of the grid that is not possible, and why."""

    name: str
    reason: str


class Choices:
    """The options of model, precision and delegate; each is composed once, those in folders on request.

    `faulty` are those whose YAML is wrong, with the errors; `open_ended` are the models whose YAML requires
    a value from the user, such as a path, which a browser must not provide.

    Args:
        config_dir: the user's folder with groups of their own, as for ``--config-dir``.

    """

    def __init__(self, config_dir: Path | None = None) -> None:
        self.config_dir = config_dir
        self.cores = available_cores()
        self._cells: dict[Group, dict[str, Cell]] = {group: {} for group in GROUPS}
        self.faulty: dict[Group, dict[str, str]] = {group: {} for group in GROUPS}
        self._in_folders: dict[Group, list[str]] = {}
        for group in GROUPS:
            names = option_names(group, config_dir=config_dir)
            self._in_folders[group] = sorted(name for name in names if "/" in name)
            self.take_in(group, [name for name in names if "/" not in name])
        unsaid = "Missing mandatory value"
        self.open_ended = [name for name, why in self.faulty["model"].items() if unsaid in why]
        for name in self.open_ended:
            del self.faulty["model"][name]

    def options(self, group: Group) -> list[str]:
        """List the options of a group, by name, without those in folders."""
        return sorted(name for name in self._cells[group] if "/" not in name)

    def in_folders(self, group: Group) -> list[str]:
        """List the options in folders of a group, as ``folder/option``."""
        return self._in_folders[group]

    def take_in(self, group: Group, names: Sequence[str]) -> None:
        """Compose the options that are not composed yet, at some 0.1 s each."""
        new = [name for name in names if name not in self._cells[group] and name not in self.faulty[group]]
        if not new:
            return
        for name, found in compose_options(group, new, config_dir=self.config_dir).items():
            if isinstance(found, Cell):
                self._cells[group][name] = found
            else:
                self.faulty[group][name] = "; ".join(found.faults)

    def recommended_runs(self, model: str) -> int:
        """Return the number of runs that this model recommends."""
        return self._cells["model"][model].model.recommended.runs

    def delegate(self, name: str) -> Delegate:
        """Return the configuration of a delegate."""
        return self._cells["delegate"][name].delegate

    def checked(self, values: dict[str, Any]) -> Request:
        """Return data from a browser as a request.

        Raises:
            ConfigError: if a value is not among the options or not in its range.

        """
        try:
            request = msgspec.convert(values, Request)
        except msgspec.ValidationError as error:
            raise ConfigError([str(error)]) from error
        faults = []
        for group in GROUPS:
            offered = self.options(group) + self.in_folders(group)
            asked = getattr(request, group)
            faults += [
                f"{group}={name!r} is not offered{nearest(name, offered)}"
                for name in asked
                if name not in offered
            ]
            self.take_in(group, [name for name in asked if name in self._in_folders[group]])
            faults += [self.faulty[group][name] for name in asked if name in self.faulty[group]]
        if request.threads is not None and request.threads > self.cores:
            faults.append(f"threads={request.threads}: the maximum on this machine is {self.cores}")
        if faults:
            raise ConfigError(faults)
        return request

    def cells(self, request: Request) -> list[Cell]:
        """Return the possible cells of a grid."""
        return [cell for cell in self._grid(request) if not cell.impossible()]

    def left_out(self, request: Request) -> list[LeftOut]:
        """Return the cells of a grid that are not possible, with the reasons."""
        return [
            LeftOut(f"{cell.model.name} {cell.precision.name} {cell.delegate.name}", reason)
            for cell in self._grid(request)
            if (reason := cell.impossible())
        ]

    def why_not(self, group: Group, name: str, ticked: dict[Group, list[str]]) -> str | None:
        """Return why an option does not fit any of the other selected options, or None if it fits one."""
        grid = {other: [name] if other == group else ticked[other] for other in GROUPS}
        if not all(grid.values()):
            return None
        asked = Request(model=grid["model"], precision=grid["precision"], delegate=grid["delegate"])
        reasons = [cell.impossible() for cell in self._grid(asked)]
        return None if None in reasons else reasons[0]

    def arguments(self, request: Request, folder: Path | None = None) -> list[str]:
        """Return the arguments of ``python -m etbench`` for this grid.

        Args:
            request: from `checked`.
            folder: the folder of the results; by default, Hydra creates one.

        """
        grid = [(group, list(dict.fromkeys(getattr(request, group)))) for group in GROUPS]
        many = any(len(names) > 1 for _, names in grid)
        words = ["-m"] if many else []
        if self.config_dir:
            words += ["--config-dir", str(self.config_dir)]
        words += [f"{group}={','.join(names)}" for group, names in grid]
        if request.runs is not None:
            words.append(f"repeat.runs={request.runs}")
        if request.threads is not None:
            words.append(f"threads={request.threads}")
        if folder is not None:
            words.append(f"hydra.{'sweep' if many else 'run'}.dir={quoted(str(folder))}")
        return words

    def _grid(self, request: Request) -> list[Cell]:
        return [
            msgspec.structs.replace(
                self._with(self._cells["model"][model], request),
                precision=self._cells["precision"][precision].precision,
                delegate=self._cells["delegate"][delegate].delegate,
            )
            for model in dict.fromkeys(request.model)
            for precision in dict.fromkeys(request.precision)
            for delegate in dict.fromkeys(request.delegate)
        ]

    @staticmethod
    def _with(cell: Cell, request: Request) -> Cell:
        repeat = msgspec.structs.replace(cell.repeat, runs=request.runs or cell.repeat.runs)
        return msgspec.structs.replace(cell, repeat=repeat, threads=request.threads)
