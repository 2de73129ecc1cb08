"""The measuring process: imports torch and the runtime once, then forks a fresh process for each pass."""

from __future__ import annotations

import os
from collections.abc import Callable

from etbench.events import OnEvent, Stages
from etbench.measure.protocol import Measured, MeasurePart, MeasureRequest
from etbench.measure.worker.blocks import Blocks
from etbench.measure.worker.fork import inherited
from etbench.measure.worker.subject import RunningSubject, failing_alone
from etbench.system.channel import serve


def _handle(request: MeasureRequest, emit: OnEvent, send: Callable[[MeasurePart], None]) -> Measured:
    stages = Stages(emit)
    with stages("start_runtime"), inherited():
        from etbench.measure.passes import energy, load_time, memory, rounds  # noqa: F401
        from etbench.runtime.program import preload

        for executor in dict.fromkeys(asked.executor for asked in request.subjects):
            preload(executor)
    if request.affinity:
        os.sched_setaffinity(0, request.affinity)
    subjects = [RunningSubject(number, asked, request, emit) for number, asked in enumerate(request.subjects)]
    for subject in subjects:
        if not (subject.asked.checked or subject.asked.over):
            with failing_alone(subject, send):
                subject.check(send)
    Blocks(request, subjects, send).run()
    return Measured(start_s=stages.seconds["start_runtime"])


if __name__ == "__main__":
    serve(MeasureRequest, _handle)
