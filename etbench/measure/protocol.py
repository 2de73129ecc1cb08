"""What is asked of the measuring process and what it sends back; pure values, no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from etbench.config import Evaluate, Passes, Repeat, XnnpackRuntime
from etbench.events import Failure
from etbench.host.adb import Phone
from etbench.host.environment import Environment
from etbench.host.load import MachineLoad, MachineNow
from etbench.measure.findings import Evaluation, Inspection
from etbench.stats.blocks import common_blocks, round_medians
from etbench.stats.parity import Parity

__all__ = [
    "Broken",
    "CheckPass",
    "Checked",
    "Done",
    "Ended",
    "MeasurePart",
    "MeasureRequest",
    "Measured",
    "NativeOutputs",
    "Round",
    "Series",
    "Subject",
    "Timed",
    "in_turn",
    "seconds_text",
]


class Done(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A round that was taken before a connection was lost, and the seconds it took in all."""

    round: Round
    seconds: float


class Subject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An artifact to measure: its folder, how often, with how many threads, and where its log goes.

    Without `threads` it gets the physical cores that may be used; without a `log` its processes print to
    the standard error of the measuring one. `runtime` is set in each of its processes. `runner` is the
    executable of the native runner, which does what it can; None leaves all to Python. A `phone` has a runner
    of its own, and what is measured is run there. `passes` are those beside the timed rounds; None leaves
    them out, and `evaluate` without a target leaves that out. `base` is the number of another subject that
    this one is to be compared with: the two then stay in the same blocks to the end, and adaptive repeats
    look at their ratio. What an earlier process came to before it was lost is in `checked`, `done` and
    `over`.
    """

    folder: str
    repeat: Repeat
    threads: int | None
    logits_axis: int | None
    log: str
    runtime: XnnpackRuntime = XnnpackRuntime()
    runner: str | None = None
    phone: Phone | None = None
    base: int | None = None
    passes: Passes | None = None
    profile: bool = False
    evaluate: Evaluate = Evaluate()
    checked: bool = False
    done: list[Done] = []
    over: bool = False


class MeasureRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the measuring process is asked for: subjects that are measured in turn, block by block.

    `affinity` pins the rounds to these CPUs; `seed` is of the order within each block. A round or check
    that takes longer than `timeout_s` is killed.
    """

    subjects: list[Subject]
    seed: int
    block_max_s: float
    timeout_s: float
    affinity: list[int] | None = None
    start: Literal["auto", "fork", "spawn"] = "auto"


class Round(Struct, frozen=True, kw_only=True):
    """What one fresh process measured; times in ms unless the name says otherwise.

    `load_ms` covers the program and its method, the delegate's packing of weights included;
    `first_inference_ms` is the first inference after it, which is also the first of the warmup.
    `block` is the number of the block it belongs to, and `started_s` when it began, in seconds since
    the first. Of a language model a sample is the next token, `first_inference_ms` is the first prompt, and
    `prefill_ms` are the later ones, each until its first token; none of them is a sample.
    """

    samples_ms: list[float]
    load_ms: float
    first_inference_ms: float
    warmup: int
    load: MachineLoad
    block: int = 0
    started_s: float = 0.0
    prefill_ms: list[float] = []


class CheckPass(Struct, frozen=True, kw_only=True):
    """What a process that ran the reference inputs found; nothing is timed in it.

    `runtimes` are the delegates that its runtime can execute.
    """

    parity: Parity
    threads: int
    runtimes: list[str] = []


class NativeOutputs(Struct, frozen=True, kw_only=True):
    """What the native runner tells of itself when it has written the outputs of the reference inputs."""

    threads: int
    runtimes: list[str]


class Series(Struct, frozen=True, kw_only=True):
    """All rounds of one subject, and the passes before them; `stage_s` in seconds.

    `stopped_by` is ``rounds`` (all that were planned), ``max_seconds``, ``target_ci`` or ``max_rounds``.
    `own_blocks` says that a round was too slow to be measured in turn with the quick ones. `before` and
    `after` are the machine when the first round began and when the last was over. `lost_connections` counts
    how often the measuring process was lost with the connection to it, and another one went on.
    """

    check: CheckPass
    environment: Environment
    rounds: list[Round]
    stopped_by: str
    own_blocks: bool
    before: MachineNow
    after: MachineNow
    inspection: Inspection | None = None
    evaluation: Evaluation | None = None
    stage_s: dict[str, float]
    lost_connections: int = 0


class Checked(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: what the passes before the rounds of a subject found, and where."""

    subject: int
    check: CheckPass
    environment: Environment
    inspection: Inspection | None
    evaluation: Evaluation | None
    stage_s: dict[str, float]


class Timed(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: a round, the seconds it took in all, and how many are planned by now."""

    subject: int
    round: Round
    seconds: float
    planned: int


class Ended(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: a subject has all its rounds."""

    subject: int
    stopped_by: str
    own_blocks: bool
    before: MachineNow
    after: MachineNow
    seconds: float


class Broken(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the answer: a subject failed, and the others go on."""

    subject: int
    failure: Failure


MeasurePart = Checked | Timed | Ended | Broken


class Measured(Struct, frozen=True, kw_only=True):
    """The end of the answer: all subjects have ended or are broken."""

    start_s: float


def in_turn(base: Sequence[Round], new: Sequence[Round]) -> tuple[list[float], list[float]]:
    """Return the round medians in ms of the blocks that both have."""
    of_base, of_new = (
        round_medians((taken.block for taken in rounds), (taken.samples_ms for taken in rounds))
        for rounds in (base, new)
    )
    return common_blocks(of_base, of_new)


def seconds_text(seconds: float) -> str:
    """Write a duration with the precision a reader wants.

    >>> [seconds_text(value) for value in (0.0042, 0.9996, 1.34, 42.6, 99.6, 700)]
    ['4.2 ms', '1 s', '1.3 s', '43 s', '100 s', '11 min 40 s']
    """
    if seconds < 0.9995:  # which rounds to 1000 ms
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds:.0f} s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s"
