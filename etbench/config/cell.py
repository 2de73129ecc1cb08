"""One point of the grid, and the part of it that decides the bytes of its program."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from etbench.config.devices import AdbDevice, Device, HostDevice, SshDevice
from etbench.config.env import Env
from etbench.config.sections import (
    MIN_ROUNDS,
    BuildSettings,
    CacheSettings,
    Calibration,
    Checks,
    Decision,
    Delegate,
    Evaluate,
    FileName,
    Measure,
    Model,
    Passes,
    Precision,
    Privacy,
    Repeat,
    ReportSettings,
    Runner,
    Section,
    SweepSettings,
    XnnpackRuntime,
)

__all__ = ["Cell", "Recipe", "Settings", "decides_cell"]

ENV_CHARACTERS = 40  # of the name of an interpreter in the name of a file

# Keys of the YAML and groups that do not decide what is measured: they do not change `Cell.cell_id`.
UNMEASURED = (
    *("sweep", "cache", "build", "report", "privacy", "tracking", "keep_pte", "event_log"),
    *("compare_to", "fail_above", "allow_undecided", "decision", "checks"),
    *("measure.timeout_s", "measure.seed", "repeat.until"),
    "delegate.converter_python",  # where a converter is, not what it does
    "model.test_data",  # the data that an accuracy function uses are in `evaluate`
    *("runner.cannot", "runner.compilers", "runner.runs_on"),
    *("device.options", "device.folder", "device.max_gb", "device.platform", "device.retries"),
    *("device.adb", "device.address", "device.runner", "device.libraries"),
    *("hydra.launcher", "hydra/launcher", "hydra.callbacks", "hydra.sweep", "hydra.run", "hydra.job"),
    *(
        "hydra.job_logging",
        "hydra/job_logging",
        "hydra.hydra_logging",
        "hydra/hydra_logging",
        "hydra.verbose",
    ),
)


def decides_cell(key: str) -> bool:
    """Return whether a key of the YAML, or a group, decides what is measured, and so `Cell.cell_id`."""
    return not any(key == other or key.startswith((f"{other}.", f"{other}/")) for other in UNMEASURED)


class Recipe(Section, frozen=True, kw_only=True):
    """The part of a cell that decides the bytes of the `.pte`, the reference inputs and outputs.

    `python` names the interpreter that builds, None for the one that runs etbench; see `Env`.
    """

    model: Model
    precision: Precision
    delegate: Delegate
    calibration: Calibration
    numerics: bool = False
    python: str | None = None


class Settings(Section, frozen=True, kw_only=True):
    """Everything at the top level of the YAML that is not a component; older results lack some of it."""

    runner: Runner = Runner()
    repeat: Repeat
    device: Device = HostDevice()
    env: Env = Env()
    measure: Measure
    passes: Passes
    calibration: Calibration
    cache: CacheSettings
    build: BuildSettings
    sweep: SweepSettings
    report: ReportSettings = ReportSettings()
    privacy: Privacy = Privacy()
    checks: Checks = Checks()
    profile: bool = False
    threads: Annotated[int, Meta(ge=1, le=1_024)] | None = None
    keep_pte: bool = False
    numerics: bool = False
    compare_to: Annotated[str, Meta(min_length=1)] | None = None
    fail_above: Annotated[float, Meta(gt=0, le=10)] = 0.05
    allow_undecided: bool = False
    decision: Decision = Decision()
    event_log: FileName | None = None


class Cell(Settings, frozen=True, kw_only=True):
    """One point of the grid, the composed YAML it came from, and the command that composes it again."""

    model: Model
    precision: Precision
    delegate: Delegate
    evaluate: Evaluate
    config: dict[str, Any]
    command: list[str] = msgspec.field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        """What the builder needs to know."""
        return Recipe(
            model=self.model,
            precision=self.precision,
            delegate=msgspec.structs.replace(self.delegate, runtime=XnnpackRuntime()),
            calibration=self.calibration,
            numerics=self.numerics,
            python=self.env.builds,
        )

    @property
    def stem(self) -> str:
        """Its name: ``{model}_{precision}_{delegate}``."""
        return f"{self.model.name}_{self.precision.name}_{self.delegate.name}"

    @property
    def file_stem(self) -> str:
        """The name of its files: `stem`, and the interpreter that runs it if that is another one."""
        if self.env.runs is None:
            return self.stem
        name = re.sub(r"[^A-Za-z0-9_.+-]+", "-", self.env.runs.removesuffix("/bin/python")).strip("-.")
        return f"{self.stem}_{name[-ENV_CHARACTERS:].lstrip('-.')}"

    @property
    def cell_id(self) -> str:
        """Twelve hexadecimal digits that two cells share only if they ask for the same measurement."""
        measured_how = msgspec.structs.replace(self.measure, timeout_s=Measure().timeout_s, seed=None)
        recipe = msgspec.to_builtins(self.recipe)
        if self.delegate.check_ir is True:  # so that ids of older cells stay
            del recipe["delegate"]["check_ir"]
        if self.delegate.executor is None:
            del recipe["delegate"]["executor"]
        if "converter_python" in self.delegate.options:
            del recipe["delegate"]["options"]["converter_python"]
        if not self.model.dynamic.measure:
            del recipe["model"]["dynamic"]["measure"]
        if self.recipe.python is None:
            del recipe["python"]
        if self.model.memory_format == "contiguous":
            del recipe["model"]["memory_format"]
        for key in ("blocks", "min_sqnr_db"):
            if recipe["precision"][key] is None:
                del recipe["precision"][key]
        del recipe["model"]["test_data"]  # `evaluate` has what is used of it
        repeat = msgspec.to_builtins(self.repeat)
        del repeat["until"]  # asks for more rounds only, as compare_to does
        if self.repeat.min_rounds == MIN_ROUNDS:  # as above
            del repeat["min_rounds"]
        identity = [recipe, repeat, measured_how, self.passes, self.profile, self.threads]
        identity += [self.delegate.runtime, self.evaluate]
        identity += self.device.identity
        if self.runner.name != "python":  # as above
            identity.append(self.runner.name)
        if self.env.runs is not None:
            identity.append(["env", self.env.runs])
        return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()[:12]

    @property
    def names(self) -> dict[str, str]:
        """What `Impossible.covers` looks at."""
        return {
            "model": self.model.name,
            "task": self.model.task,
            "precision": self.precision.base,
            "delegate": self.delegate.name,
            "device": self.device.kind,
            "memory_format": self.model.memory_format,
        }

    @property
    def compiles_runner(self) -> bool:
        """Whether its runner is compiled here."""
        return self.compiles(self.runner.name)

    def compiles(self, runner: str) -> bool:
        """Return whether a runner is compiled for this host: the native one, unless it runs elsewhere."""
        return runner == "native" and not isinstance(self.device, AdbDevice | SshDevice)

    @property
    def board(self) -> SshDevice | None:
        """The device, if it is a machine that needs no Python, for which a runner is compiled."""
        native = self.runner.name == "native"
        return self.device if native and isinstance(self.device, SshDevice) else None

    def no_runtime(self) -> str | None:
        """Return why the program can be built but not run on the device, or None if it can.

        Which runtimes the runner of a phone has is found out on the phone.
        """
        if isinstance(self.device, AdbDevice):
            return None
        there = None if isinstance(self.device, HostDevice) else self.device.platform
        there = "linux" if self.board else there
        return self.delegate.no_runtime(there or sys.platform)

    def impossible(self) -> str | None:
        """Return why model, precision, delegate and runner do not work together, or None if they do.

        A sweep skips such a cell with this reason; the errors of `etbench.preflight.checks` end the command.
        """
        rules = (*self.delegate.cannot, *self.runner.cannot)
        reasons = [rule.reason for rule in rules if rule.covers(self.names)]
        reasons += filter(None, [self.precision.not_mixed])
        runner = self.runner.missing if self.compiles_runner else None
        reasons += filter(None, [runner, *self._lacking()])
        if self.model.dynamic.sizes and self.precision.name != "fp32":
            reasons.append(
                "model.dynamic works only in fp32: quantizing and casting export again, with fixed shapes"
            )
        return reasons[0] if reasons else None

    def _lacking(self) -> Iterator[str | None]:
        """Yield what the interpreters of the build and of the rounds lack."""
        builds, runs = self.env.builds, self.env.runs
        for part, envs in ((self.model, (builds,)), (self.delegate, (builds, runs))):
            for one in part.requires:
                if one.unless and part.options.get(one.unless):
                    continue
                if not one.to_build:
                    yield one.missing_in(*envs)
                elif not self.model.ready:
                    yield one.missing_in(builds)
