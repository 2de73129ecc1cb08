"""From what was asked, built and measured to the result of a cell."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median

import msgspec

from etbench.build import Artifact
from etbench.config import Cell
from etbench.errors import EtbenchError
from etbench.measure import Measurement, Round, Series
from etbench.measure.environment import read_environment
from etbench.results.schema import Failure, Requested, Result, RoundFacts
from etbench.stats import assess, summarize

__all__ = ["blank_result", "built", "facts", "failed", "measured"]


def measured(
    cell: Cell, blank: Result, artifact: Artifact, series: Series, measurement: Measurement
) -> Result:
    """Return the result of a cell that was built and measured.

    Args:
        cell: what was asked for.
        blank: from `blank_result`.
        artifact: what was built.
        series: the rounds of this cell.
        measurement: the measuring in turn that they are part of.

    """
    rounds = [taken.samples_ms for taken in series.rounds]
    count = sum(len(samples) for samples in rounds)
    latency = summarize(rounds)
    return msgspec.structs.replace(
        blank,
        status="ok",
        repeat=count,
        warmup=min(taken.warmup for taken in series.rounds),
        latency_ms=latency,
        requested=msgspec.structs.replace(blank.requested, stopped_by=series.stopped_by),
        truncated=series.stopped_by == "max_seconds" and count < cell.repeat.runs,
        rounds=rounds,
        round_facts=[facts(taken) for taken in series.rounds],
        turn_id=measurement.turn_id,
        own_blocks=series.own_blocks,
        stability=assess(
            rounds,
            other_cpu_shares=[taken.load.other_cpu_share for taken in series.rounds],
            steal_shares=[taken.load.steal_share for taken in series.rounds],
        ),
        throughput_per_s=artifact.batch * 1e3 / latency.p50,
        load_ms=median(taken.load_ms for taken in series.rounds),
        first_inference_ms=median(taken.first_inference_ms for taken in series.rounds),
        memory=series.check.memory,
        artifact=artifact,
        parity=series.check.parity,
        weights=artifact.weights,
        pte_file=f"{cell.stem}.pte" if cell.keep_pte else None,
        stage_s=artifact.build_s | measurement.stage_s,
        environment=read_environment(threads=series.check.threads),
    )


def built(blank: Result, artifact: Artifact, reason: str) -> Result:
    """Return the result of a cell whose program is made here and run elsewhere."""
    return msgspec.structs.replace(
        blank,
        status="built",
        reason=reason,
        artifact=artifact,
        weights=artifact.weights,
        stage_s=artifact.build_s,
    )


def facts(taken: Round) -> RoundFacts:
    """Return what the result keeps of a round beside its samples."""
    fields = msgspec.structs.asdict(taken)
    return RoundFacts(**{name: fields[name] for name in RoundFacts.__struct_fields__})


def blank_result(cell: Cell, log_file: str) -> Result:
    """Return what is known of the result before anything is done."""
    return Result(
        model_name=cell.model.name,
        model_type=cell.model.type,
        precision=cell.precision.label,
        precision_short=cell.precision.name,
        delegate=cell.delegate.name,
        repeat=0,
        warmup=0,
        latency_ms=None,
        cell_id=cell.cell_id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        status="failed",
        weights=cell.model.weights,
        requested=Requested(
            runs=cell.repeat.runs,
            warmup=cell.repeat.warmup,
            rounds=cell.repeat.rounds,
            max_seconds=cell.repeat.max_seconds,
            target_ci=cell.repeat.target_ci,
        ),
        log_file=log_file,
        environment=read_environment(threads=None),
        config=cell.config,
    )


def failed(blank: Result, error: EtbenchError) -> Result:
    """Return the result of a cell that came to this error."""
    failure = Failure(
        stage=error.stage,
        kind=error.kind,
        message=error.message,
        hint=error.hint,
        traceback=error.traceback,
    )
    return msgspec.structs.replace(blank, status="failed", failure=failure)
