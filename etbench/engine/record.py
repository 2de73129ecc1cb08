"""Make the result of a cell from its configuration, program and measurement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median

import msgspec

from etbench.builder import Built
from etbench.config import Cell, Generation
from etbench.engine.baseline import Baseline, BaseProgram
from etbench.engine.known_failures import diagnosed
from etbench.engine.other_interpreter import other_interpreter
from etbench.errors import EtbenchError
from etbench.events import Failure
from etbench.host.environment import Environment, read_environment
from etbench.measure import Round, Series
from etbench.measure.operator_places import with_places
from etbench.results.comparison.cells import compare_in_turn
from etbench.results.schema import Generated, InTurn, Requested, Result, RoundFacts
from etbench.stats import assess, summarize
from etbench.stats.blocks import common_blocks, round_medians
from etbench.stats.looks import Look, levels_of

__all__ = ["blank_result", "compared", "facts", "failed", "measured"]


def measured(cell: Cell, blank: Result, built: Built, series: Series, turn_id: str) -> Result:
    """Return the result of a cell that was built and measured.

    Args:
        cell: its configuration.
        blank: from `blank_result`.
        built: its program.
        series: the rounds of this cell.
        turn_id: identifies the interleaved measurement that they are part of.

    """
    artifact, seen = built.artifact, series.inspection
    rounds = [taken.samples_ms for taken in series.rounds]
    count = sum(len(samples) for samples in rounds)
    together = max(taken.inferences_per_sample for taken in series.rounds)
    latency = summarize(rounds, inferences_per_sample=together)
    return msgspec.structs.replace(
        blank,
        status="ok",
        repeat=count,
        warmup=min(taken.warmup for taken in series.rounds),
        latency_ms=latency,
        requested=msgspec.structs.replace(blank.requested, stopped_by=series.stopped_by),
        inferences_per_sample=together,
        truncated=_truncated(series, cell.repeat.runs),
        rounds=rounds,
        round_facts=[facts(taken) for taken in series.rounds],
        turn_id=turn_id,
        own_blocks=series.own_blocks,
        stability=assess(
            rounds,
            other_cpu_shares=[taken.load.other_cpu_share for taken in series.rounds],
            steal_shares=[taken.load.steal_share for taken in series.rounds],
            has_tail=latency.p95_bound is not None,
        ),
        throughput_per_s=artifact.batch * 1e3 / latency.p50 if artifact.batch and latency.p50 else None,
        load_ms=median(taken.load_ms for taken in series.rounds),
        first_inference_ms=median(taken.first_inference_ms for taken in series.rounds),
        load=seen.load if seen else None,
        memory=seen.memory if seen else None,
        energy=seen.energy if seen else None,
        profile=with_places(seen.profile, artifact.operators) if seen and seen.profile else None,
        no_profile=seen.no_profile if seen else "",
        parity=series.check.parity,
        parity_at_other_sizes=series.check.other_sizes,
        latency_at_other_sizes=series.other_sizes,
        generated=_generated(artifact.generation, series.rounds, latency.avg),
        evaluation=series.evaluation.figures if series.evaluation else None,
        evaluation_items=series.evaluation.items if series.evaluation else {},
        evaluation_sources=series.evaluation.sources if series.evaluation else None,
        evaluation_on_calibration=series.evaluation.calibration_items if series.evaluation else 0,
        stage_s=({} if built.from_cache else artifact.build_s) | series.stage_s,
        machine_before=series.before,
        machine_after=series.after,
        lost_connections=series.lost_connections,
        environment=_where(series.environment, blank.environment),
    )


def _truncated(series: Series, runs: int) -> bool:
    """Return whether `max_seconds` left no time for all runs, or only for rounds with fewer samples.

    The first round, which shows how long a sample takes, may be short of the plan by one round at most.
    """
    counts = [len(taken.samples_ms) for taken in series.rounds]
    short = runs - sum(counts)
    return short > 0 and (series.stopped_by == "max_seconds" or short > max(counts))


def _where(measured_on: Environment, here: Environment) -> Environment:
    """Return the environment of the measurement, with the commit and version of the caller's checkout."""
    return msgspec.structs.replace(
        measured_on,
        commit=here.commit,
        dirty=here.dirty,
        libraries=measured_on.libraries | {"etbench": here.libraries["etbench"]},
    )


def _generated(lengths: Generation | None, rounds: Sequence[Round], mean_ms: float) -> Generated | None:
    """Return the speed of a language model's prompts and tokens; None for any other model."""
    if lengths is None:
        return None
    first_ms = median(median(taken.prefill_ms) for taken in rounds)
    return Generated(
        time_to_first_token_ms=first_ms,
        prefill_tokens_per_s=lengths.prompt_tokens * 1e3 / first_ms,
        decode_tokens_per_s=1e3 / mean_ms,
    )


def compared(
    cell: Cell,
    result: Result,
    base: Baseline,
    program: BaseProgram,
    old: Series,
    *,
    family: int,
    looks: Sequence[Look] = (),
) -> Result:
    """Add the comparison with the baseline that was interleaved with the cell.

    Args:
        cell: its configuration.
        result: from `measured`.
        base: an earlier result.
        program: the program that was measured for it.
        old: the rounds of that program.
        family: how many cells of the run are compared with a baseline.
        looks: those that were made at the comparison while it was measured.

    """
    base_facts, rounds = [facts(taken) for taken in old.rounds], [taken.samples_ms for taken in old.rounds]
    base_ms = round_medians((one.block for one in base_facts), rounds)
    blocks = common_blocks(base_ms, result.round_medians_ms)
    in_turn = InTurn(
        base_file=str(base.path),
        base_program=program.origin,
        threshold=cell.fail_above,
        comparison=compare_in_turn(
            result, *blocks, threshold=cell.fail_above, family=family, levels=levels_of(looks)
        ),
        levels=levels_of(looks),
        looks=list(looks),
        base_rounds=rounds,
        base_facts=base_facts,
        base_cell_id=base.result.cell_id,
        base_created_at=base.result.created_at,
        base_sha256=program.sha256,
        base_runtime=old.environment.runtime_version,
        family=family,
    )
    return msgspec.structs.replace(result, in_turn=in_turn)


def facts(taken: Round) -> RoundFacts:
    """Return what the result keeps of a round in addition to its samples."""
    fields = msgspec.structs.asdict(taken)
    return RoundFacts(**{name: fields[name] for name in RoundFacts.__struct_fields__})


def blank_result(cell: Cell, log_file: str) -> Result:
    """Return the part of the result that is known before any work."""
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
        environment=_planned(cell),
        command=cell.command,
        config=cell.config,
    )


def _planned(cell: Cell) -> Environment:
    """Return the environment of a cell that is not measured yet."""
    found = read_environment(threads=None, runner=cell.runner.name)
    other = other_interpreter(cell.env.runs)
    return other.described(found) if other else found


def failed(blank: Result, error: EtbenchError, rounds: Sequence[Round] = ()) -> Result:
    """Return the result of a cell that failed with this error, with the rounds measured before."""
    failure = diagnosed(Failure.of(error), precision=blank.precision_short, delegate=blank.delegate)
    return msgspec.structs.replace(
        blank,
        status="failed",
        failure=failure,
        repeat=sum(len(taken.samples_ms) for taken in rounds),
        rounds=[taken.samples_ms for taken in rounds],
        round_facts=[facts(taken) for taken in rounds],
    )
