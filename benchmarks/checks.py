"""What do parity and the checks of a result add to a sweep whose programs are in the cache?

    python benchmarks/checks.py
    python benchmarks/checks.py --models resnet18 --times 5

Runs a quick sweep several times and prints the seconds of the whole command, of them those in which the
programs were compared with eager fp32 (as the results have it), and those of all checks of all results, timed
here one after the other. The process that compares is also the one in which the first load is timed: the load
and its first inference are not counted as the check's.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import msgspec
from common import print_machine, timed

from etbench.results.checks import judged
from etbench.results.files.store import read_results
from etbench.results.schema import Result

ETBENCH = [sys.executable, "-m", "etbench"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--models", default="resnet18,mobilenet_v2,efficientnet_b0")
    parser.add_argument("--precisions", default="fp32,int8")
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(prefix="checks-") as name:
        folder = Path(name)
        overrides = [f"model={args.models}", f"precision={args.precisions}", "repeat=quick"]
        _sweep(folder, overrides, "first")
        taken = [_sweep(folder, overrides, f"{n}") for n in range(args.times)]
    cells = taken[0][0]
    whole, parity, checks = (median(column) for column in zip(*(row[1:] for row in taken), strict=True))
    shares = [100 * (row[2] + row[3]) / (row[1] - row[2] - row[3]) for row in taken]
    print(f"{cells} cells, {args.times} sweeps: {whole:.1f} s; parity {parity:.2f} s, checks {checks:.4f} s")
    print(f"they add {median(shares):.1f} % to the rest ({min(shares):.1f} to {max(shares):.1f})")


def _sweep(folder: Path, overrides: list[str], name: str) -> tuple[int, float, float, float]:
    """Run a sweep; return its cells, and the seconds of the command, of its parities and of its checks."""
    out = folder / name
    environment = os.environ | {"ETBENCH_CACHE": os.environ.get("ETBENCH_CACHE", str(folder / "cache"))}
    seconds = timed([*ETBENCH, "-m", *overrides, f"hydra.sweep.dir={out}"], environment)
    results = [result for _, result in read_results([out])[0]]
    begun = time.monotonic()
    for result in results:
        judged(msgspec.structs.replace(result, findings=None, status="ok"))
    checks = time.monotonic() - begun
    return len(results), seconds, sum(map(_parity_s, results)), checks


def _parity_s(result: Result) -> float:
    assert result.load is not None
    first = result.load.warm.each[0]
    loaded_ms = first.program_ms + first.method_ms + first.first_inference_ms
    return result.stage_s["parity"] - loaded_ms / 1e3


if __name__ == "__main__":
    main()
