"""How long a user waits apart from the measurement: for the help, and for a cell with a cached program.

python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from common import print_machine, timed

ETBENCH = [sys.executable, "-m", "etbench"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        folder = Path(name)
        _, build_s, _ = _cell(folder, [*args.cell, "repeat=quick"], "first")
        print(f"with the build: {build_s:.1f} s")
        print(f"--help: {median(_run(['--help'], folder) for _ in range(args.times)):.2f} s")
        for repeat in ("quick", "recommended"):
            taken = [_cell(folder, [*args.cell, f"repeat={repeat}"], f"{n}") for n in range(args.times)]
            count, seconds, timing_s = (median(column) for column in zip(*taken, strict=True))
            most = max(one[1] for one in taken)
            print(
                f"repeat={repeat}, program in the cache: {seconds:.2f} s (at most {most:.2f}), "
                f"of these {timing_s:.2f} s for {count:.0f} rounds"
            )


def _cell(folder: Path, overrides: list[str], name: str) -> tuple[int, float, float]:
    """Run a cell; return its rounds, the seconds of the whole command, and those of its rounds."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=name) as out:
        seconds = _run([*overrides, f"hydra.run.dir={out}"], folder)
        (path,) = Path(out).glob("*.json")
        result = json.loads(path.read_text())
    return len(result["rounds"]), seconds, result["stage_s"]["time"]


def _run(arguments: list[str], folder: Path) -> float:
    return timed([*ETBENCH, *arguments], os.environ | {"ETBENCH_CACHE": str(folder / "cache")})


if __name__ == "__main__":
    main()
