"""The measuring process: imports torch and the runtime once, then forks a fresh process for each pass."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from etbench.build.artifact import program_path
from etbench.events import OnEvent, Stages
from etbench.measure.plan import Progress
from etbench.measure.protocol import (
    CheckPass,
    Measurement,
    MeasureRequest,
    Round,
    Series,
    Subject,
    in_turn,
    seconds_text,
)
from etbench.process import serve
from etbench.stats.interval import location_interval
from etbench.stats.paired import paired_ratio
from etbench.stats.verdict import ALARM_CONFIDENCE

TELL_EVERY_S = 5.0


def _handle(request: MeasureRequest, emit: OnEvent) -> Measurement:
    stages = Stages(emit)
    with stages("start_runtime"):
        import executorch.kernels.quantized  # noqa: F401  registers the kernels of int8 on portable

        from etbench.measure import passes  # noqa: F401  forks inherit it
        from etbench.measure.executors import preload

        for subject in request.subjects:
            preload(program_path(Path(subject.folder)))
    if request.affinity:
        os.sched_setaffinity(0, request.affinity)
    with stages("parity"):
        checks = [_check(subject, stages) for subject in request.subjects]
    with stages("time"):
        blocks = _Blocks(request, stages)
        blocks.run()
    series = [
        Series(
            check=check,
            rounds=progress.rounds,
            stopped_by=str(progress.stopped_by),
            own_blocks=number in blocks.slow,
        )
        for number, (check, progress) in enumerate(zip(checks, blocks.progress, strict=True))
    ]
    return Measurement(turn_id=uuid.uuid4().hex[:12], series=series, stage_s=stages.seconds)


def _check(subject: Subject, stages: Stages) -> CheckPass:
    from etbench.measure import passes
    from etbench.measure.fork import in_fork

    def waiting(seconds: float) -> None:
        text = f"running the reference inputs: {seconds_text(seconds)} so far, not hanging"
        stages.progress("parity", text)

    return in_fork(
        lambda: passes.check(Path(subject.folder), subject.threads, subject.logits_axis),
        CheckPass,
        stage="parity",
        waiting=waiting,
    )


class _Blocks:
    """Times the subjects in turn: each block is one round of every subject, in random order.

    The first block tells what a round of each costs. Those that are too slow then go on in blocks of
    their own class, so that the quick ones stay close together in time.
    """

    def __init__(self, request: MeasureRequest, stages: Stages) -> None:
        self.request = request
        self.stages = stages
        self.random = random.Random(request.seed)
        self.progress: list[Progress] = []
        for number, subject in enumerate(request.subjects):
            self.progress.append(Progress(subject.repeat, self._half_width(number)))
        self.slow: list[int] = []
        self.block = 0
        self.reverse: list[int] | None = None
        self.begun = self.told = time.monotonic()

    def run(self) -> None:
        """Time all rounds of all subjects."""
        everyone = list(range(len(self.progress)))
        self._time_block(everyone)
        if self.request.together:
            while any(one.stopped_by is None for one in self.progress):
                self._time_block(everyone)
            return
        self.slow = [n for n in everyone if self.progress[n].round_s > self.request.block_max_s]
        for members in ([n for n in everyone if n not in self.slow], self.slow):
            while unfinished := [n for n in members if self.progress[n].stopped_by is None]:
                self._time_block(unfinished)

    def _time_block(self, members: list[int]) -> None:
        """Time a round of each member, in random order; the next block of the same members in its reverse.

        So what comes of the order, and of a steady drift, is alike for all of them after two blocks.
        """
        if self.reverse is not None and sorted(self.reverse) == sorted(members):
            order, self.reverse = self.reverse, None
        else:
            order = self.random.sample(members, len(members))
            self.reverse = order[::-1]
        for number in order:
            self._time_round(number)
        self.block += 1

    def _time_round(self, number: int) -> None:
        from etbench.measure import passes
        from etbench.measure.fork import in_fork

        subject, progress = self.request.subjects[number], self.progress[number]

        def time_round() -> Round:
            return passes.time_round(
                Path(subject.folder),
                subject.threads,
                samples=progress.samples,
                at_least=max(1, progress.still_needed),
                warmup=subject.repeat.warmup,
                time_left_s=progress.left_s,
                tell=lambda text: self.stages.progress("time", text),
            )

        def waiting(seconds: float) -> None:
            text = f"round {len(progress.rounds) + 1}: {seconds_text(seconds)} so far, not hanging"
            self.stages.progress("time", text)

        begun = time.monotonic()
        taken = in_fork(time_round, Round, stage="time", waiting=waiting)
        taken = msgspec.structs.replace(taken, block=self.block, started_s=begun - self.begun)
        progress.add(taken, time.monotonic() - begun)
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self.told < TELL_EVERY_S:
            return
        self.told = time.monotonic()
        rounds = sum(len(one.rounds) for one in self.progress)
        samples = sum(one.taken for one in self.progress)
        planned = sum(max(one.planned, len(one.rounds)) for one in self.progress)
        self.stages.progress("time", f"{rounds} of {planned} rounds, {samples} samples")

    def _half_width(self, number: int) -> Callable[[], float | None]:
        """Return a function that tells how wide the interval of a subject is by now."""

        def alone() -> float | None:
            interval = location_interval([round_.samples_ms for round_ in self.progress[number].rounds])
            return interval.half_width if interval else None

        def to_first() -> float | None:
            base, new = (self.progress[n].rounds for n in (0, number))
            return paired_ratio(*in_turn(base, new), confidence=ALARM_CONFIDENCE).half_width

        return to_first if self.request.together and number else alone


if __name__ == "__main__":
    serve(MeasureRequest, _handle)
