"""The base of a comparison in turn: find its result, and have its program again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etbench.artifact import program_path, references_path
from etbench.builder import Artifact, Built
from etbench.config import Cell, Recipe, XnnpackRuntime, parse
from etbench.errors import ConfigError, EtbenchError
from etbench.results.files.schema import Result
from etbench.results.files.store import read_results
from etbench.system.files import link_or_copy, sha256

__all__ = ["Baseline", "Settings", "base_recipe", "find_base", "kept_program", "origin_of_rebuilt"]

STAGE = "compare_to"
RECIPE = ("model", "precision", "delegate", "calibration")


@dataclass(frozen=True)
class Baseline:
    """An older result of a cell, and the file it was read from."""

    path: Path
    result: Result

    @property
    def settings(self) -> Settings:
        """How it was run; of an older result what can still be understood."""
        config = self.result.config
        threads = config.get("threads")
        try:
            runtime = msgspec.convert(config["delegate"].get("runtime") or {}, XnnpackRuntime)
        except (KeyError, AttributeError, msgspec.ValidationError):
            runtime = XnnpackRuntime()
        return Settings(
            threads=threads if isinstance(threads, int) else None,
            runtime=runtime,
            runner=self.result.environment.runner,
        )


@dataclass(frozen=True)
class Settings:
    """How a program is run, as far as that is part of what is compared.

    `threads` of None are as many as the physical cores that may be used.
    """

    threads: int | None
    runtime: XnnpackRuntime
    runner: str

    @classmethod
    def of(cls, cell: Cell) -> Settings:
        """Return those of a cell."""
        return cls(cell.threads, cell.delegate.runtime, cell.runner.name)

    def unlike(self, other: Settings) -> str:
        """Return in words what is not as in the other; empty if all is."""
        theirs = other._by_name()
        differing = {name: value for name, value in self._by_name().items() if value != theirs[name]}
        return ", ".join(f"{name}={'null' if value is None else value}" for name, value in differing.items())

    def _by_name(self) -> dict[str, Any]:
        return {"threads": self.threads, "runner": self.runner, **msgspec.structs.asdict(self.runtime)}


def find_base(cell: Cell, where: str) -> Baseline:
    """Return the measured result of this model, precision and delegate that is most like the cell.

    That is one of the very same cell, else one of the same model options, else one run in the same way; the
    newest of several.

    Args:
        cell: the cell that is to be compared.
        where: a result file, or a folder with some.

    Raises:
        EtbenchError: of stage ``compare_to`` if there is none; names those that are there.

    """
    found, unreadable = read_results([where])
    measured = [Baseline(path, result) for path, result in found if result.status == "ok" and result.artifact]
    fitting = [base for base in measured if _stem(base.result) == cell.stem]
    if not fitting:
        there = ", ".join(sorted({_stem(base.result) for base in measured})) or "none"
        broken = "".join(f"; {error.message}" for error in unreadable)
        raise EtbenchError(
            f"compare_to={where}: no measured result of {cell.stem} there; there are: {there}{broken}",
            stage=STAGE,
            hint="give the folder or file of an earlier run of the same model, precision and delegate",
        )
    return max(fitting, key=lambda base: (*_likeness(base, cell), base.result.created_at))


def _likeness(base: Baseline, cell: Cell) -> tuple[bool, bool, bool]:
    same_model = base.result.config.get("model") == cell.config["model"]
    return base.result.cell_id == cell.cell_id, same_model, base.settings == Settings.of(cell)


def kept_program(base: Baseline, new: Artifact, new_folder: Path, folder: Path) -> tuple[Path, str] | None:
    """Return a folder with the base's program and where it came from, or None if it must be built again.

    Args:
        base: from `find_base`.
        new: the artifact it will be measured in turn with; the inputs must have the same shapes.
        new_folder: where that one lies.
        folder: an existing, empty folder.

    Raises:
        EtbenchError: of stage ``compare_to`` if the inputs differ.
        OSError: if the program cannot be copied.

    """
    old = base.result.artifact
    assert old is not None  # find_base gives no other
    if old.inputs != new.inputs:
        shapes = [[spec.shape for spec in artifact.inputs] for artifact in (old, new)]
        raise EtbenchError(f"the base takes inputs of {shapes[0]}, this cell of {shapes[1]}", stage=STAGE)
    if old.sha256 == new.sha256:
        return new_folder, "the very same program"
    kept = base.path.with_name(base.result.pte_file) if base.result.pte_file else None
    if old.generation != new.generation:  # the new references may not fit the base's cache
        return None
    if kept and kept.exists() and sha256(kept) == old.sha256:
        shutil.copyfile(kept, program_path(folder))
        link_or_copy(references_path(new_folder), references_path(folder))
        return folder, "the program kept beside the base's result"
    return None


def base_recipe(base: Baseline, cell: Cell) -> Recipe:
    """Return the recipe in the base's result; what is no part of it is taken from the cell.

    Raises:
        EtbenchError: of stage ``compare_to`` if it is of an etbench with other options.

    """
    try:
        sections = {name: base.result.config[name] for name in RECIPE}
        return parse(cell.config | sections).recipe
    except (KeyError, ConfigError) as error:
        raise EtbenchError(
            f"the base's program is gone, and its configuration builds no more: {error.args[0]}",
            stage=STAGE,
            hint="measure the base anew with this etbench; with keep_pte=true its program stays beside it",
        ) from error


def origin_of_rebuilt(base: Baseline, built: Built) -> str:
    """Say where a base's program came from that was not kept beside its result."""
    old = base.result.artifact
    assert old is not None
    where = "the artifact cache" if built.from_cache else "a new build"
    same = "with the same bytes" if built.artifact.sha256 == old.sha256 else "with other bytes than it had"
    return f"{where}, by the configuration in the base's result, {same}"


def _stem(result: Result) -> str:
    return f"{result.model_name}_{result.precision_short}_{result.delegate}"
