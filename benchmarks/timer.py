"""What the timer adds to the runtime's own time: etbench's clock beside ETDump's, of the same inferences.

    python benchmarks/timer.py

Each inference is timed from Python as a round times it, while ETDump notes the runtime's `Method::execute`
of it. The difference is what setting the inputs, the binding and the clock itself cost. (ETDump slows both
sides alike, so it is no part of a measurement.)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec
from common import built, print_machine

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
            python_ms, execute_ms = msgspec.json.decode(done.stdout.splitlines()[-1])
            outside = median(p - e for p, e in zip(python_ms, execute_ms, strict=True))
            print(
                f"{model} {precision}: p50 {median(python_ms):.3f} ms, "
                f"Method::execute {median(execute_ms):.3f} ms, "
                f"the timer adds {outside * 1e3:.1f} us, {outside / median(python_ms):.2%}"
            )


def _timed(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each inference by Python's clock and by the runtime's."""
    import time

    from executorch.devtools import Inspector
    from executorch.extension.pybindings import _C

    from etbench.build.artifact import program_path
    from etbench.build.references import read_references

    inputs = read_references(folder)[0][0]
    module = _C._load_for_executorch(str(program_path(folder)), enable_etdump=True)
    python_ms = []
    for _ in range(count):
        start = time.perf_counter_ns()
        module.run_method("forward", inputs, clone_outputs=False)
        python_ms.append((time.perf_counter_ns() - start) / 1e6)
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "etdump")
        module.write_etdump_result_to_file(path)
        events = [event for block in Inspector(etdump_path=path).event_blocks for event in block.events]
    execute_ms = next(event.perf_data.raw for event in events if event.name == "Method::execute")
    return python_ms[5:], list(execute_ms)[5:]


if __name__ == "__main__":
    main()
