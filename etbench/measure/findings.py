"""What the passes beside the timed rounds find: load, memory, energy, operators; pure values, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

__all__ = [
    "Energy",
    "Evaluation",
    "Inspection",
    "LoadPass",
    "LoadTimes",
    "Memory",
    "OneLoad",
    "Operator",
    "Profile",
]


class OneLoad(Struct, frozen=True, kw_only=True):
    """What one fresh process needed to get a program going, in ms.

    `program_ms` maps the file and checks it, `method_ms` sets up the method, the delegate's packing of
    weights included. `cached_share` is the share of the file that was in the page cache before, null where
    this system does not tell. `start_ms` is what the process took from its start to the load, its libraries
    and inputs read: the native runner's, null for a process that Python forked or spawned.
    """

    program_ms: float
    method_ms: float
    first_inference_ms: float
    cached_share: float | None = None
    start_ms: float | None = None

    @property
    def start_to_first_ms(self) -> float | None:
        """From the start of the process to its first result; None without `start_ms`."""
        if self.start_ms is None:
            return None
        return self.start_ms + self.program_ms + self.method_ms + self.first_inference_ms


class LoadTimes(Struct, frozen=True, kw_only=True):
    """Medians over fresh processes, in ms, and the processes themselves in `each`.

    `start_to_first_ms` is from the start of the process to its first result, with the native runner.
    """

    program_ms: float
    method_ms: float
    first_inference_ms: float
    start_to_first_ms: float | None = None
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
    """Loading with the file in the page cache, and with it dropped from there.

    `cold` is null where that could not be done, for the reason in `cold_reason`. Only the `.pte` is
    dropped, not the runtime's libraries, and a virtual machine's host may still hold it.
    """

    warm: LoadTimes
    cold: LoadTimes | None = None
    cold_reason: str = ""


class Memory(Struct, frozen=True, kw_only=True):
    """Resident memory of a process that loads the program and runs it once, in bytes.

    `peak_over_baseline_bytes` leaves out what the interpreter and its libraries took before; pages of the
    program's file count in it, as far as they were touched. `private_dirty_bytes` is what the process got
    for itself alone and backed by no file, such as packed weights and activations; null where the system
    does not tell.
    """

    baseline_bytes: int
    peak_bytes: int
    peak_over_baseline_bytes: int
    private_dirty_bytes: int | None = None


class Energy(Struct, frozen=True, kw_only=True):
    """Energy by the processor's own counters (RAPL); null figures where it has none, for the `reason`.

    `joules_per_inference` is above idle: the idle power, taken just before, is subtracted.
    `gross_joules_per_inference` is not. `domains` are the counters that were summed; they count all that the
    processor packages did, other processes included.
    """

    joules_per_inference: float | None = None
    gross_joules_per_inference: float | None = None
    idle_watts: float | None = None
    busy_watts: float | None = None
    inferences: int = 0
    seconds: float = 0.0
    domains: list[str] = []
    reason: str = ""


class Evaluation(Struct, frozen=True, kw_only=True):
    """What the user's accuracy hook returned: figures by name; null is one that is not finite."""

    figures: dict[str, float | None]


class Operator(Struct, frozen=True, kw_only=True):
    """One operator of the program, in the order of execution; times are means over the inferences.

    `kind` is ``portable`` for a kernel outside of delegates, ``delegated`` for one inside, and
    ``delegate`` for what a call into a delegate takes beyond the operators it reports, or for all of it if it
    reports none. What has the same `instruction` and is not portable is of one subgraph. `share` is of the
    whole inference, null if that took no measurable time.
    """

    name: str
    kind: str
    instruction: int
    mean_ms: float
    share: float | None


class Profile(Struct, frozen=True, kw_only=True):
    """Where the time of an inference goes, from ETDump, in a process of its own.

    `execute_ms` is the runtime's own `Method::execute` with the profiler on, which costs time itself. XNNPACK
    counts in whole microseconds, so means are taken over the `inferences`; what no operator accounts for is
    `elsewhere_ms`.
    """

    execute_ms: float
    elsewhere_ms: float
    inferences: int
    operators: list[Operator]

    def top(self, count: int = 10) -> list[Operator]:
        """Return the operators that take longest."""
        return sorted(self.operators, key=lambda operator: -operator.mean_ms)[:count]


class Inspection(Struct, frozen=True, kw_only=True):
    """What all passes beside the timed rounds found."""

    load: LoadPass
    memory: Memory
    energy: Energy
    profile: Profile | None = None
