"""The native runner is compiled once, and where it cannot be, that is said in words."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import psutil
import pytest
from waiting import alive, wait_for

import etbench as api
from etbench.config import Cell, parse
from etbench.errors import EtbenchError
from etbench.native import compile_runner, compiling
from etbench.preflight.compose import compose_options
from etbench.system.locks import locked

COMPILERS = ("g++", "clang++", "c++")


def _compiled(folder: Path, scratch: Path) -> Path:
    return compile_runner(folder, COMPILERS, scratch=scratch, log=scratch / "log", on_wait=lambda: None)


def test_what_was_compiled_is_taken_again(runner: Path, tmp_path: Path) -> None:
    before = runner.stat()
    assert _compiled(runner.parent, tmp_path) == runner
    assert runner.stat().st_mtime_ns == before.st_mtime_ns
    assert not list(tmp_path.iterdir())  # not even a log: no compiler ran


def test_a_runner_that_others_have_put_there_is_not_run(
    runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(runner.parent, tmp_path / "native")
    planted = folder / runner.name
    monkeypatch.setattr(compiling, "_compile", lambda _, into, __: into.write_bytes(b"compiled"))
    assert _compiled(folder, tmp_path).read_bytes() == runner.read_bytes()
    planted.chmod(0o775)
    assert _compiled(folder, tmp_path).read_bytes() == b"compiled"
    planted.write_bytes(b"planted")
    assert _compiled(folder, tmp_path).read_bytes() == b"compiled"
    assert _compiled(folder, tmp_path).stat().st_mode & 0o022 == 0
    for name in ("of another user", "file/of nobody"):
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))
        planted.write_bytes(b"planted")
        assert _compiled(folder, tmp_path).read_bytes() == b"compiled"
    assert _compiled(folder, tmp_path) == tmp_path / "runner", "it is not kept without a key for its seal"


def test_another_source_is_another_runner_and_what_the_compiler_says_is_shown(
    runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(runner.parent.glob("runner-*[!kl]"))  # other targets have theirs in the same folder
    sources = tmp_path / "native"
    shutil.copytree(compiling.SOURCES, sources)
    with (sources / "runner.cpp").open("a") as file:
        file.write("\n#error no luck today\n")
    monkeypatch.setattr(compiling, "SOURCES", sources)
    with pytest.raises(EtbenchError, match="could not compile the native runner") as caught:
        _compiled(runner.parent, tmp_path)
    assert caught.value.stage == "compile"
    assert "no luck today" in caught.value.message
    assert "no luck today" in (tmp_path / "log").read_text()
    assert set(runner.parent.glob("runner-*[!kl]")) == before  # nothing but its lock is left of the new one


def test_of_two_at_once_one_compiles_and_the_other_waits(runner: Path, tmp_path: Path) -> None:
    waits = Event()
    made = tmp_path / "native" / runner.name
    made.parent.mkdir()
    with ThreadPoolExecutor(1) as other:
        with locked(made.with_name(f"{made.name}.lock"), lambda: None):
            found = other.submit(
                compile_runner,
                made.parent,
                COMPILERS,
                scratch=tmp_path,
                log=tmp_path / "log",
                on_wait=waits.set,
            )
            assert waits.wait(300)
            for suffix in ("", ".seal"):
                shutil.copyfile(f"{runner}{suffix}", f"{made}{suffix}")
        assert found.result() == made
    assert not (tmp_path / "log").exists()


@pytest.mark.needs("compiler")  # until PATH is empty: compose refuses such a cell
def test_without_a_compiler_cells_are_skipped_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = api.compose(["runner=native"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EtbenchError, match=r"none of g\+\+, clang\+\+, c\+\+ is installed"):
        _compiled(tmp_path, tmp_path)
    result = api.run(cell, out_dir=tmp_path).result
    assert result.status == "skipped"
    assert result.reason == (
        "none of g++, clang++, c++ is installed: "
        "the native runner needs a C++ compiler, for example from apt-get install g++"
    )
    assert result.environment.runner == "native"


@pytest.mark.needs("compiler")
@pytest.mark.parametrize(
    ("delegate", "reason"),
    [
        ("eager", "PyTorch runs its own"),
        ("inductor", "PyTorch runs its own"),
        ("openvino", "OpenVINO's backend"),
    ],
)
def test_what_the_runner_cannot_run_is_known_before_any_work(delegate: str, reason: str) -> None:
    python = compose_options("delegate", [delegate])[delegate]
    assert isinstance(python, Cell)
    assert reason not in (python.impossible() or "")
    runner = api.compose(["runner=native"]).config["runner"]
    assert reason in (parse(python.config | {"runner": runner}).impossible() or "")


@pytest.mark.needs("compiler")
def test_elsewhere_than_on_linux_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = api.compose(["runner=native"])
    assert cell.impossible() is None
    monkeypatch.setattr("sys.platform", "win32")
    assert cell.impossible() == "the native runner is for linux only; this is win32"


@pytest.mark.needs("compiler")
def test_the_runner_is_part_of_what_is_measured() -> None:
    plain, python, native = (api.compose(words) for words in ([], ["runner=python"], ["runner=native"]))
    assert plain.cell_id == python.cell_id != native.cell_id
    assert plain.recipe == native.recipe  # the same program


def test_an_interrupted_compiler_leaves_nothing_at_work(tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exit\nsleep 3600 &\necho $! > {tmp_path}/new\n'
        f"mv {tmp_path}/new {tmp_path}/started\nwait\n"
    )
    compiler.chmod(0o755)

    def interrupt() -> None:
        wait_for((tmp_path / "started").exists)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            compile_runner(
                tmp_path, [str(compiler)], scratch=tmp_path, log=tmp_path / "log", on_wait=lambda: None
            )
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    pid = int((tmp_path / "started").read_text())
    with suppress(psutil.NoSuchProcess):
        sleeper = psutil.Process(pid)
        wait_for(lambda: not alive(sleeper), timeout=60)
