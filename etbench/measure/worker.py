"""The measuring process: imports torch and the runtime once, then forks a fresh process for each pass."""

from __future__ import annotations

import time
from pathlib import Path

from etbench.events import OnEvent, Stages
from etbench.measure.protocol import (
    CheckPass,
    Measurement,
    MeasureRequest,
    Round,
    plan_rounds,
    samples_needed,
    seconds_text,
    warmup_budget_s,
)
from etbench.process import serve


def _handle(request: MeasureRequest, emit: OnEvent) -> Measurement:
    from etbench.measure.fork import in_fork

    stages = Stages(emit)
    folder = Path(request.folder)
    with stages("start_runtime"):
        import executorch.kernels.quantized  # noqa: F401  registers the kernels of int8 on portable

        from etbench.measure import passes
    with stages("parity"):
        check = in_fork(
            lambda: passes.check(folder, request.threads, request.logits_axis),
            CheckPass,
            stage="parity",
            waiting=lambda seconds: stages.progress(
                "parity", f"running the reference inputs: {seconds_text(seconds)} so far, not hanging"
            ),
        )
    with stages("time"):
        rounds, truncated = _rounds(request, folder, stages)
    return Measurement(check=check, rounds=rounds, truncated=truncated, stage_s=stages.seconds)


def _rounds(request: MeasureRequest, folder: Path, stages: Stages) -> tuple[list[Round], bool]:
    """Time round after round until all samples are taken or the time is up."""
    from etbench.measure import passes
    from etbench.measure.fork import in_fork

    repeat = request.repeat
    plan = plan_rounds(repeat)
    rounds: list[Round] = []
    timed_s = 0.0
    told = time.monotonic()
    for number, samples in enumerate(plan, start=1):
        taken = sum(len(round_.samples_ms) for round_ in rounds)
        at_least = samples_needed(taken, repeat.runs)
        if timed_s >= repeat.max_seconds and not at_least:
            break

        def time_round(
            samples: int = samples, at_least: int = at_least, left: float = repeat.max_seconds - timed_s
        ) -> Round:
            return passes.time_round(
                folder,
                request.threads,
                samples=samples,
                at_least=at_least,
                warmup=repeat.warmup,
                warmup_s=warmup_budget_s(repeat),
                time_left_s=left,
                tell=lambda text: stages.progress("time", text),
            )

        def waiting(seconds: float, number: int = number) -> None:
            text = f"round {number} of {len(plan)}: {seconds_text(seconds)} so far, not hanging"
            stages.progress("time", text)

        rounds.append(in_fork(time_round, Round, stage="time", waiting=waiting))
        timed_s += sum(rounds[-1].samples_ms) / 1e3
        taken += len(rounds[-1].samples_ms)
        if time.monotonic() - told > 5:
            told = time.monotonic()
            stages.progress("time", f"round {number} of {len(plan)}, {taken} of {repeat.runs} samples")
    taken = sum(len(round_.samples_ms) for round_ in rounds)
    return rounds, taken < repeat.runs


if __name__ == "__main__":
    serve(MeasureRequest, _handle)
