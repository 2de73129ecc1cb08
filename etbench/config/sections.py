"""The sections of the composed YAML, as typed and frozen structs; an unknown key is an error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from etbench.config.generation import Tokens
from etbench.environments import can_import, provider, version_in

__all__ = [
    "IMAGE_SUFFIXES",
    "MIN_ROUNDS",
    "UNDECLARED",
    "BuildSettings",
    "CacheSettings",
    "Calibration",
    "Component",
    "Decision",
    "Delegate",
    "Dynamic",
    "Evaluate",
    "InputSpec",
    "KnownOptions",
    "Measure",
    "MemoryFormat",
    "Model",
    "Passes",
    "Precision",
    "Privacy",
    "Repeat",
    "ReportSettings",
    "Runner",
    "Section",
    "SweepSettings",
    "XnnpackRuntime",
]

# `$` would allow a line break at the end. The names of a cell make that of its files, see `Cell.stem`.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*\Z", max_length=120)]
Target = Annotated[str, Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\Z")]
MemoryFormat = Literal["contiguous", "channels_last"]
FileName = Annotated[str, Meta(pattern=r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*\Z", max_length=120)]
Runs = Annotated[int, Meta(ge=1, le=10_000)]
Warmup = Annotated[int, Meta(ge=0, le=10_000)]
Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Length = Annotated[int, Meta(ge=1, le=131_072)]
Pair = Annotated[list[Length], Meta(min_length=2, max_length=2)]  # a tuple of two crashes msgspec 0.23
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Gigabytes = Annotated[float, Meta(gt=0, le=1_000_000)]
MIN_ROUNDS = 5  # fewer do not show how much rounds differ
UNDECLARED = "undeclared"  # the weights of a function that does not say where they came from
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})  # of `calibration.images`
INSTALL_COMPILER = "the native runner needs a C++ compiler, for example from apt-get install g++"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the composed YAML; an unknown key is an error."""


class Component(Section, frozen=True, kw_only=True):
    """A section that names a callable: `target` is called with `options` as keyword arguments."""

    target: Target = field(name="_target_")
    name: Name
    options: dict[str, Any] = {}


class Recommended(Section, frozen=True, kw_only=True):
    """How often a model is worth running; `repeat=recommended` takes it from here."""

    runs: Runs
    warmup: Warmup


class Requirement(Section, frozen=True, kw_only=True):
    """What must be on this host for a model or a delegate: an importable package, or one of some programs.

    `version` is a pattern for that of the package, such as ``2026.0.*``. `unless` names an option of the
    model or delegate that, if it is set, replaces this. The package may also be in the managed `environment`
    of this name. A program that is built already does not need what is only `to_build` one.
    """

    install: str
    package: str | None = None
    programs: list[str] = []
    version: str | None = None
    unless: str | None = None
    environment: str | None = None
    to_build: bool = False

    @property
    def missing(self) -> str | None:
        """What is missing for this interpreter; see `missing_in`."""
        return self.missing_in(None)

    def missing_in(self, *envs: str | None) -> str | None:
        """Return what is missing, and how to install it; None if nothing is.

        Args:
            envs: the interpreters that need the package, see `etbench.environments.interpreter`; None for
                this one.

        """
        for env in envs:
            if self.package and (fault := self._fault_of(self.package, env)):
                return f"the package {self.package!r} is {fault}: {self.install}"
        if self.programs and not any(map(shutil.which, self.programs)):
            return f"none of {', '.join(self.programs)} is installed: {self.install}"
        return None

    def provider(self, options: Mapping[str, Any], env: str | None) -> str | None:
        """Return the interpreter that has the package: that of an option, `env`, or `environment`."""
        named = options.get(self.unless) if self.unless else None
        return provider(named, env, self.package, self.environment) if self.package else env

    def _fault_of(self, package: str, env: str | None) -> str | None:
        env = self.provider({}, env)
        where = f" for {env}" if env else ""
        if not can_import(env, package):
            return f"not installed{where}"
        found = version_in(env, package) if self.version else None
        if found is not None and self.version is not None and not fnmatchcase(found, self.version):
            return f"{found}{where}, and {self.version} is required"
        return None


class InputSpec(Section, frozen=True, kw_only=True):
    """Shape and dtype of one input that the user asks for."""

    shape: list[Positive]
    dtype: Literal[
        "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"
    ] = "float32"


class Dynamic(Section, frozen=True, kw_only=True):
    """Dynamic axes of the program, with the largest size that each accepts; null for a fixed axis.

    `batch` is the first axis of the inputs, `seq_len` the second, of those inputs in which it is as long as
    in the first one; if the model does not take inputs of another size along these axes, others of that
    length are tried. `measure` are sizes at which the program is compared and timed too: numbers for the only
    dynamic axis, or pairs of batch and length if both are dynamic.
    """

    batch: Annotated[int, Meta(ge=2, le=65_536)] | None = None
    seq_len: Annotated[int, Meta(ge=2, le=131_072)] | None = None
    measure: list[Length | Pair] = []

    @property
    def sizes(self) -> dict[int, int]:
        """The largest size of each dynamic axis."""
        bounds = {0: self.batch, 1: self.seq_len}
        return {axis: size for axis, size in bounds.items() if size is not None}

    @property
    def measured(self) -> list[dict[int, int]]:
        """The sizes to measure, each as the size of every dynamic axis."""
        each = [[size] if isinstance(size, int) else size for size in self.measure]
        return [dict(zip(self.sizes, one, strict=True)) for one in each]

    @property
    def fault(self) -> str | None:
        """What is wrong with the sizes to measure."""
        if not self.measure:
            return None
        key, largest = "model.dynamic.measure", self.sizes
        if not largest:
            return f"{key}: no axis is dynamic; set model.dynamic.batch or model.dynamic.seq_len, too"
        if any(isinstance(size, int) != (len(largest) == 1) for size in self.measure):
            one = "one dynamic axis, each size is a number, such as [1, 4]"
            two = "two dynamic axes, each size is a pair of batch and length, such as [[1, 16], [4, 64]]"
            return f"{key}: with {one if len(largest) == 1 else two}"
        for sizes in self.measured:
            for axis, size in sizes.items():
                if size > largest[axis]:
                    name = ("batch", "seq_len")[axis]
                    return f"{key}: {size} is more than model.dynamic.{name}={largest[axis]}"
        return None


class Model(Component, frozen=True, kw_only=True):
    """What is measured.

    `inputs` replace the model's usual inputs. `memory_format` is how floating-point inputs with four axes lie
    in memory, for the export as for each run. A `ready` program was built elsewhere. `test_data` names the
    function that returns labelled data of the model, on which an evaluation judges it if it is not given any;
    it does not decide the program.
    """

    type: str
    recommended: Recommended
    inputs: list[InputSpec] = []
    dynamic: Dynamic = Dynamic()
    memory_format: MemoryFormat = "contiguous"
    requires: list[Requirement] = []
    ready: bool = False
    test_data: Target | None = None

    @property
    def task(self) -> str:
        """What a model of transformers is for; empty for models of one purpose."""
        return str(self.options.get("task", ""))

    @property
    def weights(self) -> str:
        """``random``, ``pretrained``, a path, or `UNDECLARED` if the model has no such option."""
        return str(self.options.get("weights") or UNDECLARED)


class Precision(Component, frozen=True, kw_only=True):
    """How the numbers of the model are stored and computed.

    With `blocks`, this many blocks stay in fp32, the most sensitive ones; with `min_sqnr_db`, as many as are
    needed for this parity. Both are in the name.
    """

    label: str
    calibrates: bool
    blocks: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    min_sqnr_db: Annotated[float, Meta(gt=0, le=200)] | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether blocks are chosen that stay in fp32."""
        return self.blocks is not None or self.min_sqnr_db is not None

    @property
    def base(self) -> str:
        """Its name without the part for blocks."""
        return self.name.removesuffix(self.suffix)

    @property
    def suffix(self) -> str:
        """The part of its name for blocks, such as ``_blocks2`` or ``_min20db``."""
        if self.blocks is not None:
            return f"_blocks{self.blocks}"
        return "" if self.min_sqnr_db is None else f"_min{self.min_sqnr_db:g}db"

    @property
    def not_mixed(self) -> str | None:
        """Why it cannot keep blocks in fp32, or None if it can or need not."""
        if not self.is_mixed or "keep_fp32" in self.options:
            return None
        return f"{self.base} cannot keep blocks in fp32: it has no precision.keep_fp32"


class Impossible(Section, frozen=True, kw_only=True):
    """A combination that a delegate cannot build or run, or a runner cannot run.

    In the names of model, precision and delegate, the task, the memory format and the kind of device, ``*``
    matches anything; those left out match any.
    """

    reason: str
    model: str = "*"
    task: str = "*"
    precision: str = "*"
    delegate: str = "*"
    device: str = "*"
    memory_format: str = "*"

    def covers(self, names: Mapping[str, str]) -> bool:
        """Return whether a cell is one of these combinations, by its names of each kind."""
        return all(fnmatchcase(name, getattr(self, kind)) for kind, name in names.items())


class XnnpackRuntime(Section, frozen=True, kw_only=True):
    """Options of XNNPACK's backend in the runtime; None is the backend's default.

    `workspace_sharing` chooses which subgraphs share one memory for intermediate results: none, those of one
    program, or all of a process. With `weight_cache` subgraphs that use the same weights share one packed
    copy.
    """

    workspace_sharing: Literal["disabled", "per_model", "global"] | None = None
    weight_cache: bool | None = None


class Delegate(Component, frozen=True, kw_only=True):
    """The backend that executes the program.

    `runs_on` are the systems (as `sys.platform` names them) for which the ExecuTorch wheel has its runtime;
    on others, programs for it are built and not run. None means all systems. `runtime` does not change
    the program, only how it runs. With `check_ir`, ExecuTorch refuses operators that are not in its core set.
    `executor` names the class of a program that another runtime than ExecuTorch executes.
    """

    check_ir: bool = True
    cannot: list[Impossible] = []
    requires: list[Requirement] = []
    runs_on: list[str] | None = None
    runtime: XnnpackRuntime = XnnpackRuntime()
    executor: Target | None = None

    def no_runtime(self, platform: str = sys.platform) -> str | None:
        """Return why a program for it can be built but not run on a system, or None if it can be run."""
        if self.runs_on is None or platform in self.runs_on:
            return None
        return f"built ahead of time; the ExecuTorch wheel has no {self.name} runtime for {platform}"


class Runner(Section, frozen=True, kw_only=True):
    """What runs the program in the fresh processes of the rounds.

    `cannot` and `runs_on` are like those of `Delegate`. The first of `compilers` that is found compiles the
    runner, if it must be compiled.
    """

    name: Literal["python", "native"] = "python"
    cannot: list[Impossible] = []
    compilers: list[str] = []
    runs_on: list[str] | None = None

    @property
    def missing(self) -> str | None:
        """Why it does not run here, or None if it does."""
        if self.runs_on is not None and sys.platform not in self.runs_on:
            return f"the {self.name} runner is for {', '.join(self.runs_on)} only; this is {sys.platform}"
        return Requirement(install=INSTALL_COMPILER, programs=self.compilers).missing


class Repeat(Section, frozen=True, kw_only=True):
    """How often a cell is run; `max_seconds` limits its timed part.

    At least `runs` samples are spread over `rounds` fresh processes, fewer (down to `min_rounds`) if these
    would take longer than `rounds_s`, more if they would take less than `spread_s`. With a `target_ci`,
    rounds are added until the half width of the 95 % interval is this share of the latency, up to
    `max_rounds`. With a baseline and no `target_ci`, rounds are added until the comparison is ``decided``, or
    those that are ``planned`` are all. With a `tail`, each sample is one inference, `rounds_s` does not limit
    the rounds, and rounds are added until the samples bound this percentile.
    """

    runs: Runs
    warmup: Warmup | Literal["stable"]
    rounds: Annotated[int, Meta(ge=1, le=1_000)]
    rounds_s: Seconds
    min_rounds: Annotated[int, Meta(ge=5, le=1_000)] = MIN_ROUNDS
    spread_s: Annotated[float, Meta(ge=0, le=86_400)] = 3.0
    max_seconds: Seconds
    target_ci: Annotated[float, Meta(gt=0, lt=1)] | None = None
    tail: Literal["p95", "p99"] | None = None
    max_rounds: Annotated[int, Meta(ge=5, le=10_000)] = 1_000
    until: Literal["decided", "planned"] = "decided"


class Measure(Section, frozen=True, kw_only=True):
    """How rounds are scheduled on the machine.

    `affinity` pins them to these CPUs. Cells whose round takes longer than `block_max_s` are not
    interleaved with quicker ones. `seed` is that of the random order within the blocks; without one the order
    is different each time, so that it has no effect on a comparison. `start` is how a round's process
    starts: forked from one that has imported the runtime, or spawned, which takes longer; ``auto`` forks if
    this system can. A round that takes longer than `timeout_s` is killed.
    """

    affinity: Annotated[list[NonNegative], Meta(min_length=1)] | None = None
    block_max_s: Seconds = 2.0
    seed: NonNegative | None = None
    start: Literal["auto", "fork", "spawn"] = "auto"
    timeout_s: Seconds = 1_800


class CacheSettings(Section, frozen=True, kw_only=True):
    """Where built programs are kept for later runs; `dir` None is the user's cache folder.

    With `shared`, programs in `dir` that other users built, or could change, are used too. `remote` is an
    fsspec URL that machines share, `remote_options` are those of its file system. If an answer takes longer
    than `remote_timeout_s`, the remote cache is not used again.
    """

    enabled: bool = True
    dir: Annotated[str, Meta(min_length=1)] | None = None
    max_gb: Gigabytes = 20.0
    shared: bool = False
    remote: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9+.-]*://.*[^/]")] | None = None
    remote_options: dict[str, Any] = {}
    remote_timeout_s: Seconds = 10.0


class BuildSettings(Section, frozen=True, kw_only=True):
    """Limits of one build; `max_gb` of memory, None for what the machine has."""

    timeout_s: Seconds = 3_600
    max_gb: Gigabytes | None = None


class SweepSettings(Section, frozen=True, kw_only=True):
    """How a sweep builds and runs its cells.

    `builders` is the number of processes that build at the same time, None for as many as cores and memory
    allow. `resume` is the folder of an earlier sweep to complete, with `retry` also its failed cells, or its
    wrong ones. `decide_max_s` limits the rounds that are added, for all cells of a device together, until
    the comparisons with their baselines are decided.
    """

    builders: Annotated[int, Meta(ge=1, le=256)] | None = None
    resume: Annotated[str, Meta(min_length=1)] | None = None
    retry: Literal["failed", "wrong"] | None = None
    fail_fast: bool = False
    decide_max_s: Seconds = 600.0


class Checks(Section, frozen=True, kw_only=True):
    """What is accepted of a result: codes of findings, or patterns such as ``parity.*``.

    An accepted error is shown as a warning, and the cell keeps the status ``ok``.
    """

    accept: list[Annotated[str, Meta(min_length=1)]] = []


class Decision(Section, frozen=True, kw_only=True):
    """What is optimized when a cell is chosen to be shipped, and what must hold of it.

    `bounds` are bounds of figures by name, such as ``{"sqnr_db": ">=20"}``, see
    `etbench.results.decision.bounds`. If they are null, each accuracy may be at most one point below fp32.
    """

    objective: Annotated[str, Meta(min_length=1)] = "latency_p50_ms"
    bounds: dict[str, str | float] | None = None


class Privacy(Section, frozen=True, kw_only=True):
    """What results may contain: ``strict`` is for results that are published.

    These have no name of a host, no address of a device and no path outside the working folder.
    """

    name: Literal["standard", "strict"] = "standard"


class ReportSettings(Section, frozen=True, kw_only=True):
    """Whether a sweep ends with a report, `report.html` beside its tables."""

    enabled: bool = True


class Passes(Section, frozen=True, kw_only=True):
    """The passes besides the timed rounds, each in its own processes.

    Loading is timed in `load` processes, or as many as there are rounds if those are fewer, with the file in
    the page cache, and in as many with it dropped from there; none starts after `load_s`. Energy is measured
    over `energy_s`, if the processor has a counter.
    """

    load: Annotated[int, Meta(ge=1, le=1_000)] = 5
    load_s: Seconds = 3.0
    energy_s: Seconds = 1.0


class Calibration(Section, frozen=True, kw_only=True):
    """Real data for the reference inputs and for the observers of static int8."""

    references: Annotated[int, Meta(ge=1, le=1_000)]
    batches: Annotated[int, Meta(ge=1, le=10_000)]
    seed: NonNegative
    images: str | None = None
    text: str | None = None
    npz: str | None = None
    observer: Literal["histogram", "minmax"] = "histogram"


class Evaluate(Section, frozen=True, kw_only=True):
    """The accuracy hook: a callable that gets the built program and these options; None for no hook."""

    target: Target | None = field(name="_target_", default=None)
    options: dict[str, Any] = {}

    @property
    def data(self) -> str | None:
        """The file or folder that the option ``data`` names, if it is set."""
        named = self.options.get("data")
        return named if isinstance(named, str) and named != "???" else None


class KnownOptions(Struct, frozen=True, kw_only=True):
    """Options of components whose type and range are known before the target is imported."""

    weights: Annotated[str, Meta(min_length=1)] | None = "random"
    id: str = ""
    seed: NonNegative = 0
    batch: Positive = 1
    image_size: Annotated[int, Meta(ge=32, le=8_192)] | None = None
    seq_len: Annotated[int, Meta(ge=4, le=131_072)] = 4
    per_channel: bool = True
    dynamic: bool = False
    group_size: Annotated[int, Meta(ge=8, le=4_096)] = 32
    keep_fp32: list[str] = []
    per_op: bool = False
    task: str = ""
    part: str | None = None
    quantization: Literal["same", "own", "auto"] = "same"
    converter_python: Annotated[str, Meta(min_length=1)] | None = None
    path: str = ""
    reference: str | None = None
    audio_s: Annotated[float, Meta(gt=0, le=600)] = 1.0
    prompt_tokens: Tokens = 2
    new_tokens: Tokens = 2
    max_tokens: Tokens = 4
