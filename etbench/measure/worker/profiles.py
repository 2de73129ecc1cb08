"""The process that profiles interleaved programs: rounds with and without the profiler, in random order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from msgspec import Struct

from etbench.events import Event, OnEvent, Stages
from etbench.measure.pass_results import Profile
from etbench.measure.profile_rounds import ProfileBlock, ProfileRequest, Profiles
from etbench.measure.protocol import Round
from etbench.measure.worker.fork import inherited
from etbench.measure.worker.subject import RunningSubject
from etbench.measure.worker.tasks import ProfileTask, RoundTask
from etbench.system.channel import serve

__all__: list[str] = []

SAMPLES, FEWEST = 10, 3
FEWEST_BLOCKS = 3


def _handle(request: ProfileRequest, emit: OnEvent, send: Callable[[Struct], None]) -> Profiles:
    stages = Stages(emit)
    with stages("start_runtime"), inherited():
        from etbench.measure.passes import profiling, rounds  # noqa: F401
        from etbench.runtime.program import preload

        preload(None)
        profiling.preload()
    asked = request.measure
    subjects = [RunningSubject(number, one, asked, emit) for number, one in enumerate(asked.subjects)]
    order = random.Random(asked.seed)
    blocks: list[ProfileBlock] = []
    together: list[int] = [0] * len(subjects)
    begun = time.monotonic()
    with stages("time"):
        while len(blocks) < request.blocks:
            if len(blocks) >= FEWEST_BLOCKS and time.monotonic() - begun >= request.max_seconds:
                break
            blocks.append(_block(subjects, together, order))
            emit(Event(kind="round", stage="time", done=len(blocks), of=request.blocks))
    return Profiles(blocks=blocks)


def _block(subjects: list[RunningSubject], together: list[int], order: random.Random) -> ProfileBlock:
    """Run a timed round and a profiled round of each subject, all in random order.

    Args:
        subjects: the programs.
        together: the inferences per sample of each subject, which its first round decides.
        order: chooses the order.

    """
    rounds: dict[int, Round] = {}
    profiles: dict[int, Profile] = {}
    tasks = [(number, profiled) for number in range(len(subjects)) for profiled in (False, True)]
    for number, profiled in order.sample(tasks, len(tasks)):
        subject = subjects[number]
        folder, threads = subject.asked.folder, subject.threads
        if profiled:
            task = ProfileTask(folder=folder, threads=threads, quick=True)
            profiles[number] = subject.run_task("time", task, Profile)
            continue
        rounds[number] = subject.run_task(
            "time",
            RoundTask(
                folder=folder,
                threads=threads,
                samples=SAMPLES,
                at_least=FEWEST,
                warmup=FEWEST,
                inferences_per_sample=together[number],
                time_left_s=1.0,
            ),
            Round,
        )
        together[number] = rounds[number].inferences_per_sample
    in_order = range(len(subjects))
    return ProfileBlock(
        rounds=[rounds[number] for number in in_order], profiles=[profiles[number] for number in in_order]
    )


if __name__ == "__main__":
    serve(ProfileRequest, _handle)
