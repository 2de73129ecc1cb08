"""Time and memory that `aggregate` needs for many result files, compared with the least possible.

    python benchmarks/aggregate.py                      # 10,000 files
    python benchmarks/aggregate.py --files 10000 100000 # do ten times as many take ten times as long?

The files are copies of the sample sweep with 30 rounds each, as a sweep has today; every 28 of them form one
sweep. The floor is to read each file (`Path.read_bytes`), decode it with msgspec alone
(`msgspec.json.Decoder(Result).decode`) and write the frame of all rows with pandas' `to_csv`; the time to
make that frame is not counted. `aggregate` is everything the command does after its imports: results.csv,
the four tables made from it, and results.parquet. Each figure is the median of interleaved trials in fresh
processes; the figures with the index are single trials.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from common import print_machine, with_rounds

from etbench.results.files.store import UnreadableError, find_files, read_results
from etbench.results.schema import Result
from etbench.results.tables.aggregation import FIGURES, aggregate, write_rows
from etbench.results.tables.frames import frame_of_rows
from etbench.results.tables.rows import Row, stream_rows
from etbench.stats import LatencyMs

SAMPLE = Path(__file__).parents[1] / "outputs" / "sample_sweep"
ROUNDS, SAMPLES = 30, 3
BLOCK_MAX_MS = 2_000.0  # measure.block_max_s
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED = 0.01  # share of the files that are new when the index is used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[10_000])
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--trial", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trial:
        print(json.dumps(_trial(args.trial[0], Path(args.trial[1]))))
        return
    print_machine()
    per_file = [_benchmark(count, args.trials) for count in args.files]
    for count, each in zip(args.files[1:], per_file[1:], strict=True):
        print(f"time per file, {count:,} against {args.files[0]:,} files: {each / per_file[0]:.2f}")


def _benchmark(count: int, trials: int) -> float:
    """Print all figures for that many files; return the seconds per file of `aggregate` without an index."""
    with tempfile.TemporaryDirectory(prefix="aggregate-") as name:
        folder = Path(name)
        write_files(folder, count)
        size = sum(path.stat().st_size for path in folder.rglob("*.json"))
        print(f"{count:,} files of {size / count / 1e3:.1f} kB")
        taken = [
            [_run(what, folder) for what in ("floor", "results.csv", "aggregate")] for _ in range(trials)
        ]
        floor, rows, whole = (_median(of_one) for of_one in zip(*taken, strict=True))
        parts = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in floor["parts"].items())
        _print("floor", floor, parts)
        _print("results.csv alone", rows, f"{rows['seconds'] / floor['seconds']:.2f}x the floor")
        _print("aggregate", whole, f"{whole['seconds'] / floor['seconds']:.2f}x the floor")
        _print("aggregate, new index", _run("remember", folder))
        _print("aggregate, index, nothing new", _run("remember", folder))
        renewed = int(count * CHANGED)
        write_files(folder, renewed, seed=1)
        _print(f"aggregate, index, {renewed:,} new", _run("remember", folder), _index_size(folder))
    return float(whole["seconds"]) / count


def _print(what: str, found: dict[str, Any], note: str = "") -> None:
    figures = f"{found['seconds']:7.2f} s {found['peak_bytes'] / 2**20:6.0f} MiB"
    print(f"  {what:<34}{figures}  {note}", flush=True)


def _index_size(folder: Path) -> str:
    return f"index of {(folder / '.etbench' / 'index.sqlite').stat().st_size / 1e6:.0f} MB"


def _median(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return sorted(trials, key=lambda trial: trial["seconds"])[len(trials) // 2]


def _run(what: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--trial", what, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _trial(what: str, folder: Path) -> dict[str, Any]:
    import pyarrow.parquet  # noqa: F401  (its import is not counted, like that of pandas)

    with tempfile.TemporaryDirectory(prefix="aggregate-") as out:
        if what == "floor":
            parts = _floor(folder, Path(out))
        else:
            start = time.perf_counter()
            if what == "results.csv":
                write_rows(stream_rows([folder]), Path(out))
            else:
                aggregate([folder], Path(out), remember=what == "remember")
            parts = {"all": time.perf_counter() - start}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": sum(parts.values()), "parts": parts, "peak_bytes": peak << 10}


def _floor(folder: Path, out: Path) -> dict[str, float]:
    decoder = msgspec.json.Decoder(Result)
    files = find_files([folder])
    start = time.perf_counter()
    for file in files:
        decoder.decode(file.read_bytes())
    decoded = time.perf_counter()
    frame = frame_of_rows(_rows(files))[FIGURES]
    framed = time.perf_counter()
    frame.to_csv(out / "results.csv", index=False)
    return {"decoding": decoded - start, "to_csv": time.perf_counter() - framed}


def _rows(files: Sequence[Path]) -> list[Row]:
    rows = []
    for _, row in stream_rows(files):
        if isinstance(row, UnreadableError):
            raise row
        rows.append(row)
    return rows


def write_files(folder: Path, count: int, seed: int = 0) -> None:
    """Write that many files, 28 per sweep; another seed gives other figures under the same names."""
    noise = random.Random(seed)
    cells = [_today(result, noise) for _, result in read_results([SAMPLE])[0]]
    for number in range(count):
        sweep, cell = divmod(number, len(cells))
        result = _measured_again(cells[cell], sweep, noise.uniform(0.95, 1.05))
        path = folder / f"{sweep:05}" / f"{result.model_name}_{result.precision_short}_{result.delegate}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")


def _today(result: Result, noise: random.Random) -> Result:
    """Return a cell as it is measured today: 30 rounds drawn from its samples."""
    taken = [sample for samples in result.rounds for sample in samples]
    rounds = [
        [noise.choice(taken) * noise.uniform(0.99, 1.01) for _ in range(SAMPLES)] for _ in range(ROUNDS)
    ]
    return msgspec.structs.replace(with_rounds(result, rounds), own_blocks=sum(rounds[0]) > BLOCK_MAX_MS)


def _measured_again(result: Result, sweep: int, factor: float) -> Result:
    """Return a cell of another sweep, in which everything was slower by a factor."""
    assert result.latency_ms is not None, f"{result.model_name} {result.precision} has no latency"
    figures = msgspec.structs.asdict(result.latency_ms)
    latency = {name: factor * ms for name, ms in figures.items() if ms is not None}
    return msgspec.structs.replace(
        result,
        created_at=(FIRST_DAY + timedelta(hours=sweep)).isoformat(timespec="seconds"),
        turn_id=f"{sweep:012x}",
        rounds=[[factor * sample for sample in samples] for samples in result.rounds],
        latency_ms=msgspec.convert(latency, LatencyMs),
    )


if __name__ == "__main__":
    main()
