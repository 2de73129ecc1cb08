"""Thousands of hostile files over all results commands: does any of them do what it must not?

    python benchmarks/hostile.py --inputs 5000 --processes 200

A folder has a good result and some files of `hostile_files`. Each command of `hostile_commands` is run on
every few folders in this process, and some are run in processes of their own. Wrong is a traceback, a status
that does not exist, more than 10 s (of CPU time in this process), a file that changed outside of the output,
a figure that no file has, and a file that was left out without a word. Exits with status 1 if anything was
wrong; `--keep` keeps the files.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hostile_commands import COMMANDS, DRAWING, Case, Run, run_case
from hostile_files import LARGE, SPECIAL, Input, made, samples


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=int, default=5_000)
    parser.add_argument(
        "--large", action=argparse.BooleanOptionalAction, default=True, help="large files too"
    )
    parser.add_argument("--per-folder", type=int, default=40, help="hostile files in each folder")
    parser.add_argument("--each", type=int, default=5, help="commands on each folder, beside `show`")
    parser.add_argument("--processes", type=int, default=200, help="commands run in processes of their own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--keep", type=Path, help="folder for the files of what went wrong")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    chance, originals, counts = random.Random(args.seed), samples(), Counter[str]()
    large = [Input("special", name, SPECIAL[name]) for name in LARGE]
    others = [command for command in COMMANDS if command != "show"]
    turns = itertools.cycle(others[at : at + args.each] for at in range(0, len(others), args.each))
    most_s: float = args.max_seconds
    began = time.monotonic()

    def spent() -> bool:
        return time.monotonic() - began > most_s

    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        os.environ["ETBENCH_CACHE"] = f"{name}/cache"
        scratch = Path(name) / "case"
        for command, one in itertools.product(COMMANDS if args.large else (), large):
            _try(scratch, [one], command, counts, args.keep)
        while counts["inputs"] < args.inputs and not spent():
            inputs = [made(chance, originals) for _ in range(args.per_folder)]
            counts.update({"inputs": len(inputs)})
            for command in ("show", *next(turns)):
                _try(scratch, inputs, command, counts, args.keep)
        every = [*COMMANDS, *DRAWING]
        for number in range(args.processes):
            if spent():
                break
            inputs = [made(chance, originals) for _ in range(1 + number % 3)]
            counts.update({"inputs": len(inputs), "processes": 1})
            _try(scratch, inputs, every[number % len(every)], counts, args.keep, process=True)
    print(f"in {time.monotonic() - began:.0f} s, with seed {args.seed}:")
    for word in ("inputs", "commands", "processes", "tried", "refused", "wrong"):
        print(f"{word:>10} {counts[word]:,}")
    return 1 if counts["wrong"] else 0


def _try(
    scratch: Path,
    inputs: Sequence[Input],
    command: str,
    counts: Counter[str],
    keep: Path | None,
    *,
    process: bool = False,
) -> None:
    """Run a command on a folder with these inputs, and on each alone if something was wrong."""
    run = _fresh(scratch, inputs, command, process=process)
    counts.update({"commands": 1, "tried": len(inputs), "refused": run.refused})
    if not run.wrong:
        return
    alone = [(one, _fresh(scratch, [one], command, process=process)) for one in inputs]
    guilty: list[tuple[Input | None, Run]] = [(one, ended) for one, ended in alone if ended.wrong]
    guilty = guilty or [(None, run)]
    counts.update({"wrong": len(guilty)})
    for one, ended in guilty:
        print(f"WRONG: {command}, {f'{one.kind}: {one.what}' if one else 'several together'}:")
        print("\n".join(ended.wrong), flush=True)
        if keep is not None:
            case = Case.of(keep / f"{counts['tried']}-{command.replace(' ', '-')}", [one] if one else inputs)
            print(f"kept in {case.root}")


def _fresh(scratch: Path, inputs: Sequence[Input], command: str, *, process: bool) -> Run:
    shutil.rmtree(scratch, ignore_errors=True)
    return run_case(Case.of(scratch, inputs), command, process=process)


if __name__ == "__main__":
    sys.exit(main())
