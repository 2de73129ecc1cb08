"""The baseline of an interleaved comparison: find its result, and get its program again."""

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
from etbench.results.checks import OTHER_BASELINE
from etbench.results.files.store import read_results
from etbench.results.schema import Result
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
        """How it was run; for an older result, the settings that are still known."""
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
    """How a program is run, as far as that is part of the comparison.

    If `threads` is None, all available physical cores are used.
    """

    threads: int | None
    runtime: XnnpackRuntime
    runner: str

    @classmethod
    def of(cls, cell: Cell) -> Settings:
        """Return those of a cell."""
        return cls(cell.threads, cell.delegate.runtime, cell.runner.name)

    def unlike(self, other: Settings) -> str:
        """Describe the differences from the other; empty if there are none."""
        theirs = other._by_name()
        differing = {name: value for name, value in self._by_name().items() if value != theirs[name]}
        return ", ".join(f"{name}={'null' if value is None else value}" for name, value in differing.items())

    def _by_name(self) -> dict[str, Any]:
        return {"threads": self.threads, "runner": self.runner, **msgspec.structs.asdict(self.runtime)}


def find_base(cell: Cell, where: str) -> Baseline:
    """Return the measured result of this model, precision and delegate that is most similar to the cell.

    That is one of the same cell, or else one with the same model options, or else one run in the same way; if
    there are several, the newest.

    Args:
        cell: the cell to compare.
        where: a result file, or a folder with result files.

    Raises:
        EtbenchError: of stage ``compare_to`` if there is none; the message lists the results that were found.

    """
    found, unreadable = read_results([where])
    measured = [Baseline(path, result) for path, result in found if result.status == "ok" and result.artifact]
    fitting = [base for base in measured if _stem(base.result) == cell.stem]
    wrong = next((one for _, one in found if one.status == "wrong" and _stem(one) == cell.stem), None)
    if not fitting and wrong is not None:
        raise EtbenchError(
            f"compare_to={where}: the result of {cell.stem} is wrong ({wrong.errors})",
            stage=STAGE,
            hint=OTHER_BASELINE,
        )
    if not fitting:
        there = ", ".join(sorted({_stem(base.result) for base in measured})) or "none"
        broken = "".join(f"; {error.message}" for error in unreadable)
        raise EtbenchError(
            f"compare_to={where}: there is no measured result of {cell.stem}; found: {there}{broken}",
            stage=STAGE,
            hint="give the folder or file of an earlier run of the same model, precision and delegate",
        )
    return max(fitting, key=lambda base: (*_likeness(base, cell), base.result.created_at))


def _likeness(base: Baseline, cell: Cell) -> tuple[bool, bool, bool]:
    same_model = base.result.config.get("model") == cell.config["model"]
    return base.result.cell_id == cell.cell_id, same_model, base.settings == Settings.of(cell)


def kept_program(base: Baseline, new: Artifact, new_folder: Path, folder: Path) -> tuple[Path, str] | None:
    """Return a folder with the baseline's program and its origin, or None if it must be built again.

    Args:
        base: from `find_base`.
        new: the artifact that it is interleaved with; the inputs must have the same shapes.
        new_folder: the folder of that artifact.
        folder: an existing, empty folder.

    Raises:
        EtbenchError: of stage ``compare_to`` if the inputs differ.
        OSError: if the program cannot be copied.

    """
    old = base.result.artifact
    assert old is not None  # find_base gives no other
    if old.inputs != new.inputs:
        shapes = [[spec.shape for spec in artifact.inputs] for artifact in (old, new)]
        raise EtbenchError(f"the baseline has inputs of {shapes[0]}, this cell of {shapes[1]}", stage=STAGE)
    if old.constants != new.constants:
        raise EtbenchError(
            f"the baseline was built for {old.constants or 'no constants'}, this cell for "
            f"{new.constants or 'none'}",
            stage=STAGE,
        )
    if old.sha256 == new.sha256:
        return new_folder, "the same program"
    kept = base.path.with_name(base.result.pte_file) if base.result.pte_file else None
    if _fed(old) != _fed(new):
        return None  # the new references may not fit the baseline's cache, its sizes or its memory format
    if kept and kept.exists() and sha256(kept) == old.sha256:
        shutil.copyfile(kept, program_path(folder))
        link_or_copy(references_path(new_folder), references_path(folder))
        return folder, "the program kept next to the baseline's result"
    return None


def _fed(artifact: Artifact) -> tuple[Any, ...]:
    return artifact.generation, artifact.dynamic.sizes, artifact.memory_format


def base_recipe(base: Baseline, cell: Cell) -> Recipe:
    """Return the recipe in the baseline's result; what the recipe does not contain is taken from the cell.

    Raises:
        EtbenchError: of stage ``compare_to`` if it was written by a version of etbench with other options.

    """
    try:
        sections = {name: base.result.config[name] for name in RECIPE}
        return parse(cell.config | sections).recipe
    except (KeyError, ConfigError) as error:
        raise EtbenchError(
            f"the baseline's program was not kept, and its configuration cannot be built: {error.args[0]}",
            stage=STAGE,
            hint="measure the baseline again with this version; keep_pte=true keeps its program",
        ) from error


def origin_of_rebuilt(base: Baseline, built: Built) -> str:
    """Describe the origin of a baseline's program that was not kept next to its result."""
    old = base.result.artifact
    assert old is not None
    where = "the artifact cache" if built.from_cache else "a new build"
    same = "with the same bytes" if built.artifact.sha256 == old.sha256 else "with different bytes"
    return f"{where}, from the configuration in the baseline's result, {same}"


def _stem(result: Result) -> str:
    return f"{result.model_name}_{result.precision_short}_{result.delegate}"
