"""Messages to and from the measuring process; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from etbench.artifact import DataUse, TimedSize
from etbench.config import Evaluate, Passes, Repeat, XnnpackRuntime
from etbench.events import Failure
from etbench.host.environment import Environment, RuntimeUsed
from etbench.host.load import MachineLoad, MachineNow
from etbench.host.remote import RemoteRunner
from etbench.measure.pass_results import Evaluation, Inspection, OneLoad, SizeLatency, SizeParity
from etbench.stats.blocks import common_blocks, round_medians
from etbench.stats.looks import Look
from etbench.stats.parity import Parity

__all__ = [
    "Broken",
    "CheckPass",
    "Checked",
    "Compared",
    "Decide",
    "Done",
    "Ended",
    "MeasurePart",
    "MeasureRequest",
    "Measured",
    "NativeOutputs",
    "OtherInterpreter",
    "Round",
    "Series",
    "Subject",
    "Timed",
    "Traced",
    "in_turn",
]


class Done(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A round that was measured before the connection was lost, and its total duration in seconds."""

    round: Round
    seconds: float


class Decide(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a comparison must answer: whether the program is slower by more than `threshold`.

    It is looked at as `etbench.stats.looks` describes; `family` is the number of cells that are compared.
    """

    threshold: float
    family: int


class OtherInterpreter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another interpreter of this host that runs a program.

    `env` is what the configuration calls it, `python` its program, `version` that of Python, `libraries` are
    those that it has, and `binding` is the file of its binding of ExecuTorch's runtime.
    """

    env: str
    python: str
    version: str
    libraries: dict[str, str]
    binding: str

    def described(self, host: Environment) -> Environment:
        """Return the facts about this host with those of the interpreter."""
        return msgspec.structs.replace(host, env=self.env, python=self.version, libraries=self.libraries)


class Subject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An artifact to measure: its folder, how often, with how many threads, and where its log goes.

    Without `threads`, it uses the available physical cores; without a `log`, its processes print to the
    standard error of the measuring process. `runtime` is set in each of its processes, and `executor` names
    the class of its program if ExecuTorch does not run it. `runner` is the executable of the native runner,
    which runs the tasks that it supports; None leaves all to Python. A `remote` machine has its own runner,
    and the program runs there. `other_interpreter` runs it instead of that of the measuring process, if it is
    set. `passes` are those other than the timed rounds; None skips them, and `evaluate` without a target
    skips the evaluation. `data_use` names the data that the program was calibrated on. `timed_sizes` are
    further sizes of the inputs to time. `base` is the number of the subject that is the baseline of this one:
    the two then stay in the same blocks to the end, adaptive repeats look at their ratio, and the rounds go
    on until `decide` is answered, if it is set. `checked`,
    `done` and `over` are the results of an earlier process that was lost.
    """

    folder: str
    repeat: Repeat
    threads: int | None
    logits_axis: int | None
    log: str
    runtime: XnnpackRuntime = XnnpackRuntime()
    executor: str | None = None
    runner: str | None = None
    remote: RemoteRunner | None = None
    other_interpreter: OtherInterpreter | None = None
    base: int | None = None
    decide: Decide | None = None
    passes: Passes | None = None
    profile: bool = False
    evaluate: Evaluate = Evaluate()
    data_use: DataUse | None = None
    timed_sizes: list[TimedSize] = []
    checked: bool = False
    done: list[Done] = []
    over: bool = False


class MeasureRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to the measuring process: subjects to measure interleaved, block by block.

    `affinity` pins the rounds to these CPUs; `seed` determines the order within each block. A round or check
    that takes longer than `timeout_s` is killed. `decide_max_s` limits the rounds that all comparisons
    together take after their first look; without it only the limits of each subject count.
    """

    subjects: list[Subject]
    seed: int
    block_max_s: float
    timeout_s: float
    decide_max_s: float | None = None
    affinity: list[int] | None = None
    start: Literal["auto", "fork", "spawn"] = "auto"


class Round(Struct, frozen=True, kw_only=True):
    """The measurements of one fresh process; times in ms unless the name has another unit.

    `load_ms` covers the program and its method, including the delegate's packing of weights;
    `first_inference_ms` is the first inference after it, which is also the first of the warmup.
    `block` is the number of the block it belongs to, and `started_s` when it began, in seconds since
    the first. A sample is the mean time of `inferences_per_sample` inferences. For a language model, a sample
    is the time of one next token, `first_inference_ms` is the time of the first prompt, and `prefill_ms` are
    those of the later prompts, each until its first token; prompts are not samples.
    """

    samples_ms: list[float]
    load_ms: float
    first_inference_ms: float
    warmup: int
    load: MachineLoad
    block: int = 0
    started_s: float = 0.0
    prefill_ms: list[float] = []
    inferences_per_sample: int = 1


class Compared(Struct, frozen=True, kw_only=True):
    """The comparison of outputs with the reference, also for inputs of other sizes than those timed."""

    parity: Parity
    other_sizes: list[SizeParity] = []


class CheckPass(Struct, frozen=True, kw_only=True):
    """The results of a process that ran the reference inputs; only its load is timed.

    `other_sizes` is for a program with dynamic axes. `threads` is what the runtime reports, `busy_threads`
    how many took CPU time, None if that is not known. `runtime` executed the program, `runtimes` are the
    delegates that it can execute, and `binding` is the file of ExecuTorch's Python binding, if it was used.
    `load` is null for a language model and for the native runner.
    """

    parity: Parity
    other_sizes: list[SizeParity] = []
    load: OneLoad | None = None
    threads: int
    busy_threads: int | None = None
    runtimes: list[str] = []
    runtime: RuntimeUsed = RuntimeUsed("executorch", None)
    binding: str | None = None


class NativeOutputs(Struct, frozen=True, kw_only=True):
    """What the native runner reports when it has written the outputs of the reference inputs."""

    threads: int
    runtimes: list[str]


class Traced(Struct, frozen=True, kw_only=True):
    """What the native runner reports when it has recorded the times of the operators."""

    inferences: int


class Series(Struct, frozen=True, kw_only=True):
    """All rounds of one subject, and the passes before them; `stage_s` in seconds.

    `stopped_by` is ``rounds`` (all that were planned), ``max_seconds``, ``target_ci``, ``max_rounds``,
    ``decided`` or ``decide_max_s``; `looks` are those that were made at the comparison with the baseline.
    `own_blocks` is true if its rounds were too slow to be interleaved with the quick ones. `before` and
    `after` are the state of the machine at the start of the first round and at the end of the last.
    `lost_connections` counts how often the connection to the measuring process was lost and a new process
    continued.
    """

    check: CheckPass
    environment: Environment
    rounds: list[Round]
    stopped_by: str
    looks: list[Look] = []
    own_blocks: bool
    before: MachineNow
    after: MachineNow
    inspection: Inspection | None = None
    evaluation: Evaluation | None = None
    other_sizes: list[SizeLatency] = []
    stage_s: dict[str, float]
    lost_connections: int = 0


class Checked(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: the results of the passes before the rounds, and the environment."""

    subject: int
    check: CheckPass
    environment: Environment
    inspection: Inspection | None
    evaluation: Evaluation | None
    other_sizes: list[SizeLatency] = []
    stage_s: dict[str, float]


class Timed(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: a round, its total duration in seconds, and how many rounds are now planned."""

    subject: int
    round: Round
    seconds: float
    planned: int


class Ended(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: all rounds of a subject are measured."""

    subject: int
    stopped_by: str
    looks: list[Look]
    own_blocks: bool
    before: MachineNow
    after: MachineNow
    seconds: float


class Broken(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: a subject failed; the others continue."""

    subject: int
    failure: Failure


MeasurePart = Checked | Timed | Ended | Broken


class Measured(Struct, frozen=True, kw_only=True):
    """The end of the answer: all subjects have finished or failed."""

    start_s: float


def in_turn(base: Sequence[Round], new: Sequence[Round]) -> tuple[list[float], list[float]]:
    """Return the round medians in ms of the blocks that both have."""
    of_base, of_new = (
        round_medians((taken.block for taken in rounds), (taken.samples_ms for taken in rounds))
        for rounds in (base, new)
    )
    return common_blocks(of_base, of_new)
