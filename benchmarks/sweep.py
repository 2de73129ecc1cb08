"""What a sweep costs: written the plain way, by etbench cold and warm, and the pure measuring beside them.

    python benchmarks/sweep.py

The plain way is a process for each cell that loads, exports, quantizes, lowers and times in itself, as
hand-written scripts do. The floor is the time that the rounds of the warm sweep took, nothing else; what it
measures beside them (load, memory, energy) and the check against eager are named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import print_machine

MODELS = "resnet18,mobilenet_v2,efficientnet_b0,distilbert,clip_text,gpt2"
PRECISIONS = "fp32,int8"
STAGES = {"time": "rounds", "inspect": "load, memory and energy", "parity": "check against eager"}

PLAIN = """
import sys, time
from pathlib import Path
from etbench.compose import compose
from etbench.events import Stages
from etbench.models.torchvision_ops import ensure_importable
ensure_importable()
from etbench.build.artifact import program_path
from etbench.build.pipeline import build_artifact, prepare
recipe = compose(sys.argv[2:]).recipe
stages = Stages(lambda event: None)
prepared = prepare(recipe, stages)
build_artifact(recipe, prepared, Path(sys.argv[1]), stages)
from executorch.runtime import Runtime
method = Runtime.get().load_program(program_path(Path(sys.argv[1]))).load_method("forward")
inputs = prepared.batches.references[0]
for _ in range(2):
    method.execute(inputs)
times = []
for _ in range(10):
    start = time.perf_counter()
    method.execute(inputs)
    times.append(time.perf_counter() - start)
print(sum(times) / len(times) * 1e3)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--precisions", default=PRECISIONS)
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(prefix="sweep-") as name:
        folder = Path(name)
        plain_s = _plain(folder, args.models.split(","), args.precisions.split(","))
        print(f"plain procedure, 10 samples a cell: {plain_s:.0f} s")
        grid = [f"model={args.models}", f"precision={args.precisions}"]
        for repeat in ("quick", "recommended"):
            cold_s, _ = _sweep(folder, grid, repeat, "cold")
            warm_s, stages_s = _sweep(folder, grid, repeat, "warm")
            _report(repeat, cold_s, warm_s, stages_s, plain_s)


def _plain(folder: Path, models: list[str], precisions: list[str]) -> float:
    begun = time.monotonic()
    for model in models:
        for precision in precisions:
            with tempfile.TemporaryDirectory(dir=folder) as cell:
                command = [sys.executable, "-c", PLAIN, cell, f"model={model}", f"precision={precision}"]
                subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begun


def _sweep(folder: Path, grid: list[str], repeat: str, name: str) -> tuple[float, dict[str, float]]:
    """Return the seconds of a sweep, and those of its stages over all cells."""
    out = folder / f"{repeat}-{name}"
    command = [sys.executable, "-m", "etbench", "-m", *grid, f"repeat={repeat}", f"hydra.sweep.dir={out}"]
    begun = time.monotonic()
    env = os.environ | {"ETBENCH_CACHE": str(folder / f"cache-{repeat}")}
    subprocess.run(command, check=True, capture_output=True, env=env)
    seconds = time.monotonic() - begun
    results = [json.loads(path.read_text()) for path in out.glob("*.json")]
    return seconds, {name: sum(result["stage_s"][name] for result in results) for name in STAGES}


def _report(repeat: str, cold_s: float, warm_s: float, stages_s: dict[str, float], plain_s: float) -> None:
    floor_s = stages_s["time"]
    others = ", ".join(f"{text} {stages_s[name]:.1f} s" for name, text in STAGES.items())
    print(
        f"repeat={repeat}: cold {cold_s:.0f} s, {cold_s / plain_s:.2f} of the plain procedure; "
        f"warm {warm_s:.1f} s, {warm_s / plain_s:.3f} of it and {warm_s / floor_s:.2f} of its rounds alone, "
        f"{floor_s:.1f} s\n  {others}, the rest {warm_s - sum(stages_s.values()):.1f} s"
    )


if __name__ == "__main__":
    main()
