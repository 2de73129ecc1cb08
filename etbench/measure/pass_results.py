"""Results of the passes other than the timed rounds: load, memory, energy, operators; imports no torch."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from statistics import median

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.artifact.sources import Sources
from etbench.stats.bounds import Count, Duration, Samples, Share, Whole
from etbench.stats.parity import Parity
from etbench.stats.summary import LatencyMs

__all__ = [
    "PROFILED_LEAST",
    "PROFILED_MOST",
    "PROFILED_S",
    "Energy",
    "Evaluation",
    "Inspection",
    "ItemAnswers",
    "LoadPass",
    "LoadTimes",
    "Memory",
    "OneLoad",
    "Operator",
    "Profile",
    "SizeLatency",
    "SizeParity",
]

PROFILED_LEAST, PROFILED_MOST = 3, 50  # inferences that are profiled
PROFILED_S = 5.0  # seconds after which no more begins


class OneLoad(Struct, frozen=True, kw_only=True):
    """Times of one fresh process until it has run its first inference, in ms.

    `program_ms` is the time to map and check the file, `method_ms` the time to set up the method, including
    the delegate's packing of weights. `cached_share` is the share of the file that was in the page cache
    before; it is null if the system does not report it. `start_ms` is the time from the start of the process
    to the load, in which it reads its libraries and inputs; only the native runner measures it, and it is
    null for a process that Python forked or spawned.
    """

    program_ms: Duration
    method_ms: Duration
    first_inference_ms: Duration
    cached_share: Share | None = None
    start_ms: Duration | None = None

    @property
    def start_to_first_ms(self) -> float | None:
        """From the start of the process to its first result; None without `start_ms`."""
        if self.start_ms is None:
            return None
        return self.start_ms + self.program_ms + self.method_ms + self.first_inference_ms


class LoadTimes(Struct, frozen=True, kw_only=True):
    """Medians over fresh processes, in ms; `each` has the values of every process.

    `start_to_first_ms` is the time from the start of the process to its first result; only the native runner
    measures it.
    """

    program_ms: Duration
    method_ms: Duration
    first_inference_ms: Duration
    start_to_first_ms: Duration | None = None
    each: list[OneLoad]

    @classmethod
    def of(cls, each: Sequence[OneLoad]) -> LoadTimes:
        """Summarize at least one process."""
        whole = [one.start_to_first_ms for one in each if one.start_to_first_ms is not None]
        return cls(
            program_ms=median(one.program_ms for one in each),
            method_ms=median(one.method_ms for one in each),
            first_inference_ms=median(one.first_inference_ms for one in each),
            start_to_first_ms=median(whole) if whole else None,
            each=list(each),
        )


class LoadPass(Struct, frozen=True, kw_only=True):
    """Load times with the file in the page cache (`warm`) and after it was dropped from there (`cold`).

    `cold` is null if the file could not be dropped; `cold_reason` has the reason. Only the `.pte` is
    dropped, not the runtime's libraries, and the host of a virtual machine may still cache it.
    """

    warm: LoadTimes
    cold: LoadTimes | None = None
    cold_reason: str = ""


class Memory(Struct, frozen=True, kw_only=True):
    """Resident memory of a process that loads the program and runs it once, in bytes.

    `peak_over_baseline_bytes` excludes what the interpreter and its libraries used before; it includes the
    pages of the program's file that were read. `private_dirty_bytes` is new memory that only this process
    has and that no file backs, such as packed weights and activations; it is null if the system does not
    report it.
    """

    baseline_bytes: Count
    peak_bytes: Count
    peak_over_baseline_bytes: Whole
    private_dirty_bytes: Count | None = None


class Energy(Struct, frozen=True, kw_only=True):
    """Energy from the processor's counters (RAPL); without them, figures are null and `reason` is set.

    `joules_per_inference` is above idle: the idle power, measured just before, is subtracted.
    `gross_joules_per_inference` includes it. `domains` are the counters that were summed; they count
    everything that the processor packages did, including other processes.
    """

    joules_per_inference: float | None = None
    gross_joules_per_inference: float | None = None
    idle_watts: float | None = None
    busy_watts: float | None = None
    inferences: Count = 0
    seconds: Duration = 0.0
    domains: list[str] = []
    reason: str = ""


class ItemAnswers(Struct, frozen=True, kw_only=True):
    """Which items of a data set the program got right, so that two programs are compared item by item.

    `right` of `count` items are. `correct` has a bit for each of them, the first one in the highest bit of
    the first byte, in base64. Two results have the same items, in the same order, if `items_sha256` is equal:
    a checksum of the labels, and of the inputs or their names.
    """

    count: int
    right: int
    items_sha256: str
    correct: str

    @classmethod
    def of(cls, correct: NDArray[np.bool_], items_sha256: str) -> ItemAnswers:
        """Return the answers, from one boolean per item."""
        return cls(
            count=len(correct),
            right=int(correct.sum()),
            items_sha256=items_sha256,
            correct=base64.b64encode(np.packbits(correct).tobytes()).decode("ascii"),
        )

    @property
    def share(self) -> float:
        """The share of items that are right."""
        return self.right / self.count

    @property
    def booleans(self) -> NDArray[np.bool_] | None:
        """One boolean per item; None if they do not agree with the counts."""
        try:
            packed = np.frombuffer(base64.b64decode(self.correct, validate=True), dtype=np.uint8)
        except ValueError:
            return None
        if self.count < 1 or len(packed) != -(-self.count // 8):
            return None
        correct = np.unpackbits(packed, count=self.count).astype(np.bool_)
        return correct if int(correct.sum()) == self.right else None


class Evaluation(Struct, frozen=True, kw_only=True):
    """Figures that the user's accuracy hook returned, by name, and the code and data that it read.

    A figure that is not finite is null. `items` has the answers behind a figure that is a share of items.
    `sources` are null if something was edited meanwhile. `calibration_items` counts the items that the
    program was calibrated on and that the function read, too.
    """

    figures: dict[str, float | None]
    items: dict[str, ItemAnswers] = {}
    sources: Sources | None = None
    calibration_items: Count = 0


class Operator(Struct, frozen=True, kw_only=True):
    """One operator of the program, in the order of execution; times are means over the inferences.

    `kind` is ``portable`` for a kernel outside delegates, ``delegated`` for an operator inside one, and
    ``delegate`` for the time of a call into a delegate that the operators it reports do not account for, or
    for the whole call if it reports none. It is ``runtime`` for an operator of a runtime other than
    ExecuTorch. Operators with the same `instruction` that are not portable belong to one subgraph. `share` is
    the share of the whole inference, null if that took no measurable time. `graph_name` is the operator of
    the lowered graph that it runs, `module` the module of the model that this came from, `shape` that of its
    output and `flops` its operations; they are empty where the runtime's operators cannot be matched with the
    graph's, in results of older versions, and `flops` without a formula.
    """

    name: str
    kind: str
    instruction: Whole
    mean_ms: Duration
    share: float | None
    graph_name: str = ""
    module: str = ""
    shape: list[Count] = []
    flops: Count | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """The time of each operator of an inference, measured in a separate process by the runtime's profiler.

    `execute_ms` is the time of the runtime's `Method::execute` with the profiler on, which takes time itself,
    or of the whole call for a runtime other than ExecuTorch. XNNPACK counts in whole microseconds, so all
    times are means over the `inferences`. `elsewhere_ms` is the time that no operator accounts for.
    """

    execute_ms: Duration
    elsewhere_ms: float
    inferences: Count
    operators: list[Operator]

    def top(self, count: int = 10) -> list[Operator]:
        """Return the operators that take longest."""
        return sorted(self.operators, key=lambda operator: -operator.mean_ms)[:count]


class Inspection(Struct, frozen=True, kw_only=True):
    """Results of all passes other than the timed rounds; `no_profile` is why a profile is missing."""

    load: LoadPass
    memory: Memory
    energy: Energy
    profile: Profile | None = None
    no_profile: str = ""


class SizeParity(Struct, frozen=True, kw_only=True):
    """Parity for inputs of other shapes than those that are timed; `inputs` has the shape of each."""

    inputs: list[list[Count]]
    parity: Parity


class SizeLatency(Struct, frozen=True, kw_only=True):
    """Latency for inputs of other shapes than those of the rounds; `inputs` has the shape of each.

    `rounds` are the samples of each fresh process in ms. The sizes of a program are timed interleaved, before
    its rounds and apart from other cells.
    """

    inputs: list[list[Count]]
    latency_ms: LatencyMs
    rounds: list[Samples]
