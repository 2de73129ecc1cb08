"""The baseline of an interleaved comparison: find its result, and get its program again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etbench.artifact import program_path, references_path
from etbench.builder import Artifact, Built
from etbench.builder.cache import cache_folder
from etbench.config import Cell, Recipe, XnnpackRuntime, parse
from etbench.config.env import Env, env_section
from etbench.errors import ConfigError, EtbenchError
from etbench.results.checks import OTHER_BASELINE
from etbench.results.files.baselines import is_name, location_fault, resolved
from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.system.files import copy_regular, link_or_copy, sha256
from etbench.system.trust import changeable_by_others

__all__ = [
    "BaseProgram",
    "Baseline",
    "Settings",
    "base_recipe",
    "find_base",
    "has_measured",
    "kept_program",
    "rebuilt_program",
]

STAGE = "compare_to"
RECIPE = ("model", "precision", "delegate", "calibration")


@dataclass(frozen=True)
class Baseline:
    """An older result of a cell, the file it was read from, and its ``baseline:NAME`` if it has one."""

    path: Path
    result: Result
    name: str = ""

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
            env=self.env.runs,
        )

    @property
    def env(self) -> Env:
        """The interpreters that built and ran it; older results have none but this one."""
        try:
            return msgspec.convert(env_section(self.result.config.get("env")), Env)
        except msgspec.ValidationError:
            return Env()


@dataclass(frozen=True)
class Settings:
    """How a program is run, as far as that is part of the comparison.

    If `threads` is None, all available physical cores are used; if `env` is None, this interpreter.
    """

    threads: int | None
    runtime: XnnpackRuntime
    runner: str
    env: str | None = None

    @classmethod
    def of(cls, cell: Cell) -> Settings:
        """Return those of a cell."""
        return cls(cell.threads, cell.delegate.runtime, cell.runner.name, cell.env.runs)

    def unlike(self, other: Settings) -> str:
        """Describe the differences from the other; empty if there are none."""
        theirs = other._by_name()
        differing = {name: value for name, value in self._by_name().items() if value != theirs[name]}
        return ", ".join(f"{name}={'null' if value is None else value}" for name, value in differing.items())

    def _by_name(self) -> dict[str, Any]:
        return {
            "threads": self.threads,
            "runner": self.runner,
            "env.run": self.env,
            **msgspec.structs.asdict(self.runtime),
        }


@dataclass(frozen=True)
class BaseProgram:
    """The program of a baseline as it is measured: its folder, where it came from, and its checksum."""

    folder: Path
    origin: str
    sha256: str


def find_base(cell: Cell, where: str) -> Baseline:
    """Return the measured result of this model, precision and delegate that is most similar to the cell.

    That is one of the same cell, or else one with the same model options, or else one run in the same way; if
    there are several, the newest.

    Args:
        cell: the cell to compare.
        where: a result file, a folder with result files, or ``baseline:NAME``.

    Raises:
        EtbenchError: of stage ``compare_to`` if there is none, when the message lists the results that were
            found, or if it is kept in the cache folder and another user can have changed it.

    """
    found, unreadable = read_results([resolved(where, cache_folder(cell.cache.dir))])
    name = where if is_name(where) else ""
    measured = [
        Baseline(path, result, name) for path, result in found if result.status == "ok" and result.artifact
    ]
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
    chosen = max(fitting, key=lambda base: (*_likeness(base, cell), base.result.created_at))
    if chosen.name and not cell.cache.shared:
        _check_owner(chosen)
    return chosen


def _check_owner(base: Baseline) -> None:
    """Check that nobody else can have changed a kept baseline, whose program and configuration are code.

    Raises:
        EtbenchError: of stage ``compare_to`` if another user can.

    """
    for file in (base.path, base.path.with_name(base.result.pte_file or base.path.name)):
        others = changeable_by_others(file.stat()) if file.exists() else ""
        if others:
            raise EtbenchError(
                f"compare_to={base.name}: {file} {others}",
                stage=STAGE,
                hint="cache.shared=true uses what other users have put into the cache folder",
            )


def has_measured(where: str, result: Result) -> bool:
    """Return whether a baseline has a measurement of this model, precision and delegate.

    Args:
        where: as in `find_base`.
        result: of the cell.

    """
    section = result.config.get("cache")
    folder = section.get("dir") if isinstance(section, dict) else None
    cache = cache_folder(folder if isinstance(folder, str) else None)
    if location_fault(where, cache):
        return False
    found, _ = read_results([resolved(where, cache)])
    return any(one.status == "ok" and _stem(one) == _stem(result) for _, one in found)


def _likeness(base: Baseline, cell: Cell) -> tuple[bool, bool, bool]:
    same_model = base.result.config.get("model") == cell.config["model"]
    return base.result.cell_id == cell.cell_id, same_model, base.settings == Settings.of(cell)


def kept_program(base: Baseline, new: Artifact, new_folder: Path, folder: Path) -> BaseProgram | None:
    """Return the baseline's program, or None if it must be built again.

    Args:
        base: from `find_base`.
        new: the artifact that it is interleaved with; the inputs must have the same shapes.
        new_folder: the folder of that artifact.
        folder: an existing, empty folder.

    Raises:
        EtbenchError: of stage ``compare_to`` if the inputs differ, or the program of a kept baseline is
            damaged: another build, from the code that is there now, would not be that baseline.
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
        return BaseProgram(new_folder, "the same program", old.sha256)
    kept = base.path.parent / Path(base.result.pte_file).name if base.result.pte_file else None
    if _fed(old) != _fed(new):
        return None  # the new references may not fit the baseline's cache, its sizes or its memory format
    if kept and kept.is_file() and sha256(kept) == old.sha256:
        copy_regular(kept, program_path(folder))
        link_or_copy(references_path(new_folder), references_path(folder))
        return BaseProgram(folder, "the program kept next to the baseline's result", old.sha256)
    if base.name:
        raise EtbenchError(
            f"the program of {base.name} is gone or damaged: {kept}",
            stage=STAGE,
            hint=f"measure it again, and keep it: etbench baseline set {base.name.partition(':')[2]} DIR",
        )
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
        sections["env"] = base.result.config.get("env")
        return parse(cell.config | sections).recipe
    except (KeyError, ConfigError) as error:
        raise EtbenchError(
            f"the baseline's program was not kept, and its configuration cannot be built: {error.args[0]}",
            stage=STAGE,
            hint="measure the baseline again with this version; keep_pte=true keeps its program",
        ) from error


def rebuilt_program(base: Baseline, built: Built, folder: Path) -> BaseProgram:
    """Return a baseline's program that was not kept next to its result, but cached or built again."""
    old = base.result.artifact
    assert old is not None
    where = "the artifact cache" if built.from_cache else "a new build"
    same = "with the same bytes" if built.artifact.sha256 == old.sha256 else "with different bytes"
    origin = f"{where}, from the configuration in the baseline's result, {same}"
    return BaseProgram(folder, origin, built.artifact.sha256)


def _stem(result: Result) -> str:
    return f"{result.model_name}_{result.precision_short}_{result.delegate}"
