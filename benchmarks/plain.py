"""The plain procedure, as a hand-written script: load, export, quantize, lower and time in one process.

    python benchmarks/plain.py FOLDER model=resnet18 precision=int8

`benchmarks/sweep.py` compares etbench with it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from etbench.artifact import program_path
from etbench.builder.pipeline import build_artifact, prepare
from etbench.events import Stages
from etbench.models.torchvision_ops import ensure_importable
from etbench.preflight.compose import compose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="existing folder for the program")
    parser.add_argument("overrides", nargs="*", help="as for `python -m etbench`")
    args = parser.parse_args()
    ensure_importable()
    recipe = compose(args.overrides).recipe
    stages = Stages(lambda event: None)
    prepared = prepare(recipe, stages)
    build_artifact(recipe, prepared, args.folder, stages)

    from executorch.runtime import Runtime

    method = Runtime.get().load_program(program_path(args.folder)).load_method("forward")
    inputs = prepared.reference.batches.references[0]
    for _ in range(2):
        method.execute(inputs)
    times_s = []
    for _ in range(10):
        start = time.perf_counter()
        method.execute(inputs)
        times_s.append(time.perf_counter() - start)
    print(f"{sum(times_s) / len(times_s) * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
