"""Thousands of hostile files, arguments and requests over all commands and pages: is anything wrong?

    python benchmarks/hostile.py --inputs 5000 --processes 200

A folder has a good result and some files of `hostile_files`. Each command of `hostile_commands` and each page
of `hostile_page` is tried on every few folders in this process; commands also run in processes of their own,
and real servers are sent what is not HTTP. Wrong is a traceback, a status that does not exist, more than 10 s
of CPU time or a minute in all, a file that changed outside of the output, a figure that no file has, and a
file that was left out without a word. Exits with status 1 if anything was wrong; `--keep` keeps the files.
"""

from __future__ import annotations

import argparse
import itertools
import logging
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
from typing import Any

from hostile_commands import CACHE, COMMANDS, DRAWING, RUNS, TEXTS, Case, Run, entry_sample, run_case
from hostile_files import LARGE, SPECIAL, Input, made, run_files, samples, texts
from hostile_page import PAGES, Pages, run_page, served
from hostile_server import run_server

from etbench.ui.choices import Choices

IN_TURN = [name for name in (*COMMANDS, *CACHE, *RUNS, *TEXTS, *PAGES) if name != "show"]
REQUESTS = 40  # to each server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=int, default=5_000)
    parser.add_argument(
        "--large", action=argparse.BooleanOptionalAction, default=True, help="large files too"
    )
    parser.add_argument("--per-folder", type=int, default=40, help="hostile files in each folder")
    parser.add_argument(
        "--each", type=int, default=8, help="commands and pages for each folder, beside `show`"
    )
    parser.add_argument("--processes", type=int, default=200, help="commands run in processes of their own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--keep", type=Path, help="folder for the files of what went wrong")
    parser.add_argument("--servers", type=int, default=5, help="real servers of the page")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("nicegui").setLevel(logging.ERROR)  # not of pages that do not exist
    began, counts = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        os.environ["ETBENCH_CACHE"] = f"{name}/cache"
        (pages := Path(name) / "pages").mkdir()
        with served(Choices(None), pages) as shown:
            _Tries(args, Path(name) / "case", counts, shown).all()
    print(f"in {time.monotonic() - began:.0f} s, with seed {args.seed}:")
    for word in ("inputs", "commands", "pages", "requests", "processes", "tried", "refused", "wrong"):
        print(f"{word:>10} {counts[word]:,}")
    return 1 if counts["wrong"] else 0


class _Tries:
    """What is tried, with what it counts.

    Args:
        args: the options of the command line.
        scratch: the folder of a case.
        counts: what was tried and found.
        pages: of the web interface.

    """

    def __init__(self, args: argparse.Namespace, scratch: Path, counts: Counter[str], pages: Pages) -> None:
        self.args, self.scratch, self.counts, self.pages = args, scratch, counts, pages
        self.chance = random.Random(args.seed)
        self.originals, self.entries = samples(), [entry_sample()]
        self.began = time.monotonic()

    def all(self) -> None:
        """Try large files first, then many inputs in this process, then processes and servers."""
        args, counts = self.args, self.counts
        for command in ("report", "page compare"):  # imports what takes long, which no input causes
            self.ended(command, [], "", process=False)
        large = [Input("special", name, SPECIAL[name]) for name in LARGE]
        for command, one in itertools.product((*COMMANDS, *PAGES) if args.large else (), large):
            self.one(command, [one])
        turns = itertools.cycle(IN_TURN[at : at + args.each] for at in range(0, len(IN_TURN), args.each))
        while counts["inputs"] < args.inputs and not self.spent():
            inputs = self.inputs(args.per_folder)
            self.one("show", inputs)
            for command in next(turns):
                self.one(command, self.inputs(args.per_folder, self.entries) if command in CACHE else inputs)
        every = [*COMMANDS, *DRAWING, *CACHE, *RUNS, *TEXTS]
        for number in range(args.processes):
            if self.spent():
                break
            command = every[number % len(every)]
            counts.update({"processes": 1})
            inputs = self.inputs(1 + number % 3, self.entries if command in CACHE else None)
            self.one(command, inputs, process=True)
        for _ in range(0 if self.spent() else args.servers):
            counts.update({"processes": 1, "requests": REQUESTS, "inputs": REQUESTS})
            run = run_server(self.fresh(self.inputs(args.per_folder)), self.chance, REQUESTS)
            counts.update({"tried": REQUESTS, "refused": run.refused, "wrong": len(run.wrong)})
            print("\n".join([f"WRONG: {line}" for line in run.wrong]), end="", flush=True)

    def spent(self) -> bool:
        """Return whether it has taken long enough."""
        return bool(time.monotonic() - self.began > self.args.max_seconds)

    def inputs(self, count: int, originals: list[bytes] | None = None) -> list[Input]:
        """Make hostile files, every tenth of a run; or changed originals, if they are given."""
        self.counts.update({"inputs": count})
        if originals is not None:
            return [made(self.chance, originals) for _ in range(count)]
        return [
            run_files(self.chance) if self.chance.random() < 0.1 else made(self.chance, self.originals)
            for _ in range(count)
        ]

    def one(self, command: str, inputs: Sequence[Input], *, process: bool = False) -> None:
        """Give these inputs to a command or page, and each alone if something was wrong."""
        text = ""
        if command in TEXTS:
            text = texts(self.chance)
            self.counts.update({"inputs": 1, "tried": 1})
        run = self.ended(command, inputs, text, process=process)
        what = "pages" if command in PAGES else "commands"
        self.counts.update({what: 1, "tried": len(inputs), "refused": run.refused})
        if command == PAGES[-1]:
            self.counts.update({"requests": 10, "inputs": 10, "tried": 10})
        if not run.wrong:
            return
        alone = [(one, self.ended(command, [one], text, process=process)) for one in inputs]
        guilty: list[tuple[Input | None, Run]] = [(one, ended) for one, ended in alone if ended.wrong]
        guilty = guilty or [(None, run)]
        self.counts.update({"wrong": len(guilty)})
        for number, (one, ended) in enumerate(guilty):
            what = f"{one.kind}: {one.what}" if one else "several together"
            print(f"WRONG: {command}, {text!r}, {what}:")
            print("\n".join(ended.wrong), flush=True)
            if self.args.keep is not None:
                kept = self.args.keep / f"{self.counts['tried']}-{number}-{command.replace(' ', '-')}"
                print(f"kept in {Case.of(kept, [one] if one else inputs, cached=command in CACHE).root}")

    def ended(self, command: str, inputs: Sequence[Input], text: str, *, process: bool) -> Run:
        """Run a command or open a page on a fresh folder."""
        case = self.fresh(inputs, text=text, cached=command in CACHE)
        return (
            run_page(self.pages, case, command)
            if command in PAGES
            else run_case(case, command, process=process)
        )

    def fresh(self, inputs: Sequence[Input], **more: Any) -> Case:
        """Replace the folder of a case."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        return Case.of(self.scratch, inputs, **more)


if __name__ == "__main__":
    sys.exit(main())
