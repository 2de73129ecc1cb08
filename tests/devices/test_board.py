"""A cell that is measured over a real ssh on a machine without Python: programs for arm64, under qemu."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from arm64 import need_libraries
from arm_board import arm_shell
from running import CONF, TESTS, status_of
from sshd import Server, serving
from waiting import wait_for

import etbench as api
from etbench.artifact import program_path
from etbench.config.devices import SshDevice
from etbench.devices.board import BoardHost
from etbench.devices.board_preparation import BoardRunner, look_at, prepare_board, ssh_of
from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.results.schema import Result
from etbench.results.tables.frames import to_frame

pytestmark = pytest.mark.early


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("board")
    with serving(home, shell=arm_shell(home)) as found:
        yield found


@pytest.fixture
def device(board: Server) -> SshDevice:
    return SshDevice(host="127.0.0.1", options=tuple(board.options), folder=str(board.home / "store"))


@pytest.fixture
def shown(board: Server) -> Iterator[Path]:
    """A folder for programs that the board runs in place of its own, for one test."""
    programs = board.home / "bin"
    before = {path.name: path.read_bytes() for path in programs.iterdir()}
    yield programs
    for path in programs.iterdir():
        if path.name in before:
            path.write_bytes(before[path.name])
        else:
            path.unlink()


def _show(programs: Path, name: str, text: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\n{text}\n")
    (programs / name).chmod(0o755)


def _device(board: Server) -> list[str]:
    here = [word for word in board.overrides if not word.startswith("device.python")]
    return [*here, "runner=native", f"device.libraries={need_libraries()}"]


def _run(board: Server, folder: Path, *overrides: str, cut_after: int = 0) -> tuple[Result, list[str]]:
    """Run a cell on the board, and cut the connection after so many rounds; return what was said, too."""
    said: list[str] = []

    def hear(event: Event) -> None:
        said.append(event.message)
        if event.kind == "round" and event.done == cut_after:
            board.cut()

    words = ["model=tiny", "delegate=portable", *_device(board), "passes.load=1", *overrides]
    return api.run(api.compose(words, config_dir=CONF), out_dir=folder, on_event=hear).result, said


@pytest.mark.needs("arm64 compiler", "emulator")
def test_a_cell_is_measured_on_arm64_without_python(
    board: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    rounds = ["repeat.rounds=5", "repeat.spread_s=0"]
    result, said = _run(board, tmp_path / "first", *rounds, cut_after=3)
    assert result.status == "ok", result.failure
    assert result.parity is not None
    assert result.parity.sqnr_db > 80, "on the kernels of arm64"
    assert [facts.block for facts in result.round_facts] == [0, 1, 2, 3, 4]
    assert result.lost_connections == 1
    assert sum("sending" in line for line in said) == 2, "the runner with its libraries, then the program"
    facts = result.environment
    assert (facts.machine, facts.runner, facts.python) == ("aarch64", "native", "none")
    assert facts.emulator == facts.cpu == "qemu-aarch64, CPU cortex-a76"
    assert facts.cpu_flags == ["asimd", "asimddp", "asimdhp", "asimdrdm"], "not those of this host"
    assert "XnnpackBackend" in facts.runtimes
    assert facts.libraries["executorch"]
    assert result.memory is not None and result.load is not None and result.energy is not None
    assert "without Python" in result.energy.reason
    (finding,) = (one for one in result.findings or [] if one.code == "device.emulated")
    assert finding.severity == "warning"
    row = to_frame([result]).iloc[0]
    assert row["sqnr_db"] > 80
    assert row[["latency_p50_ms", "load_ms", "process_memory_bytes"]].isna().all(), "what was emulated"
    wait_for(lambda: not board.running("etbench-runner"))
    store = board.home / "store"
    (sent,) = store.glob(f"*/{program_path(Path()).name}")
    assert not list(store.glob("*/*.coming-*")) and not list(store.glob("*/outputs*"))

    sent.write_bytes(b"rotten")
    again, said = _run(board, tmp_path / "again", "repeat=quick", "measure.affinity=[0]", "profile=true")
    assert again.status == "ok", again.failure
    assert again.environment.threads == 1
    assert [one.load.cpus for one in again.round_facts if one.load] == [[0]] * len(again.rounds)
    assert again.profile is not None
    assert {one.name for one in again.profile.operators} >= {"convolution.out", "relu.out"}
    (line,) = (line for line in said if "sending" in line)
    assert "sending 0.0 MB" in line, "the program that has changed there, and nothing else"

    assert status_of("doctor", *_device(board)) == 0
    printed = capsys.readouterr().out
    assert "the machine is emulated (qemu-aarch64, CPU cortex-a76)" in printed
    assert "sending" not in printed


def test_without_its_libraries_nothing_is_built(
    board: Server, device: SshDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    here = [word for word in board.overrides if not word.startswith("device.python")]
    words = ["model=tiny", "delegate=portable", *here, "runner=native"]
    events: list[str] = []
    cell = api.compose(words, config_dir=CONF)
    result = api.run(cell, out_dir=tmp_path, on_event=lambda event: events.append(event.stage)).result
    assert result.failure is not None
    assert result.failure.message.endswith("for aarch64 are not on this host")
    assert result.failure.hint.startswith("run once: etbench env create --board aarch64")
    assert set(events) <= {"", "compile", "result"}


@pytest.mark.parametrize(
    ("program", "text", "message", "hint"),
    [
        ("uname", '[ "$1" = -m ] && echo armv7l || echo Linux', "its architecture is armv7l", "aarch64 and"),
        ("uname", "echo Darwin", "it is Darwin, not Linux", ""),
        ("ldd", 'echo "musl libc (aarch64)" >&2', "its C library is musl", "need glibc"),
        ("getconf", "echo 32", "its programs are of 32 bits", "a 64-bit system"),
        ("mkdir", "exit 1", "store cannot be created", "set device.folder="),
    ],
)
def test_a_board_on_which_no_runner_works_is_refused(
    program: str, text: str, message: str, hint: str, device: SshDevice, shown: Path
) -> None:
    if program == "mkdir":
        device = msgspec.structs.replace(device, folder=f"{device.folder}/of/no/store")
    _show(shown, program, text)
    with pytest.raises(EtbenchError, match=message) as caught:
        look_at(device)
    assert caught.value.stage == "connect"
    assert caught.value.message.startswith("device.host=127.0.0.1: ")
    assert hint in caught.value.hint


def _prepare(device: SshDevice, tmp_path: Path, compilers: list[str]) -> None:
    prepare_board(
        msgspec.structs.replace(device, libraries=str(need_libraries())),
        compilers,
        fetched=tmp_path,
        folder=tmp_path,
        scratch=tmp_path,
        log=tmp_path / "log",
        on_wait=lambda: None,
    )


def test_a_missing_compiler_is_named_with_its_package(device: SshDevice, tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match="none of aarch64-linux-gnu-no-such is installed") as caught:
        _prepare(device, tmp_path, ["no-such"])
    assert "apt-get install g++-aarch64-linux-gnu" in caught.value.hint


@pytest.mark.needs("arm64 compiler", "emulator")
def test_what_a_board_lacks_is_said_before_it_is_sent(
    board: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    _show(shown, "df", "echo Filesystem; echo tmpfs 65536 65000 536 100% /tmp")
    shutil.rmtree(board.home / "store", ignore_errors=True)
    full, _ = _run(board, tmp_path / "full", "repeat=quick")
    assert full.failure is not None
    assert " and 0.5 MiB are free in " in full.failure.message
    assert "device.folder=" in full.failure.hint
    assert not list((board.home / "store").glob("*/*"))
    (shown / "df").unlink()
    _show(shown, "getconf", 'case "$1" in GNU*) echo glibc 2.17;; *) echo 64;; esac')
    old, _ = _run(board, tmp_path / "old", "repeat=quick")
    assert old.failure is not None
    assert "its glibc is 2.17, and " in old.failure.message


def test_what_was_not_used_for_longest_makes_room(device: SshDevice, tmp_path: Path) -> None:
    store = tmp_path / "a store"
    for age, name in enumerate(["new", "c" * 32, "b" * 32, "a" * 32, "a folder of the user"]):
        (store / name).mkdir(parents=True)
        (store / name / "file").write_bytes(bytes(500_000))
        os.utime(store / name, (1e9 - age, 1e9 - age))
    (store / "new").rename(store / ("d" * 32))
    device = msgspec.structs.replace(device, folder=str(store), max_gb=0.0026)
    runner = BoardRunner(tmp_path / "runner", {}, "1.0")
    host = BoardHost(device, runner, scratch=tmp_path, log=tmp_path / "log", tell=lambda _: None)
    seen = look_at(device)
    assert 1 <= seen.cores <= (os.cpu_count() or 1)
    free = host._make_room(ssh_of(device), seen, 1_000_000, [str(store / ("a" * 32))])
    assert sorted(path.name[0] for path in store.iterdir()) == ["a", "a", "d"]
    assert (store / "a folder of the user").exists(), "etbench gives no such name"
    assert free == pytest.approx(shutil.disk_usage(store).free, rel=0.2)
