"""The result file: one JSON object per cell, schema version 1.

The fields down to `latency_ms` have the names, types and units of older tools; all others are additions.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from msgspec import Struct

from etbench.artifact import Artifact, Delegation
from etbench.artifact.sources import Sources
from etbench.events import Failure
from etbench.host.environment import Environment
from etbench.host.load import MachineLoad, MachineNow
from etbench.measure.pass_results import (
    Energy,
    ItemAnswers,
    LoadPass,
    Memory,
    Profile,
    SizeLatency,
    SizeParity,
)
from etbench.results.schema.finding import Finding
from etbench.results.schema.names import cell_words
from etbench.stats.blocks import round_medians
from etbench.stats.bounds import Count, Duration, Ms, Ratio, Samples, Whole
from etbench.stats.looks import Look
from etbench.stats.parity import Parity
from etbench.stats.stability import NARROW, Stability
from etbench.stats.summary import LatencyMs
from etbench.stats.verdict import Decision, Levels
from etbench.text import percent

__all__ = [
    "SCHEMA_VERSION",
    "CellComparison",
    "Generated",
    "InTurn",
    "Requested",
    "Result",
    "RoundFacts",
    "Status",
]

SCHEMA_VERSION = 1

Status = Literal["ok", "wrong", "built", "skipped", "failed"]


class RoundFacts(Struct, frozen=True, kw_only=True):
    """What is recorded of a round in addition to its samples, see `etbench.measure.protocol.Round`."""

    block: Whole
    started_s: float
    load_ms: Duration
    first_inference_ms: Duration
    warmup: Count
    load: MachineLoad
    prefill_ms: list[Ms] = []
    inferences_per_sample: Count = 1


class CellComparison(Struct, frozen=True, kw_only=True):
    """One cell in the baseline and the new results; latencies are medians of round medians, in ms.

    `how` is ``in turn``, ``separate runs`` or ``summaries``, which are imported and have no rounds. `ratio`
    is new over baseline, `low` to `high` its 95 % interval, null if there are too few rounds for one, or
    separate runs do not show how far apart runs are. `verdict` is how the two differ: ``faster``, ``slower``,
    ``same``, ``inconclusive``, or ``none`` for summaries. `decision` is whether the new one is slower by more
    than `threshold`: ``regression``, ``passed`` or ``undecided``; `regression` is true for the first, and
    `alarm_low` is the bound that must be above the threshold for it. `advice`
    suggests how to settle what is open. `measured_with` describes the baseline that the cell was interleaved
    with, if that is another one than `base`. `same_program` is true if the programs of both results have the
    same bytes and were run by the same version of ExecuTorch. `setting` distinguishes it from other cells of
    its name, and names the conditions in which baseline and new differ. Separate runs have the number of
    `base_runs` and `new_runs` that were used, and `drift`, the standard deviation of the log of a run's
    location between runs, if these show it or it was given.
    """

    model: str
    precision: str
    delegate: str
    base_ms: Ms
    new_ms: Ms
    how: str
    ratio: Ratio
    low: Ratio | None
    high: Ratio | None
    verdict: str
    regression: bool
    decision: Decision = "undecided"
    threshold: float | None = None
    alarm_low: float | None = None
    advice: str = ""
    measured_with: str = ""
    same_program: bool = False
    setting: str = ""
    base_runs: Count = 1
    new_runs: Count = 1
    drift: float | None = None

    @property
    def interval(self) -> str:
        """The bounds of the ratio, or ``none``."""
        return "none" if self.low is None else f"{self.low:.3f} to {self.high:.3f}"

    @property
    def name(self) -> str:
        """Model, its setting if it has one, precision and delegate."""
        return cell_words(self.model, self.precision, self.delegate, self.setting)

    @property
    def words(self) -> str:
        """The verdict, and what it means for the threshold."""
        if self.regression:
            return f"{self.verdict}, a regression"
        if self.threshold is None:  # a file of an older version, or a summary
            return self.verdict
        share, passed = percent(self.threshold), self.decision == "passed"
        match self.verdict:
            case "same":
                return f"same (within ±{share})"
            case "slower":
                return f"slower, {f'but within {share}' if passed else f'undecided whether by over {share}'}"
            case "inconclusive" if passed:
                return f"inconclusive, but not slower by {share}"
        return self.verdict


class InTurn(Struct, frozen=True, kw_only=True):
    """The baseline that was interleaved with this cell, and the comparison with it.

    `base_program` describes where the program of the baseline came from; `base_rounds` and `base_facts` are
    its rounds in the same blocks. `base_cell_id` and `base_created_at` are those of the baseline's result,
    `base_sha256` is the checksum of the program that was measured, and `base_runtime` the version of the
    runtime that ran it; they are null in files of older versions. `comparison` is judged with `levels`, as
    one of `family` cells. `looks` are those that were made at the comparison while it was measured; `levels`
    are those of the last. Without any, there was one look, after all rounds.
    """

    base_file: str
    base_program: str
    threshold: float
    comparison: CellComparison
    base_rounds: list[Samples]
    base_facts: list[RoundFacts]
    base_cell_id: str | None = None
    base_created_at: str | None = None
    base_sha256: str | None = None
    base_runtime: str | None = None
    levels: Levels = Levels()
    family: Count = 1
    looks: list[Look] = []


class Generated(Struct, frozen=True, kw_only=True):
    """How fast a language model processes a prompt and generates tokens; see also `parity.token_agreement`.

    `time_to_first_token_ms` is the time from the prompt to the choice of the first token, with a program that
    is loaded and warm: the median of the round medians. `prefill_tokens_per_s` is the number of prompt tokens
    divided by that time. `decode_tokens_per_s` is the number of tokens that were decoded divided by the time
    that this took, the choice of each included; the latency of the result is the distribution of the time per
    token.
    """

    time_to_first_token_ms: Ms
    prefill_tokens_per_s: float
    decode_tokens_per_s: float


class Requested(Struct, frozen=True, kw_only=True):
    """How often the cell should run; `repeat` and `warmup` of the result are how often it did.

    `stopped_by` is what ended the rounds: ``rounds``, ``max_seconds``, ``target_ci``, ``max_rounds``,
    ``decided`` or ``decide_max_s``.
    """

    runs: Count
    warmup: Count | Literal["stable"]
    rounds: Count
    max_seconds: Duration
    target_ci: float | None = None
    stopped_by: str | None = None


class Result(Struct, frozen=True, kw_only=True):
    """One cell's result. Times in ms unless the name has another unit, sizes in bytes.

    `status` is ``wrong`` if the cell was measured but a finding of severity ``error`` shows that its figures
    are not those of the model's program. `findings` are null in results of older versions, and are computed
    when these are read.

    `repeat` is the number of samples taken, each the mean time of `inferences_per_sample` inferences in a
    row, which are several if one alone is too short to time; `warmup` the least number of warmup inferences
    of a round; `truncated` is true if `max_seconds` left no time for all. `rounds` are the raw samples of
    each fresh process, `round_facts` what else is recorded of it. Results with one `turn_id` were
    interleaved: rounds of one block belong together, except for a cell so slow that it had its
    `own_blocks`. `machine_before` and `machine_after` describe the machine around the rounds.
    `lost_connections` counts how often a device was lost while its cells were measured; the current round was
    then repeated. `load_ms` and `first_inference_ms` are medians over the rounds; `load` has them from
    processes that did nothing else. `from_cache` is true if the program was built for an earlier run;
    `artifact.build_s` is how long that took. `parity_at_other_sizes` is for a program with dynamic axes,
    whose `parity` is that of the inputs that the rounds use, and `latency_at_other_sizes` for those of its
    sizes that the user named. `no_profile` is why operators were not timed although that was asked for.
    `evaluation` has the results of the user's accuracy hook, `evaluation_items` which items of the data set
    are right, for those that are a share of items, and `evaluation_sources` the code and data that it read,
    and `evaluation_on_calibration` how many of the items that the program was calibrated on are among them.
    `reason` explains why a cell was skipped, or only built. `command` has the arguments of ``python -m
    etbench`` for this cell alone, in the folder it was run in. `pte_file` and `log_file` are relative to the
    result. `stage_s` is the time of each stage; `config` is the whole composed YAML. `source` is the tool
    that measured: all others than ``etbench`` are imported summaries without rounds, whose environment has 0
    and ``unknown`` for unknown values.
    """

    model_name: str
    model_type: str
    precision: str
    precision_short: str
    delegate: str
    repeat: Count
    warmup: Count
    latency_ms: LatencyMs | None

    schema_version: Whole = SCHEMA_VERSION
    cell_id: str
    created_at: str
    status: Status
    reason: str = ""
    failure: Failure | None = None
    findings: list[Finding] | None = None
    weights: str
    requested: Requested
    inferences_per_sample: Count = 1
    truncated: bool = False
    rounds: list[Samples] = []
    round_facts: list[RoundFacts] = []
    lost_connections: Count = 0
    turn_id: str | None = None
    own_blocks: bool = False
    machine_before: MachineNow | None = None
    machine_after: MachineNow | None = None
    stability: Stability | None = None
    in_turn: InTurn | None = None
    throughput_per_s: float | None = None
    load_ms: Duration | None = None
    first_inference_ms: Duration | None = None
    load: LoadPass | None = None
    memory: Memory | None = None
    energy: Energy | None = None
    profile: Profile | None = None
    no_profile: str = ""
    artifact: Artifact | None = None
    from_cache: bool = False
    parity: Parity | None = None
    parity_at_other_sizes: list[SizeParity] = []
    latency_at_other_sizes: list[SizeLatency] = []
    generated: Generated | None = None
    evaluation: dict[str, float | None] | None = None
    evaluation_items: dict[str, ItemAnswers] = {}
    evaluation_sources: Sources | None = None
    evaluation_on_calibration: Count = 0
    pte_file: str | None = None
    log_file: str | None = None
    stage_s: dict[str, Duration] = {}
    environment: Environment
    command: list[str] = []
    config: dict[str, Any]
    source: str = "etbench"

    @property
    def delegation(self) -> Delegation | None:
        """What the delegate took of the graph; None without a program, or if another runtime executes it.

        For such a program, files of older versions have counts of zero.
        """
        if self.artifact is None or not self.environment.is_executorch:
            return None
        return self.artifact.delegation

    @property
    def planned_bytes(self) -> int | None:
        """The memory planned for activations; None where `delegation` is: other runtimes do not report it."""
        return self.artifact.arena_bytes if self.artifact and self.delegation else None

    @property
    def why_not(self) -> str:
        """Why it was not measured, or the findings because of which it is wrong; empty for any other."""
        return self.failure.message if self.failure else self.reason or self.errors

    @property
    def errors(self) -> str:
        """The findings of severity ``error`` as a text; empty if there are none."""
        found = [one for one in self.findings or [] if one.severity == "error"]
        return "; ".join(f"{one.code}: {one.message}" for one in found)

    @property
    def uncertain(self) -> Literal["", "noisy", "unstable", "noisy tail"]:
        """What of the latency is uncertain: the level (``noisy`` or ``unstable``), only the tail, or nothing.

        The level of a cell whose ratio to an interleaved baseline is known to ±5 % serves its purpose.
        """
        judged = self.stability
        if self.status != "ok" or judged is None:
            return ""
        if judged.verdict in ("noisy", "unstable") and not self._has_narrow_ratio:
            return judged.verdict
        return "noisy tail" if judged.tail else ""

    @property
    def _has_narrow_ratio(self) -> bool:
        if self.in_turn is None:
            return False
        low, high = self.in_turn.comparison.low, self.in_turn.comparison.high
        return bool(low and high and math.log(high / low) / 2 <= NARROW)

    @property
    def round_medians_ms(self) -> dict[int, float]:
        """The median of each round in ms, by its block; empty if rounds have no blocks."""
        if len(self.round_facts) != len(self.rounds):
            return {}
        return round_medians((facts.block for facts in self.round_facts), self.rounds)
