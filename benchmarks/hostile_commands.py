"""Run results commands on a folder with hostile files, and find what is wrong with how they end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostile_files import ROOT, Input

from etbench.cli.main import main
from etbench.results.files.store import UnreadableError, read_result
from etbench.text import path_text

__all__ = ["COMMANDS", "DRAWING", "Case", "Run", "run_case"]

LONGEST_S = 10.0
GOOD = ROOT / "outputs/sample_sweep/resnet18_fp32_xnnpack.json"
BASE = ROOT / "outputs/sample_versions/base/tower_fp32_xnnpack.json"
# {in}: the folder with the files, {out}: an empty folder, {one}: the first hostile file.
COMMANDS = {
    "show": "show {in} --format json",
    "show table": "show {in}",
    "show csv": "show {in} --format csv",
    "show markdown": "show {in} --format markdown",
    "show columns": "show {in} --columns cell,p50,ci,p99,size,load,parity,state,findings --sort p50",
    "decide": "decide {in} --bound sqnr_db>=20 --bound pte_bytes<=20MB",
    "decide json": "decide {in} {base} --format json",
    "compare": "compare {base} {in} --format json --allow-missing -o markdown={out}/a -o junit={out}/b",
    "compare files": "compare {in} {in} --across machines,versions,settings --fail-if pte_bytes>+2%",
    "compare github": "compare {base} {in} --format github",
    "history": "history {in} --format json",
    "history table": "history {in} {base}",
    "aggregate": "aggregate {in} -o {out}",
    "report": "report {in} -o {out}/report.html",
    "report markdown": "report {in} --format markdown",
    "export": "export {in} -o {out}/v3.json",
    "import": "import {one} -o {out}",
    "baseline": "baseline --dir {out}/cache set kept {in}",
}
# vl-convert draws in this process: a control character ends it, so these need a process of their own.
DRAWING = {
    "charts": "charts {in} -o {out} --format svg",
    "history -o": "history {in} -o {out}",
}
OUTPUTS = (
    *("a", "b", "v3.json", "report.html", "results.csv", "ranking.csv", "pivot.csv", "delegation.csv"),
    *("profile.csv", "results.parquet", "history.csv", "history.png", "precision_bars.svg", "pareto.svg"),
)
STATUSES = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Case:
    """A folder with a good result, hostile files beside it, and a file outside that must not change."""

    root: Path
    inputs: dict[Path, Input]

    @classmethod
    def of(cls, root: Path, inputs: Sequence[Input]) -> Case:
        """Make the folder."""
        (root / "in").mkdir(parents=True)
        (root / "victim").mkdir()
        (root / "victim" / "file").write_text("not to be changed")
        shutil.copy(GOOD, root / "in" / "good.json")
        placed = {root / "in" / f"input{number}.json": one for number, one in enumerate(inputs)}
        for path, one in placed.items():
            one.put(path)
        return cls(root, placed)

    def words(self, command: str) -> list[str]:
        """Return a command line, with a folder for its output in which links have the names of its files."""
        shutil.rmtree(self.root / "out", ignore_errors=True)
        (self.root / "out").mkdir()
        for name in OUTPUTS:
            (self.root / "out" / name).symlink_to(self.root / "victim" / "file")
        places = {
            "in": self.root / "in",
            "out": self.root / "out",
            "one": next(iter(self.inputs), self.root / "in" / "good.json"),
            "base": BASE,
        }
        return [word.format_map(places) for word in command.split()]


@dataclass
class Run:
    """How a command ended: its status, what it printed, and what is wrong."""

    command: str
    status: int | None = None
    printed: str = ""
    errors: str = ""
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def run_case(case: Case, name: str, *, process: bool = False) -> Run:
    """Run a command and judge it."""
    run = Run(name)
    before = _outside(case)
    words = case.words({**COMMANDS, **DRAWING}[name])
    clock = time.monotonic if process else time.process_time  # the machine may be busy with something else
    began = clock()
    (_in_process if process else _here)(words, run)
    if (took := clock() - began) > LONGEST_S:
        run.wrong.append(f"took {took:.0f} s")
    if (after := _outside(case)) != before:
        run.wrong.append(f"changed outside of its output: {sorted(set(before.items()) ^ set(after.items()))}")
    if run.status not in STATUSES:
        run.wrong.append(f"status {run.status}")
    if not run.wrong:
        _judge(case, run)
    return run


def _here(words: Sequence[str], run: Run) -> None:
    """Run it in this process."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), _alarm(), _logging_to(errors):
        try:
            run.status = main(list(words))
        except SystemExit as exit:
            run.status = exit.code if isinstance(exit.code, int) else 1
        except Exception:  # whatever it is, it is what is looked for
            run.wrong.append(traceback.format_exc(limit=-6))
    run.printed, run.errors = out.getvalue(), errors.getvalue()


def _in_process(words: Sequence[str], run: Run) -> None:
    """Run it as a user does."""
    command = [sys.executable, "-m", "etbench", *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=12 * LONGEST_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        run.wrong.append("hangs")
        return
    run.status = done.returncode
    run.printed, run.errors = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if "Traceback (most recent call last)" in run.errors:
        run.wrong.append(run.errors[-2_000:])


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Raise in the body if it hangs."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"not finished after {12 * LONGEST_S:.0f} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.alarm(int(12 * LONGEST_S))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


@contextlib.contextmanager
def _logging_to(stream: io.StringIO) -> Iterator[None]:
    handler = logging.StreamHandler(stream)
    logging.getLogger("etbench").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("etbench").removeHandler(handler)


def _judge(case: Case, run: Run) -> None:
    """Find inputs that were left out in silence, and values that are not in their files."""
    said = run.printed + run.errors
    if run.command == "import":
        readable: dict[Path, dict[str, Any]] = {}
        written = set(os.listdir(case.root / "out")) - set(OUTPUTS)  # noqa: PTH208
        expected = [] if written else list(case.inputs)[:1]
    else:
        readable, expected = _sorted(case)
    for path in expected:
        run.refused += 1
        if path_text(path) not in said:
            run.wrong.append(f"{path.name} ({case.inputs[path].what}) was left out without a word")
    if run.command == "show" and run.status == 0:
        _check_shown(json.loads(run.printed), readable, run)


def _sorted(case: Case) -> tuple[dict[Path, dict[str, Any]], list[Path]]:
    """Return the content of files that are results, and the files that are not."""
    readable: dict[Path, dict[str, Any]] = {}
    refused = []
    for path in [case.root / "in" / "good.json", *case.inputs]:
        if path.is_dir():
            continue  # searched, as any folder
        try:
            read_result(path)
        except UnreadableError:
            refused.append(path)
        else:
            readable[path] = json.loads(path.read_bytes())
    return readable, refused


def _check_shown(rows: list[dict[str, Any]], readable: dict[Path, dict[str, Any]], run: Run) -> None:
    """Compare figures of the table with the files."""
    if len(rows) != len(readable):
        run.wrong.append(f"{len(rows)} rows, but {len(readable)} results")
    latencies = {path: raw["latency_ms"] for path, raw in readable.items()}
    held = sorted(
        repr((float(one["avg"]) if one else None, raw["repeat"]))
        for one, raw in zip(latencies.values(), readable.values(), strict=True)
        if not one or "p95_bound" in one or not raw.get("rounds")  # else computed anew, from the rounds
    )
    shown = sorted(repr((row["latency_mean_ms"], row["samples"])) for row in rows)
    for one in held:
        if "None" not in one and one not in shown:
            run.wrong.append(f"{one} is in a file, but not in the table: {shown}")


def _outside(case: Case) -> dict[str, str]:
    """Return what is in the case's folders, without the output and the index of rows."""
    found = {}
    for parent, folders, files in os.walk(case.root):
        folders[:] = [name for name in folders if name not in ("out", ".etbench")]
        for name in [*files, *folders]:
            path = Path(parent) / name
            state = path.lstat()
            content = ""
            if stat.S_ISREG(state.st_mode) and state.st_size < 2**20 and state.st_mode & 0o400:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(case.root))] = f"{state.st_mode} {state.st_size} {content}"
    return found
