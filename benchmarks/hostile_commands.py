"""Run commands on a folder with hostile files or with hostile arguments, and find what is wrong with it."""

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
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostile_files import ROOT, Input

sys.path.append(str(ROOT / "tests"))

from entries import artifact

from etbench.artifact import program_path, references_path
from etbench.builder.cache import Cache
from etbench.cli.main import main
from etbench.results.files.store import UnreadableError, read_result
from etbench.text import path_text

__all__ = [
    "CACHE",
    "COMMANDS",
    "DRAWING",
    "GOOD",
    "LONGEST_S",
    "RUNS",
    "TEXTS",
    "Case",
    "Run",
    "entry_sample",
    "missing_values",
    "outside",
    "run_case",
    "sorted_files",
]

LONGEST_S = 10.0
GOOD = ROOT / "outputs/sample_sweep/resnet18_fp32_xnnpack.json"
BASE = ROOT / "outputs/sample_versions/base/tower_fp32_xnnpack.json"
# {in}: the folder with the files, {out}: an empty one, {one}: the first hostile file, {base}: a good result.
COMMANDS = {
    "show": "show {in} --format json",
    "show table": "show {in}",
    "show csv": "show {in} --format csv",
    "show markdown": "show {in} --format markdown",
    "show columns": "show {in} --columns cell,p50,ci,p99,size,load,parity,state,findings --sort p50",
    "decide": "decide {in} --bound sqnr_db>=20 --bound pte_bytes<=20MB",
    "decide json": "decide {in} {base} --format json",
    "decide baseline": "decide {in} --baseline {base} --where latency_p50_ms>0 --format markdown",
    "compare": "compare {base} {in} --format json --allow-missing -o markdown={out}/a -o junit={out}/b",
    "compare files": "compare {in} {in} --across machines,versions,settings --fail-if pte_bytes>+2%",
    "compare github": "compare {base} {in} --format github --why",
    "diff": "diff {in} {base} --where model=resnet18 --format json",
    "history": "history {in} --format json",
    "history table": "history {in} {base}",
    "aggregate": "aggregate {in} -o {out}",
    "report": "report {in} -o {out}/report.html",
    "report markdown": "report {in} --format markdown",
    "export": "export {in} -o {out}/v3.json",
    "export results": "export {in} --format results --anonymous -o {out}/published",
    "import": "import {one} -o {out}",
    "trace": "trace {one} -o {out}/a",
    "graph": "graph {one} -o {out}/graph",
    "baseline": "baseline --dir {out}/cache set kept {in}",
}
# These draw in a process of their own, which takes longer.
DRAWING = {
    "charts": "charts {in} -o {out} --format svg",
    "history -o": "history {in} -o {out}",
}
# {cache}: a cache whose entries are described by the hostile files.
CACHE = {
    "cache list": "cache --dir {cache} list",
    "cache verify": "cache --dir {cache} verify",
    "cache prune": "cache --dir {cache} prune --max-gb 0",
    "cache clear": "cache --dir {cache} clear",
    "cache of another": "cache --dir {in} clear",
    "baseline list": "baseline --dir {cache} list",
    "baseline remove": "baseline --dir {cache} remove kept",
}
# Runs that are only planned. {run}: the folder of a run with a hostile log or manifest.
RUNS = {
    "run pte": "--dry-run model=pte model.path={one}",
    "run exported": "--dry-run model=exported model.path={one}",
    "run weights": "--dry-run model=resnet18 model.weights={one}",
    "run calibration": "--dry-run model=resnet18 precision=int8 calibration.npz={one}",
    "run accuracy": "--dry-run model=digits evaluate=top1 evaluate.data={one}",
    "run compare_to": "--dry-run model=resnet18 compare_to={one}",
    "run compare_to folder": "--dry-run model=resnet18 compare_to={in}",
    "run resume": "-m --dry-run sweep.resume={run}",
    "ui": "ui --no-browser --token auto --host 203.0.113.1 --results {one}",
    "upgrade": "upgrade from={one} to=current model=resnet18",
    "env": "env remove {one}",
}
# {text}: a hostile argument.
TEXTS = {
    "show sort": "show {in} --sort {text}",
    "show columns of": "show {in} --columns {text}",
    "show filter": "show {in} --filter {text}",
    "show where": "show {in} --where {text}",
    "show path": "show {text}",
    "decide bound": "decide {in} --bound {text}",
    "decide objective": "decide {in} --objective {text}",
    "decide where": "decide {in} --where {text}",
    "compare fail-if": "compare {in} {in} --fail-if {text}",
    "compare fail-above": "compare {in} {in} --fail-above {text}",
    "compare output": "compare {in} {in} -o {text}",
    "compare across": "compare {in} {in} --across {text}",
    "diff cell": "diff {in} --a {text}",
    "history across": "history {in} --across {text}",
    "history min-change": "history {in} --min-change {text}",
    "report title": "report {in} --title {text} -o {out}/report.html",
    "report top": "report {in} --top {text} -o {out}/report.html",
    "graph path": "graph {text} -o {out}/graph",
    "trace path": "trace {text} -o {out}/a",
    "import path": "import {text} -o {out}",
    "baseline name": "baseline --dir {out}/cache set {text} {in}",
    "baseline removed": "baseline --dir {out}/cache remove {text}",
    "cache folder": "cache --dir {in}/{text} list",
    "cache size": "cache --dir {out}/cache prune --max-gb {text}",
    "env removed": "env remove {text}",
    "completion of": "completion {text}",
    "ui port": "ui --no-browser --host 203.0.113.1 --token auto --port {text}",
    "ui token": "ui --no-browser --host 203.0.113.1 --token {text}",
    "ui url": "ui --no-browser --host 203.0.113.1 --token auto --public-url {text}",
    "doctor drift": "doctor --drift x{text}",
    "any command": "{text}",
    "run model": "--dry-run model={text}",
    "run option": "--dry-run model=resnet18 repeat.runs={text}",
    "run text": "--dry-run model=resnet18 model.weights={text}",
    "run baseline": "--dry-run model=resnet18 compare_to={text}",
    "run folder": "--dry-run model=resnet18 hydra.run.dir={text}",
    "run key": "--dry-run model=resnet18 {text}=1",
    "run config": "--dry-run model=resnet18 --config-dir {text}",
    "run bounds": "--dry-run model=resnet18 decision.bounds={{sqnr_db:{text}}}",
    "run resumed": "-m --dry-run sweep.resume={text}",
}
OUTPUTS = (
    *("a", "b", "v3.json", "report.html", "results.csv", "ranking.csv", "pivot.csv", "delegation.csv"),
    *("profile.csv", "results.parquet", "history.csv", "history.png", "precision_bars.svg", "pareto.svg"),
)
STATUSES = (0, 1, 2, 3, 4)
ONE = (
    "import",
    "trace",
    *(name for name, words in RUNS.items() if "{one}" in words and name != "env"),
)


ALL = {**COMMANDS, **DRAWING, **CACHE, **RUNS, **TEXTS}


@dataclass(frozen=True)
class Case:
    """A folder with a good result, hostile files beside it, and a file outside that must not change."""

    root: Path
    inputs: dict[Path, Input]
    text: str = ""

    @classmethod
    def of(cls, root: Path, inputs: Sequence[Input], *, text: str = "", cached: bool = False) -> Case:
        """Make the folder.

        Args:
            root: of the folders.
            inputs: the hostile files.
            text: a hostile argument.
            cached: whether the files describe entries of a cache, instead.

        """
        for name in ("in", "victim", "current"):
            (root / name).mkdir(parents=True)
        (root / "victim" / "file").write_text("not to be changed")
        shutil.copy(GOOD, root / "in" / "good.json")
        if cached:
            placed = dict(zip(_cache(root, len(inputs)), inputs, strict=True))
        else:
            placed = {root / "in" / one.name.format(number): one for number, one in enumerate(inputs)}
        for path, one in placed.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            one.put(path)
        return cls(root, placed, text)

    def words(self, command: str) -> list[str]:
        """Return a command line, with a folder for its output in which links have the names of its files."""
        shutil.rmtree(self.root / "out", ignore_errors=True)
        (self.root / "out").mkdir()
        for name in OUTPUTS:
            (self.root / "out" / name).symlink_to(self.root / "victim" / "file")
        runs = [
            path.relative_to(self.root / "in").parts[0]
            for path, one in self.inputs.items()
            if one.kind == "run"
        ]
        places = {
            "in": self.root / "in",
            "out": self.root / "out",
            "one": next(iter(self.inputs), self.root / "in" / "good.json"),
            "run": self.root / "in" / runs[0] if runs else self.root / "in",
            "base": BASE,
            "cache": self.root / "cache",
            "text": self.text,
        }
        return [word.format_map(places) for word in command.split()]


def entry_sample() -> bytes:
    """Return the description of an entry of a cache."""
    with tempfile.TemporaryDirectory() as name:
        (path,) = _cache(Path(name), 1)
        return next(path.parents[1].glob("0" * 64 + "*/entry.json")).read_bytes()


def _cache(root: Path, count: int) -> list[Path]:
    """Make a cache with a good entry, and return where the descriptions of others belong."""
    cache = Cache(root / "cache", 10**9)
    cache.writable()
    (job := root / "job").mkdir()
    program_path(job).write_bytes(b"program")
    references_path(job).write_bytes(b"references")
    cache.put("0" * 64, "good_fp32_xnnpack", artifact(b"program"), job, lambda _: None)
    (entry,) = cache.entries()
    placed = []
    for number in range(1, count + 1):
        folder = entry.folder.with_name(entry.folder.name.replace("0" * 64, f"{number:064x}"))
        shutil.copytree(entry.folder, folder)
        (folder / "entry.json").unlink()
        placed.append(folder / "entry.json")
    shutil.rmtree(job)
    return placed


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
    before = outside(case)
    words = case.words(ALL[name])
    began = _spent_s()
    with contextlib.chdir(case.root / "current"):
        (_in_process if process else _here)(words, run)
    if (took := _spent_s() - began) > LONGEST_S:
        run.wrong.append(f"took {took:.0f} s")
    if (after := outside(case)) != before:
        run.wrong.append(f"changed outside of its output: {sorted(set(before.items()) ^ set(after.items()))}")
    if run.status not in STATUSES:
        run.wrong.append(f"status {run.status}")
    if not run.wrong:
        _judge(case, run)
    return run


def _spent_s() -> float:
    """Return the CPU time of this process and its children: the machine may be busy with something else."""
    return sum(os.times()[:4])


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
        done = subprocess.run(command, capture_output=True, timeout=6 * LONGEST_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        run.wrong.append("hangs")
        return
    run.status = done.returncode
    run.printed, run.errors = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if "Traceback (most recent call last)" in run.errors:
        run.wrong.append(run.errors[-2_000:])


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Raise in the body if it hangs; the handlers of signals that a run sets go with it."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"not finished after {6 * LONGEST_S:.0f} s")

    old = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(int(6 * LONGEST_S))
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in old.items():
            signal.signal(number, handler)


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
    readable: dict[Path, dict[str, Any]] = {}
    expected: list[Path] = []
    if run.command in ONE:
        written = set(os.listdir(case.root / "out")) - set(OUTPUTS)  # noqa: PTH208
        done = run.status == 0 or (run.command == "import" and written)
        expected = [] if done else list(case.inputs)[:1]
        if run.command == "ui":  # a link to a folder is a folder of results: the address alone is refused
            expected = [path for path in expected if not path.is_dir()]
    elif run.command == "graph":  # a result without a graph is refused, too
        expected = [path for path in sorted_files(case)[1] if path == next(iter(case.inputs))]
    elif run.command in COMMANDS or run.command in DRAWING:
        readable, expected = sorted_files(case)
    else:
        run.refused += run.status != 0
    for path in expected:
        run.refused += 1
        if path_text(path) not in said:
            run.wrong.append(f"{path.name} ({case.inputs[path].what}) was left out without a word")
    if run.command == "show" and run.status == 0:
        _check_shown(json.loads(run.printed), readable, run)


def sorted_files(case: Case) -> tuple[dict[Path, dict[str, Any]], list[Path]]:
    """Return the content of files that are results, and the files that are not."""
    readable: dict[Path, dict[str, Any]] = {}
    refused = []
    for path in [case.root / "in" / "good.json", *case.inputs]:
        if path.is_dir() or path.parent.name != "in":
            continue  # searched, as any folder; or the log of a run, which is no result
        try:
            read_result(path)
        except UnreadableError:
            refused.append(path)
        else:
            readable[path] = json.loads(path.read_bytes())
    return readable, refused


def _check_shown(rows: list[dict[str, Any]], readable: dict[Path, dict[str, Any]], run: Run) -> None:
    """Compare figures of the table with the files."""
    shown = [(row["latency_mean_ms"], row["samples"]) for row in rows]
    run.wrong += missing_values(shown, readable, lambda raw, mean: (mean, raw["repeat"]))


def missing_values(
    shown: Sequence[tuple[Any, ...]],
    readable: Mapping[Path, dict[str, Any]],
    row_of: Callable[[dict[str, Any], float], tuple[Any, ...]],
) -> list[str]:
    """Return what is wrong with the rows of a table.

    Args:
        shown: the rows.
        readable: the content of the files.
        row_of: makes a row from a file and its mean latency.

    """
    if len(shown) != len(readable):
        return [f"{len(shown)} rows, but {len(readable)} results"]
    held = [
        row_of(raw, float(raw["latency_ms"]["avg"]))
        for raw in readable.values()
        if raw["latency_ms"]
        and ("p95_bound" in raw["latency_ms"] or not raw.get("rounds"))  # else from the rounds
    ]
    missing = [one for one in held if one not in shown]
    return [f"{one} is in a file, but not in the table: {shown}" for one in missing]


def outside(case: Case) -> dict[str, str]:
    """Return what is in the case's folders, without the output, the cache and the index of rows."""
    found = {}
    for parent, folders, files in os.walk(case.root):
        folders[:] = [name for name in folders if name not in ("out", "cache", ".etbench")]
        for name in [*files, *folders]:
            path = Path(parent) / name
            state = path.lstat()
            content = ""
            if stat.S_ISREG(state.st_mode) and state.st_size < 2**20 and state.st_mode & 0o400:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(case.root))] = f"{state.st_mode} {state.st_size} {content}"
    return found
