"""The typed form of a composed configuration; OmegaConf objects end here.

`parse` turns the composed YAML into a frozen `Cell`, or raises one `ConfigError` that lists every
fault. Nothing here imports torch, so a mistake is answered at once.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from etbench.errors import ConfigError

__all__ = [
    "BuildSettings",
    "CacheSettings",
    "Calibration",
    "Cell",
    "Delegate",
    "Measure",
    "Model",
    "Passes",
    "Precision",
    "Recipe",
    "Repeat",
    "SweepSettings",
    "nearest",
    "parse",
]

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
Target = Annotated[str, Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
Runs = Annotated[int, Meta(ge=1, le=10_000)]
Warmup = Annotated[int, Meta(ge=0, le=10_000)]
Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the composed YAML; a key it does not know is a fault."""


class _Component(_Section, frozen=True, kw_only=True):
    """A section that names a callable: `target` is called with `options` as keyword arguments."""

    target: Target = field(name="_target_")
    name: Name
    options: dict[str, Any] = {}


class Recommended(_Section, frozen=True, kw_only=True):
    """How often a model is worth running; `repeat=recommended` takes it from here."""

    runs: Runs
    warmup: Warmup


class Model(_Component, frozen=True, kw_only=True):
    """What is measured."""

    type: str
    recommended: Recommended

    @property
    def weights(self) -> str:
        """``random``, ``pretrained``, a path, or ``custom`` where the model has no such option."""
        return str(self.options.get("weights", "custom"))


class Precision(_Component, frozen=True, kw_only=True):
    """How the numbers of the model are stored and computed."""

    label: str
    calibrates: bool


class Impossible(_Section, frozen=True, kw_only=True):
    """A combination that a delegate cannot build or run.

    In the names of model and precision ``*`` stands for anything; left out, they mean any.
    """

    reason: str
    model: str = "*"
    precision: str = "*"

    def covers(self, cell: Cell) -> bool:
        """Tell whether the cell is one of these combinations."""
        return fnmatchcase(cell.model.name, self.model) and fnmatchcase(cell.precision.name, self.precision)


class Requirement(_Section, frozen=True, kw_only=True):
    """What must be on this host for a delegate: an importable package, or one of some programs."""

    install: str
    package: str | None = None
    programs: list[str] = []

    @property
    def missing(self) -> str | None:
        """What is not here, and how to have it; None if it is here."""
        if self.package and importlib.util.find_spec(self.package) is None:
            return f"the package {self.package!r} is not installed: {self.install}"
        if self.programs and not any(map(shutil.which, self.programs)):
            return f"none of {', '.join(self.programs)} is installed: {self.install}"
        return None


class Delegate(_Component, frozen=True, kw_only=True):
    """Who executes the program.

    `runs_on` are the systems (as `sys.platform` names them) for which the ExecuTorch wheel has its runtime;
    elsewhere programs for it are built and not run. None stands for all systems.
    """

    cannot: list[Impossible] = []
    requires: list[Requirement] = []
    runs_on: list[str] | None = None

    @property
    def no_runtime(self) -> str | None:
        """Why a program for it can be built here but not run, or None if it can."""
        if self.runs_on is None or sys.platform in self.runs_on:
            return None
        return f"built ahead of time; the ExecuTorch wheel has no {self.name} runtime for {sys.platform}"


class Repeat(_Section, frozen=True, kw_only=True):
    """How often a cell is run; `max_seconds` bounds its timed part.

    `runs` samples at least are spread over `rounds` fresh processes, fewer where that many would take
    longer than `rounds_s`. With a `target_ci` it goes on until the half width of the 95 % interval is
    this share of the latency, up to `max_rounds`.
    """

    runs: Runs
    warmup: Warmup | Literal["stable"]
    rounds: Annotated[int, Meta(ge=1, le=1_000)]
    rounds_s: Seconds
    max_seconds: Seconds
    target_ci: Annotated[float, Meta(gt=0, lt=1)] | None = None
    max_rounds: Annotated[int, Meta(ge=5, le=10_000)] = 1_000


class Measure(_Section, frozen=True, kw_only=True):
    """How rounds are laid out on the machine.

    `affinity` pins them to these CPUs. Cells whose round takes longer than `block_max_s` are not
    measured in turn with quicker ones. `seed` is of the random order within the blocks; without one it is
    another each time, which is what keeps a comparison free of any effect of the order. `start` is how a
    round's process comes to be: forked from one that has imported the runtime, or spawned, which takes
    longer; ``auto`` forks where this system can. One that takes longer than `timeout_s` is killed.
    """

    affinity: Annotated[list[NonNegative], Meta(min_length=1)] | None = None
    block_max_s: Seconds = 2.0
    seed: NonNegative | None = None
    start: Literal["auto", "fork", "spawn"] = "auto"
    timeout_s: Seconds = 1_800


class CacheSettings(_Section, frozen=True, kw_only=True):
    """Where programs are kept for the next time; `dir` None is the user's cache folder."""

    enabled: bool = True
    dir: Annotated[str, Meta(min_length=1)] | None = None
    max_gb: Annotated[float, Meta(gt=0)] = 20.0


class BuildSettings(_Section, frozen=True, kw_only=True):
    """Limits of one build."""

    timeout_s: Seconds = 3_600


class SweepSettings(_Section, frozen=True, kw_only=True):
    """How the cells of a sweep are worked on.

    `builders` is the number of processes that build at once, None for as many as cores and memory carry.
    `resume` names the folder of an earlier sweep to be completed, with `retry` also its failed cells.
    """

    builders: Annotated[int, Meta(ge=1, le=256)] | None = None
    resume: Annotated[str, Meta(min_length=1)] | None = None
    retry: Literal["failed"] | None = None
    fail_fast: bool = False


class Passes(_Section, frozen=True, kw_only=True):
    """The passes beside the timed rounds, each in processes of its own.

    Loading is timed in `load` processes with the file in the page cache and in as many with it dropped from
    there; none begins after `load_s`. Energy is taken over `energy_s`, where the processor counts it.
    """

    load: Annotated[int, Meta(ge=1, le=1_000)] = 5
    load_s: Seconds = 3.0
    energy_s: Seconds = 1.0


class Calibration(_Section, frozen=True, kw_only=True):
    """Real data for the reference inputs and for the observers of static int8."""

    references: Annotated[int, Meta(ge=1, le=1_000)]
    batches: Annotated[int, Meta(ge=1, le=10_000)]
    seed: NonNegative
    images: str | None = None
    text: str | None = None
    observer: Literal["histogram", "minmax"] = "histogram"


class _Config(_Section, frozen=True, kw_only=True):
    """Everything at the top level that is not a component."""

    repeat: Repeat
    measure: Measure
    passes: Passes
    calibration: Calibration
    cache: CacheSettings
    build: BuildSettings
    sweep: SweepSettings
    profile: bool = False
    threads: Annotated[int, Meta(ge=1, le=1_024)] | None = None
    keep_pte: bool = False
    numerics: bool = False
    compare_to: Annotated[str, Meta(min_length=1)] | None = None
    fail_above: Annotated[float, Meta(gt=0, le=10)] = 0.05


class _KnownOptions(Struct, frozen=True, kw_only=True):
    """Options of components whose type and range are known before the target is imported."""

    weights: Annotated[str, Meta(min_length=1)] = "random"
    id: str = ""
    seed: NonNegative = 0
    batch: Positive = 1
    image_size: Annotated[int, Meta(ge=32, le=8_192)] = 32
    seq_len: Annotated[int, Meta(ge=4, le=131_072)] = 4
    per_channel: bool = True
    dynamic: bool = False
    group_size: Annotated[int, Meta(ge=8, le=4_096)] = 32
    keep_fp32: list[str] = []
    per_op: bool = False


class Recipe(_Section, frozen=True, kw_only=True):
    """The part of a cell that decides the bytes of the `.pte`, the reference inputs and outputs."""

    model: Model
    precision: Precision
    delegate: Delegate
    calibration: Calibration
    numerics: bool = False


class Cell(_Section, frozen=True, kw_only=True):
    """One point of the grid, and the composed YAML it came from."""

    model: Model
    precision: Precision
    delegate: Delegate
    repeat: Repeat
    measure: Measure
    passes: Passes
    calibration: Calibration
    cache: CacheSettings
    build: BuildSettings
    sweep: SweepSettings
    profile: bool
    threads: int | None
    keep_pte: bool
    numerics: bool
    compare_to: str | None
    fail_above: float
    config: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """What the builder needs to know."""
        return Recipe(
            model=self.model,
            precision=self.precision,
            delegate=self.delegate,
            calibration=self.calibration,
            numerics=self.numerics,
        )

    @property
    def stem(self) -> str:
        """The name of its files: ``{model}_{precision}_{delegate}``."""
        return f"{self.model.name}_{self.precision.name}_{self.delegate.name}"

    @property
    def cell_id(self) -> str:
        """Twelve hexadecimal digits that two cells share only if they ask for the same measurement."""
        measured_how = msgspec.structs.replace(self.measure, timeout_s=Measure().timeout_s, seed=None)
        identity = [self.recipe, self.repeat, measured_how, self.passes, self.profile, self.threads]
        return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()[:12]

    def impossible(self) -> str | None:
        """Return why this model, precision and delegate cannot go together, or None if they can."""
        reasons = [rule.reason for rule in self.delegate.cannot if rule.covers(self)]
        reasons += filter(None, (requirement.missing for requirement in self.delegate.requires))
        return reasons[0] if reasons else None

    def missing_here(self) -> list[str]:
        """List the files, folders and CPUs that the cell names and that are not there."""
        faults = [
            _folder_fault("calibration.images", self.calibration.images),
            _text_fault("calibration.text", self.calibration.text),
            _weights_fault(self.model.weights),
            _path_fault("compare_to", self.compare_to),
            _path_fault("sweep.resume", self.sweep.resume),
            _affinity_fault(self.measure.affinity),
            _start_fault(self.measure.start),
        ]
        return [fault for fault in faults if fault]


def parse(composed: DictConfig | Mapping[str, Any]) -> Cell:
    """Check a composed configuration and return it as a frozen `Cell`.

    Raises:
        ConfigError: with every section's fault: an unknown key, a wrong type, a value out of range.

    """
    config = _plain(composed)
    faults: list[str] = []
    sections: dict[str, Any] = {}
    components: dict[str, type[_Component]] = {"model": Model, "precision": Precision, "delegate": Delegate}
    for name, kind in components.items():
        section = config.get(name)
        if isinstance(section, dict):
            known = {info.encode_name for info in msgspec.structs.fields(kind)}
            options = {key: value for key, value in section.items() if key not in known}
            _convert(options, _KnownOptions, name, faults)
            section = {key: value for key, value in section.items() if key in known} | {"options": options}
        sections[name] = _convert(section, kind, name, faults)
    rest = {key: value for key, value in config.items() if key not in components}
    top = _convert(rest, _Config, "", faults)
    if faults:
        raise ConfigError(faults)
    return Cell(
        **sections,
        repeat=top.repeat,
        measure=top.measure,
        passes=top.passes,
        profile=top.profile,
        calibration=top.calibration,
        cache=top.cache,
        build=top.build,
        sweep=top.sweep,
        threads=top.threads,
        keep_pte=top.keep_pte,
        numerics=top.numerics,
        compare_to=top.compare_to,
        fail_above=top.fail_above,
        config=config,
    )


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the choice that looks most like `word`, or nothing."""
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def _plain(composed: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Resolve interpolations and leave OmegaConf behind."""
    if not isinstance(composed, DictConfig):
        return dict(composed)
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError([str(error).splitlines()[0]]) from error
    return {str(key): value for key, value in dict(plain).items()} if isinstance(plain, dict) else {}


T = TypeVar("T")


def _convert(section: Any, kind: type[T], prefix: str, faults: list[str]) -> T | Any:
    """Convert one section; on a fault append its description and return None.

    msgspec stops at the first fault of a section, so the faulty value is taken out and the rest is
    looked at again, until nothing more is found.
    """
    try:
        return msgspec.convert(section, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        key = ".".join(part for part in [prefix, path.strip("`$").strip(".")] if part)
        unknown = re.match(r"Object contains unknown field `(.+)`", text)
        if unknown:
            known = [info.encode_name for info in msgspec.structs.fields(kind)]  # type: ignore[arg-type]
            name = unknown[1]
            faults.append(f"{f'{key}.{name}' if key else name}: unknown key{nearest(name, known)}")
        else:
            inside = key.removeprefix(prefix).strip(".")
            value = _lookup(section, inside)
            shown = f"={'null' if value is None else value}" if inside else ""
            faults.append(f"{key}{shown}: {text[0].lower()}{text[1:]}")
        return None


def _lookup(section: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        section = section.get(part) if isinstance(section, dict) else None
    return section


def _folder_fault(key: str, folder: str | None) -> str | None:
    if folder is None:
        return None
    if not Path(folder).is_dir():
        return f"{key}={folder}: no such folder"
    if not any(path.suffix.lower() in IMAGE_SUFFIXES for path in Path(folder).rglob("*")):
        return f"{key}={folder}: no image in it ({', '.join(sorted(IMAGE_SUFFIXES))})"
    return None


def _text_fault(key: str, file: str | None) -> str | None:
    if file is None:
        return None
    if not Path(file).is_file():
        return f"{key}={file}: no such file"
    if not Path(file).read_text(encoding="utf-8", errors="replace").strip():
        return f"{key}={file}: the file holds no text"
    return None


def _affinity_fault(cpus: list[int] | None) -> str | None:
    if cpus is None:
        return None
    if not hasattr(os, "sched_getaffinity"):
        return f"measure.affinity={cpus}: this system cannot pin processes to CPUs"
    allowed = os.sched_getaffinity(0)
    missing = sorted(set(cpus) - allowed)
    return f"measure.affinity={cpus}: this process may use CPUs {sorted(allowed)}" if missing else None


def _start_fault(start: str) -> str | None:
    if start != "fork" or hasattr(os, "fork"):
        return None
    return "measure.start=fork: this system cannot fork; take auto or spawn"


def _path_fault(key: str, path: str | None) -> str | None:
    return None if path is None or Path(path).exists() else f"{key}={path}: no such file or folder"


def _weights_fault(weights: str) -> str | None:
    words = ("random", "pretrained", "custom")
    if weights in words or Path(weights).exists():
        return None
    return (
        f"model.weights={weights}: neither 'random', 'pretrained' nor an existing path"
        f"{nearest(weights, words[:2])}"
    )
