"""The result file: one JSON object a cell, schema version 1.

The fields down to `latency_ms` have the names, types and units of older tools; the rest is beside them.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from etbench.build.artifact import Artifact
from etbench.measure.environment import Environment
from etbench.measure.protocol import Memory
from etbench.stats.parity import Parity
from etbench.stats.summary import LatencyMs

__all__ = ["SCHEMA_VERSION", "Failure", "Requested", "Result", "Status"]

SCHEMA_VERSION = 1

Status = Literal["ok", "skipped", "failed"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why a cell has no figures: the stage, what happened there, and what can be done."""

    stage: str
    kind: str
    message: str
    hint: str
    traceback: str


class Requested(Struct, frozen=True, kw_only=True):
    """How often the cell was to be run; `repeat` and `warmup` say how often it was."""

    runs: int
    warmup: int
    rounds: int
    max_seconds: float


class Result(Struct, frozen=True, kw_only=True):
    """One cell's result. Times in ms unless the name says otherwise, sizes in bytes.

    `repeat` is the number of samples taken, `warmup` the least number of warmup inferences of a round;
    `truncated` says that `max_seconds` left no time for all. `rounds` are the raw samples of each fresh
    process. `load_ms` and `first_inference_ms` are medians over the rounds. `reason` says why a cell was
    skipped. `pte_file` and `log_file` are relative to the result. `stage_s` is where the time went;
    `config` is the whole composed YAML.
    """

    model_name: str
    model_type: str
    precision: str
    precision_short: str
    delegate: str
    repeat: int
    warmup: int
    latency_ms: LatencyMs | None

    schema_version: int = SCHEMA_VERSION
    cell_id: str
    created_at: str
    status: Status
    reason: str = ""
    failure: Failure | None = None
    weights: str
    requested: Requested
    truncated: bool = False
    rounds: list[list[float]] = []
    throughput_per_s: float | None = None
    load_ms: float | None = None
    first_inference_ms: float | None = None
    memory: Memory | None = None
    artifact: Artifact | None = None
    parity: Parity | None = None
    pte_file: str | None = None
    log_file: str | None = None
    stage_s: dict[str, float] = {}
    environment: Environment
    config: dict[str, Any]
