"""Every command ends a plain error with one line that names the value and what helps, and with its status."""

from __future__ import annotations

import json
import os
import pwd
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_results import MakeResult
from running import environment, status_of
from waiting import leftovers

from etbench.cli.commands import COMMANDS
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.terminal.pipe import CLOSED_PIPE

FLAT = {
    "model_name": "resnet18",
    "model_type": "cv",
    "precision": "FP32",
    "precision_short": "fp32",
    "delegate": "xnnpack",
    "repeat": 3,
    "warmup": 1,
    "latency_ms": dict.fromkeys(("avg", "min", "max", "p95", "p99"), 1.0) | {"std_dev": 0.1},
}
LONG = "a" * 300


REFUSED = [
    ("charts in -o file", "file: File exists; choose a name that is free"),
    ("aggregate in -o file", "file: File exists; choose a name that is free"),
    ("history in -o file", "file: File exists; choose a name that is free"),
    ("import file -o file", "file: File exists; choose a name that is free"),
    ("charts in -o file/x", "file/x: Not a directory; a part of this path is a file; name a folder"),
    ("report in -o folder", "folder: Is a directory; name a file"),
    ("report in -o file/x.html", "file: File exists; choose a name that is free"),
    ("report in --top 0", "0: expected a whole number, 1 or more"),
    ("export in -o folder", "folder: Is a directory; name a file"),
    ("export in -o no/x.json", "no/x.json: No such file or directory; create its folder first"),
    ("env create", "name a package, such as executorch==1.4.1, or --board"),
    ("env create executorch=1.4", "a package with its version, such as executorch==1.4.1"),
    ("upgrade model=resnet18", "from= is required"),
    ("diff no in", "no: no such file or folder"),
    ("diff in in", "2 cells fit: resnet18_fp32_xnnpack, resnet18_int8_xnnpack; choose one with --a"),
    ("trace no.json -o trace.json", "no.json: cannot be read: No such file or directory"),
    ("graph no.json", "no.json: cannot be read: No such file or directory"),
    ("compare in in --output junit=folder", "folder: cannot be written: Is a directory"),
    ("compare in in --output json=no/x", "no/x: cannot be written: No such file or directory"),
    *(
        (f"{command} {LONG}", f"{LONG}: File name too long; choose a shorter name")
        for command in ("show", "decide", "charts", "aggregate", "history", "report", "export")
    ),
    (f"compare in {LONG}", f"{LONG}: File name too long"),
    ("decide in --bound sqnr_db=20", "'sqnr_db=20': write it as in 'sqnr_db>=20'"),
    ("decide in --where precisio=int8", "did you mean 'precision'?"),
    ("baseline set tonight in --dir file", "file: it is a file; name the cache folder with --dir"),
    ("baseline set tonight no", "no: no such file or folder"),
    *(
        (f"cache --dir file {what}", "file: it is a file; name the cache folder with --dir")
        for what in ("list", "prune", "verify", "clear")
    ),
    ("cache --dir ~no.such.user/x list", "~no.such.user/x: there is no such user; name another folder"),
    ("cache prune --max-gb nan", "nan: expected a number of GB, 0 or more"),
    ("cache prune --max-gb 1e300", "1e300: expected a number of GB, 0 or more, at most 1,000,000"),
    ("doctor --drift nan", "'nan' is not a number of minutes above 0"),
    ("completion tcsh", "invalid choice: 'tcsh'"),
    ("model=resnet18 hydra.run.dir=file/x", "file is a file"),
    *(
        (f"{key}={value}", f"{key}={float(value)}: expected a number")
        for key in ("cache.max_gb", "build.max_gb")
        for value in ("inf", "nan", "1e300")
    ),
    ("""'decision.bounds={sqnr_db: ">=nan"}'""", "'>=nan' is not valid"),
    (f"compare_to={LONG}", f"{LONG}: File name too long"),
    ("""cache.dir='"~no.such.user/x"' compare_to=baseline:x""", "~no.such.user/x: there is no such user"),
    ("--cfg job --info", "--cfg --info: use only one of them"),
    ("--resolve", "--resolve: is for --cfg"),
    ("ui --port 99999", "99999: expected a port, from 0 to 65,535"),
]


@pytest.fixture
def place(tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: `in` with results, `folder`, and `file`, which is a result of an older script."""
    for precision in ("fp32", "int8"):
        write_result(make_result(precision=precision), tmp_path / "in", precision)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text(json.dumps(FLAT))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "500")  # argparse wraps its usage
    return tmp_path


def test_every_command_is_among_the_refused() -> None:
    first = {command.split()[0] for command, _ in REFUSED}
    assert {name if name in COMMANDS else "run" for name in first} == set(COMMANDS)


@pytest.mark.parametrize(("command", "expected"), REFUSED, ids=lambda value: value[:60])
@pytest.mark.usefixtures("_signals")
def test_a_value_that_cannot_work_is_named_in_one_line(
    command: str, expected: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*shlex.split(command)) == 2
    printed = capsys.readouterr().err
    assert expected in printed
    assert "Traceback" not in printed
    assert len([line for line in printed.splitlines() if not line.startswith("usage: ")]) <= 2
    assert not leftovers(place)


@contextmanager
def _no_room() -> Iterator[None]:
    """Let no file grow, as on a full disk, for root too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("charts in -o out", "out"),
        ("aggregate in", "in"),
        ("history in -o out", "out"),
        ("report in -o out/x.html", "out/x.html"),
        ("export in -o x.json", "x.json"),
        ("compare in in --output junit=x.xml", "x.xml"),
        ("import file -o out", "out"),
    ],
)
def test_a_disk_without_room_is_named_with_what_could_not_be_written(
    command: str, written: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _no_room():
        status = status_of(*shlex.split(command))
    printed = capsys.readouterr().err
    assert status == 2, printed
    assert printed.startswith(f"{written}: ") and "File too large" in printed
    assert len(printed.splitlines()) == 1
    assert not leftovers(place)


def _etbench(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "etbench", *arguments]
    return subprocess.run(command, **({"stderr": subprocess.PIPE, "text": True} | more))  # type: ignore[call-overload]


def test_an_output_that_is_full_is_named_and_one_that_is_closed_ends_quietly(place: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = _etbench("show", "in", stdout=full)
    assert (done.returncode, done.stderr) == (
        2,
        "standard output: No space left on device; free some space, or write to another disk\n",
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = _etbench("--version", stdout=writer)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE, "")
    done = _etbench("--version", stdout=None, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")
    with Path("/dev/full").open("w") as full:
        done = _etbench("no-such-command", stderr=full, stdout=writer)
    assert done.returncode == 2, "nobody hears why"
    os.close(writer)


def test_an_ascii_console_gets_escapes(place: Path) -> None:
    env = environment(PYTHONIOENCODING="ascii", LC_ALL="C")
    done = _etbench("show", "in", stdout=subprocess.PIPE, env=env)
    assert done.returncode == 0, done.stderr
    assert "\\xb1 %" in done.stdout
    assert done.stdout.isascii()


AS_ANOTHER_USER = """
import json, os, sys
from pathlib import Path
from etbench.cli.main import main
from etbench.ui.external_runs import ExternalRuns
from etbench.ui.library import Library

def answers():
    for command in json.loads(sys.argv[1]):
        sys.stderr = open("mine/stderr", "w+")
        status = main(command.split())
        sys.stderr.seek(0)
        yield command, (status, sys.stderr.read())

os.chdir("permitted")  # imports all modules, which the other user may not be able to read
dict(answers())
os.chdir("../denied")
if not os.getuid():
    number = int(sys.argv[2])
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)
found = dict(answers())
library, runs = Library([Path("kept"), Path("secret")]), ExternalRuns([Path("kept")])
library.look()
runs.look()
faults = [watch.fault for watch in runs.watches.values()]
found["page"] = sorted(library.entries), library.unreadable, faults
Path("mine/answers").write_text(json.dumps(found))
"""
PERMISSION = "choose another place, or change its permissions\n"
REMEDY = f"Permission denied; {PERMISSION}"


def _fill(folder: Path, result: Result) -> None:
    """Fill a folder with one of one's own, one of results, and one that is secret."""
    for name in ("mine", "kept", "secret"):
        (folder / name).mkdir(parents=True)
    write_result(result, folder / "kept", "readable")
    for name in ("locked.json", "events.jsonl", "console.log"):
        (folder / "kept" / name).touch()
    (folder / "mine" / "file").write_text(json.dumps(FLAT))


def test_an_ordinary_user_is_told_what_is_not_permitted(make_result: MakeResult) -> None:
    """As `nobody` for root, whom nothing stops; in a folder of its own, since pytest's are for one user."""
    expected = {
        "show secret": f"secret: this folder cannot be read; {PERMISSION}",
        "aggregate kept": f"kept/delegation.csv: {REMEDY}",
        "export kept -o kept/x.json": f"kept/x.json: {REMEDY}",
        "compare kept kept --output json=kept/x": "kept/x: cannot be written: Permission denied\n",
        "import mine/file -o kept/new": f"kept/new: {REMEDY}",
        "cache list --dir secret": "secret: it cannot be read; name the cache folder with --dir",
    }
    root = Path(tempfile.mkdtemp())
    try:
        for name in ("permitted", "denied"):
            _fill(root / name, make_result())
        (root / "permitted" / "secret").chmod(0o500)
        for name, mode in (("mine", 0o777), ("kept", 0o555), ("secret", 0o000), ("", 0o755), ("..", 0o755)):
            (root / "denied" / name).chmod(mode)
        for name in ("locked.json", "events.jsonl", "console.log"):
            (root / "denied" / "kept" / name).chmod(0o000)
        env = environment(HOME=str(root / "denied" / "mine"), ETBENCH_CACHE=str(root / "denied" / "mine"))
        commands = json.dumps(["show kept", "history kept", *expected])
        script = [sys.executable, "-c", AS_ANOTHER_USER, commands, str(pwd.getpwnam("nobody").pw_uid)]
        done = subprocess.run(script, cwd=root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        answers = json.loads((root / "denied" / "mine" / "answers").read_text())
    finally:
        for name in ("kept", "secret"):
            (root / "denied" / name).chmod(0o755)
        shutil.rmtree(root)
    entries, unreadable, faults = answers.pop("page")
    assert entries == ["kept/readable.json"] and faults == [""]
    assert "Permission denied" in unreadable["kept/locked.json"]
    for command in ("show kept", "history kept"):
        status, printed = answers.pop(command)
        assert status == 0, printed
        assert "locked.json: cannot be read: Permission denied" in printed or command.startswith("history")
    for command, (status, printed) in answers.items():
        assert status == 2, command
        assert expected[command] in printed, command
        assert "Traceback" not in printed


def test_a_current_folder_that_was_removed_is_named(tmp_path: Path) -> None:
    gone = f'd={tmp_path}/gone; mkdir "$d" && cd "$d" && rmdir "$d" && '
    done = subprocess.run(
        ["/bin/sh", "-c", f"{gone}exec {sys.executable} -m etbench --dry-run model=digits"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the current folder no longer exists; change to another one\n"
