"""A sweep of 28 cells, killed with -9 at random moments and resumed: is it complete in the end?

    python benchmarks/killed.py --kills 3

Exits with status 1 unless the cells are the planned ones, all are ok, each was measured once, no result from
before a kill has changed, and no process or temporary file of a killed run is left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from common import print_machine

GRID = [
    "model=resnet18,mobilenet_v2,efficientnet_b0,segformer_b0,distilbert,clip_text,gpt2",
    "precision=fp32,int8,int8_per_tensor,fp16",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument(
        "--within", type=float, default=150.0, help="seconds after which a run is killed at the latest"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments")
    parser.add_argument("--grid", nargs="*", default=GRID)
    args = parser.parse_args()
    print_machine()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="killed-") as name:
        folder = Path(name)
        out, arguments = folder / "out", [*args.grid, f"hydra.sweep.dir={folder / 'out'}"]
        before: dict[str, str] = {}
        faults: list[str] = []
        for leg in range(args.kills):
            _leg(folder, arguments, kill_after_s=moments.uniform(5, args.within), number=leg)
            faults += _changed(before, out)
            before = _digests(out)
            arguments = [f"sweep.resume={out}"]
        _leg(folder, arguments, kill_after_s=None, number=args.kills)
        faults += _changed(before, out) + _not_whole(out)
    for fault in faults:
        print(f"ERROR: {fault}")
    print(f"errors: {len(faults)}")
    return 1 if faults else 0


def _leg(folder: Path, arguments: list[str], *, kill_after_s: float | None, number: int) -> None:
    """Run the sweep until it ends or its time limit is reached; no process of it may survive."""
    begun = time.monotonic()
    environment = os.environ | {"ETBENCH_CACHE": str(folder / "cache")}
    with (folder / "printed").open("ab") as printed:
        command = [sys.executable, "-m", "etbench", "-m", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=printed, stderr=subprocess.STDOUT)
        try:
            status = process.wait(timeout=kill_after_s)
        except subprocess.TimeoutExpired:
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            status = process.wait()
            psutil.wait_procs(family, timeout=10)
            living = [child for child in family if child.is_running()]
            assert not living, f"orphans: {living}"
    count = len(list((folder / "out").glob("*.json")))
    print(f"leg {number + 1}: {time.monotonic() - begun:.0f} s, status {status}, {count} results", flush=True)


def _digests(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.json")}


def _changed(before: dict[str, str], out: Path) -> list[str]:
    now = _digests(out)
    return [
        f"{name} was there before the kill and is gone or changed"
        for name in before
        if now.get(name) != before[name]
    ]


def _not_whole(out: Path) -> list[str]:
    manifest = json.loads((out / ".sweep" / "manifest.json").read_text())
    planned = {cell["cell_id"] for cell in manifest["cells"]}
    results = [json.loads(path.read_text()) for path in out.glob("*.json")]
    counted = Counter(result["cell_id"] for result in results)
    faults = [f"{key} was measured {count} times" for key, count in counted.items() if count != 1]
    if counted.keys() != planned:
        faults.append(f"{len(planned)} cells were planned, {len(counted)} have results")
    faults += [
        f"{r['model_name']} {r['precision_short']} is {r['status']}" for r in results if r["status"] != "ok"
    ]
    if manifest["finished_at"] is None:
        faults.append("the manifest says that the sweep is not finished")
    left = [path for path in out.rglob("*") if path.name == ".partial" or path.suffix == ".tmp"]
    states = Counter(result["status"] for result in results)
    print(f"{len(results)} results of {len(planned)} planned cells: {dict(states)}")
    return faults + [f"{path} was left behind" for path in left]


if __name__ == "__main__":
    sys.exit(main())
