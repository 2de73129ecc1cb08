"""What the timer adds to the runtime's own time: etbench's clock and ETDump's for the same inferences.

    python benchmarks/timer.py

Each inference is timed from Python as in a round, while ETDump records the time of the runtime's
`Method::execute`. The difference is the cost of setting the inputs, of the binding and of the clock itself.
Any caller must set the inputs, since the runtime copies them into the program's arena. So this part is timed
separately, in inferences in between. (ETDump slows both sides equally and is not used in a measurement.)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import msgspec
from common import built, print_machine

from etbench.runtime.executors import Executor

CELLS = ("mobilenet_v2", "resnet18", "distilbert")
PRECISIONS = ("fp32", "int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inferences", type=int, default=300)
    parser.add_argument("--folder", help=argparse.SUPPRESS)  # the process that measures
    args = parser.parse_args()
    if args.folder:
        print(msgspec.json.encode(_timed(Path(args.folder), args.inferences)).decode())
        return
    print_machine()
    for model in CELLS:
        for precision in PRECISIONS:
            with built(f"model={model}", f"precision={precision}") as (_, subject):
                command = [sys.executable, __file__, "--folder", subject.folder]
                done = subprocess.run(
                    [*command, "--inferences", str(args.inferences)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
            times = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Times)
            p50 = median(times.call_ms)
            pairs = zip(times.call_ms, times.execute_ms, strict=True)
            outside = median(call - execute for call, execute in pairs)
            setting = median(times.set_inputs_ms)
            print(
                f"{model} {precision}: p50 {p50:.3f} ms, Method::execute {median(times.execute_ms):.3f} ms; "
                f"outside {outside * 1e3:.1f} us, {outside / p50:.2%}: "
                f"setting the inputs {setting * 1e3:.1f} us, the rest {(outside - setting) / p50:.2%}"
            )


class _Times(msgspec.Struct):
    """Milliseconds of each inference: by Python's clock, by the runtime's, and for setting the inputs."""

    call_ms: list[float]
    execute_ms: list[float]
    set_inputs_ms: list[float]


class _Method(Executor, Protocol):
    """A method of ExecuTorch's binding, whose `call` is these two steps in one."""

    def set_inputs(self, inputs: Sequence[Any]) -> None:
        """Copy the inputs into the program's arena."""

    def execute(self) -> None:
        """Run one inference."""


def _timed(folder: Path, count: int) -> _Times:
    from executorch.devtools import Inspector

    from etbench.artifact.references import read_references
    from etbench.measure.passes.work import timed_ms, work_of
    from etbench.runtime.program import load_program

    inputs = read_references(folder)[0][0]
    program = load_program(folder, threads=os.cpu_count() or 1, profiled=True)
    method: _Method = program.load_method("forward")
    call_ms, set_inputs_ms = [], []
    work = work_of(method, inputs, None)
    work.begin()
    for _ in range(count):
        work.make_ready()
        call_ms.append(timed_ms(work.step))
        set_inputs_ms.append(timed_ms(lambda: method.set_inputs(inputs)))
        method.execute()
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "etdump")
        program.write_etdump_result_to_file(path)
        events = [event for block in Inspector(etdump_path=path).event_blocks for event in block.events]
    execute_ms = next(event.perf_data.raw for event in events if event.name == "Method::execute")
    return _Times(call_ms[5:], list(execute_ms)[1::2][5:], set_inputs_ms[5:])


if __name__ == "__main__":
    main()
