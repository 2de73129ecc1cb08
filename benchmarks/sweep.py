"""The time that a sweep takes: as a hand-written script, by etbench cold and warm, and its rounds alone.

    python benchmarks/sweep.py
    python benchmarks/sweep.py --no-plain --repeats quick    # does a second run build anything?

The plain procedure is one process per cell that loads, exports, quantizes, lowers and times, as hand-written
scripts do. The floor is the time of the rounds of the warm sweep and nothing else; the other measurements
(load, memory, energy) and the check against eager are listed. If the warm sweep builds a program, the exit
status is 1: the key of the artifact contains something that differs from one run to the next.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from common import print_machine, timed

MODELS = "resnet18,mobilenet_v2,efficientnet_b0,segformer_b0,distilbert,clip_text,gpt2"
PRECISIONS = "fp32,int8"
STAGES = {"time": "rounds", "inspect": "load, memory and energy", "parity": "check against eager"}

PLAIN = Path(__file__).with_name("plain.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--precisions", default=PRECISIONS)
    parser.add_argument("--repeats", default="quick,recommended")
    parser.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(prefix="sweep-") as name:
        folder, plain_s = Path(name), None
        if args.plain:
            plain_s = _plain(folder, args.models.split(","), args.precisions.split(","))
            print(f"plain procedure, 10 samples per cell: {plain_s:.0f} s")
        grid = [f"model={args.models}", f"precision={args.precisions}"]
        built_again: set[str] = set()
        for repeat in args.repeats.split(","):
            cold, warm = (_sweep(folder, grid, repeat, name) for name in ("cold", "warm"))
            _report(repeat, cold, warm, plain_s)
            built_again |= warm.built
    if built_again:
        sys.exit(f"built again though nothing had changed: {', '.join(sorted(built_again))}")


@dataclass(frozen=True)
class _Swept:
    """A sweep: its duration, the time of each stage over all cells, and the cells that it built."""

    seconds: float
    stages_s: dict[str, float]
    cells: int
    built: set[str]


def _plain(folder: Path, models: list[str], precisions: list[str]) -> float:
    seconds = 0.0
    for model in models:
        for precision in precisions:
            with tempfile.TemporaryDirectory(dir=folder) as cell:
                command = [sys.executable, str(PLAIN), cell, f"model={model}", f"precision={precision}"]
                seconds += timed(command)
    return seconds


def _sweep(folder: Path, grid: list[str], repeat: str, name: str) -> _Swept:
    out = folder / f"{repeat}-{name}"
    command = [sys.executable, "-m", "etbench", "-m", *grid, f"repeat={repeat}", f"hydra.sweep.dir={out}"]
    seconds = timed(command, os.environ | {"ETBENCH_CACHE": str(folder / f"cache-{repeat}")})
    results = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    stages_s = {name: sum(result["stage_s"][name] for result in results.values()) for name in STAGES}
    built = {stem for stem, result in results.items() if not result["from_cache"]}
    return _Swept(seconds, stages_s, len(results), built)


def _report(repeat: str, cold: _Swept, warm: _Swept, plain_s: float | None) -> None:
    floor_s = warm.stages_s["time"]
    others = ", ".join(f"{text} {warm.stages_s[name]:.1f} s" for name, text in STAGES.items())
    cold_share, warm_share = (
        f", {swept.seconds / plain_s:.3f} of the plain procedure" if plain_s else "" for swept in (cold, warm)
    )
    print(
        f"repeat={repeat}: cold {cold.seconds:.0f} s{cold_share}; {len(cold.built)} of {cold.cells} built\n"
        f"  warm {warm.seconds:.1f} s{warm_share}, {warm.seconds / floor_s:.2f} of its rounds alone, "
        f"{floor_s:.1f} s; {len(warm.built)} of {warm.cells} built\n"
        f"  {others}, the rest {warm.seconds - sum(warm.stages_s.values()):.1f} s"
    )


if __name__ == "__main__":
    main()
