"""A cell that is built here and measured over a real ssh: sent once, cut off, and what goes wrong."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running import CONF, TESTS, environment, etbench
from sshd import Server
from waiting import wait_for

from etbench import compose, run
from etbench.artifact import program_files, program_path
from etbench.config import Repeat
from etbench.config.devices import SshDevice
from etbench.devices.ssh import SshHost, needed_by
from etbench.events import Event
from etbench.host.environment import own_vector_extensions
from etbench.host.measuring_lock import measuring_lock
from etbench.measure.protocol import MeasureRequest, Subject
from etbench.results.files.store import read_result
from etbench.results.schema import Result
from etbench.system.event_log import LoggedEvent, read_events

pytestmark = pytest.mark.early

CELL = ("--config-dir", str(CONF), "model=tiny", "delegate=portable")


def _run(server: Server, cwd: Path, *overrides: str, status: int = 0) -> tuple[Result, str]:
    """Run a cell on the server; return its result and what was printed."""
    done = etbench(*CELL, *server.overrides, *overrides, "hydra.run.dir=out", cwd=cwd)
    assert done.returncode == status, done.stdout + done.stderr
    return read_result(next((cwd / "out").glob("*.json"))), done.stdout + done.stderr


def test_what_that_machine_needs_depends_on_the_runtimes() -> None:
    common = {"msgspec", "numpy", "psutil", "safetensors"}
    onnx, openvino = "etbench.runtime.onnx_model.OnnxModel", "etbench.runtime.openvino_model.OpenvinoModel"
    assert set(needed_by([onnx, openvino])) == common | {"onnxruntime", "openvino"}
    assert set(needed_by([None])) == common | {"torch", "executorch"}
    assert {"torch", "torchao"} <= set(needed_by(["etbench.runtime.pytorch.PyTorchProgram"]))


@pytest.mark.long
def test_a_program_of_another_runtime_is_measured_there(server: Server, tmp_path: Path) -> None:
    command = ("--config-dir", str(CONF), "model=tiny", "delegate=onnxruntime", "repeat=quick")
    done = etbench(*command, *server.overrides, "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = read_result(tmp_path / "out" / "tiny_fp32_onnxruntime.json")
    assert (result.status, result.environment.runtime) == ("ok", "onnxruntime")
    assert result.parity is not None and result.parity.sqnr_db > 60


def test_a_cell_is_measured_there_and_sent_once(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first, printed = _run(server, tmp_path / "a", "repeat.rounds=5", "repeat.spread_s=0")
    assert first.status == "ok"
    assert len(first.rounds) == 5
    assert first.parity is not None and first.parity.sqnr_db > 60
    assert first.config["device"]["host"] == "127.0.0.1"
    assert first.environment.libraries.keys() >= {"etbench", "torch", "executorch"}
    assert first.memory is not None
    assert "sending" in printed
    (tmp_path / "b").mkdir()
    second, printed = _run(server, tmp_path / "b", "repeat=quick")
    assert second.status == "ok"
    assert second.artifact == first.artifact
    assert "sending" not in printed, "all of it is there"
    wait_for(lambda: not server.measuring())
    sent = list((server.home / "store").glob(f"*/{program_path(Path()).name}"))
    assert len(sent) == 1
    sent[0].write_bytes(b"rotten")
    (tmp_path / "c").mkdir()
    third, printed = _run(server, tmp_path / "c", "repeat=quick")
    assert third.status == "ok", "what has changed there is told by its digest, and sent again"
    assert "sending" in printed


@pytest.mark.needs("compiler")
def test_the_native_runner_of_this_host_runs_there_without_python(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    there = [word for word in server.overrides if not word.startswith("device.python=")]
    words = [*CELL[2:], *there, "runner=native", "repeat=quick"]
    result = run(compose(words, config_dir=CONF), out_dir=tmp_path).result
    assert result.status == "ok", result.failure
    assert result.parity is not None and result.parity.sqnr_db > 60
    facts = result.environment
    assert (facts.runner, facts.python, facts.machine) == ("native", "none", platform.machine())
    assert facts.emulator is None
    assert facts.cpu_flags == own_vector_extensions()
    assert "torch" not in facts.libraries
    wait_for(lambda: not server.running("etbench-runner"))


def _program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_what_the_shell_there_prints_of_its_own_does_no_harm(server: Server, tmp_path: Path) -> None:
    greets = _program(tmp_path / "python", f'echo "Welcome to a board"\nexec {server.python} "$@"')
    result, _ = _run(server, tmp_path, "repeat=quick", f"device.python={greets}")
    assert result.status == "ok", result.failure
    assert "Welcome to a board" in (tmp_path / "out" / "etbench.log").read_text()


def test_nothing_is_sent_while_somebody_measures_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.delenv("ETBENCH_LOCKS")  # which a session of sshd does not get
    said: list[str] = []
    with ExitStack() as turn:
        turn.enter_context(measuring_lock(lambda: None))  # that machine is this one

        def hear(event: Event) -> None:
            said.append(event.message)
            if "another etbench is measuring on 127.0.0.1" in event.message:
                turn.close()

        cell = compose([*CELL[2:], *server.overrides, "model.width=5", "repeat=quick"], config_dir=CONF)
        outcome = run(cell, out_dir=tmp_path / "out", on_event=hear)
    assert outcome.result.status == "ok", outcome.result.failure
    (waited,) = (i for i, text in enumerate(said) if "another etbench is measuring on 127.0.0.1" in text)
    (sent,) = (i for i, text in enumerate(said) if text.startswith("sending"))
    assert waited < sent


def test_who_gives_up_waiting_for_the_turn_there_is_not_held(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.delenv("ETBENCH_LOCKS")

    def hear(event: Event) -> None:
        if "another etbench is measuring on 127.0.0.1" in event.message:
            raise LookupError

    cell = compose([*CELL[2:], *server.overrides, "model.width=5", "repeat=quick"], config_dir=CONF)
    with measuring_lock(lambda: None), pytest.raises(LookupError):
        run(cell, out_dir=tmp_path / "out", on_event=hear)


def test_a_lost_connection_repeats_the_round_and_the_result_says_so(server: Server, tmp_path: Path) -> None:
    overrides = ("repeat.rounds=12", "repeat.runs=6000", "repeat.rounds_s=60", "hydra.run.dir=out")
    command = [sys.executable, "-m", "etbench", *CELL, "model.width=256", *server.overrides, *overrides]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE) as process:
        wait_for(lambda: len(_rounds(tmp_path)) >= 3)
        held = server.measuring()
        server.cut()
        printed = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 0, printed
    assert "connection to 127.0.0.1 lost" in printed
    result = read_result(next((tmp_path / "out").glob("*.json")))
    assert result.status == "ok"
    assert result.lost_connections == 1
    assert [facts.block for facts in result.round_facts] == list(range(len(result.rounds)))
    starts = [facts.started_s for facts in result.round_facts]
    assert starts == sorted(starts)
    assert held
    wait_for(lambda: not server.measuring())


def test_a_connection_lost_while_sending_is_made_again_and_all_of_it_arrives(
    server: Server, tmp_path: Path
) -> None:
    class Cut(SshHost):
        """The same with a connection that is lost in the middle of what it sends first."""

        cuts = 0

        def _ask(self, what: str, *arguments: str, feed: Callable[[Any], None] | None = None) -> str:
            def feed_and_cut(pipe: Any) -> None:
                assert feed is not None
                if not self.cuts:
                    self.cuts += 1
                    server.cut()
                feed(pipe)

            return super()._ask(what, *arguments, feed=feed and feed_and_cut)

    for path in program_files(tmp_path).values():
        path.write_bytes(os.urandom(1_000_000))
    device = compose([*CELL[2:], *server.overrides], config_dir=CONF).device
    assert isinstance(device, SshDevice)
    said: list[str] = []
    host = Cut(device, scratch=tmp_path, log=tmp_path / "log", tell=said.append)
    once = Repeat(runs=1, warmup=1, rounds=1, rounds_s=1.0, max_seconds=1.0)
    subject = Subject(folder=str(tmp_path), repeat=once, threads=1, logits_axis=None, log="")
    request = MeasureRequest(subjects=[subject], seed=0, block_max_s=1.0, timeout_s=1.0)
    there = Path(host.prepared(request).subjects[0].folder)
    assert host.cuts == 1
    assert [line.partition(";")[0] for line in said if "lost" in line] == ["connection to 127.0.0.1 lost"]
    for name, path in program_files(tmp_path).items():
        assert (there / name).read_bytes() == path.read_bytes()


def _rounds(cwd: Path) -> list[LoggedEvent]:
    log = cwd / "out" / "events.jsonl"
    return [event for event in read_events(log)[0] if event.kind == "round"] if log.exists() else []


def test_an_interrupted_run_leaves_nothing_there(server: Server, tmp_path: Path) -> None:
    overrides = ("repeat.rounds=500", "repeat.runs=5000", "repeat.rounds_s=60", "hydra.run.dir=out")
    command = [sys.executable, "-m", "etbench", *CELL, *server.overrides, *overrides]
    with subprocess.Popen(command, cwd=tmp_path, env=environment()) as process:
        wait_for(lambda: len(_rounds(tmp_path)) >= 3)
        assert server.measuring()
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not server.measuring())


@pytest.mark.parametrize(
    ("override", "expected", "hint"),
    [
        ("device.python=/no/such/python", "No such file or directory", "to an interpreter of that machine"),
        ("device.python={bare}", "safetensors, torch, executorch", "safetensors torch executorch"),
        ("device.options={strange}", "verification failed", "ssh 127"),
        ("device.platform=darwin", "its sys.platform is linux, not darwin", "device.platform=linux"),
        ("device.python={mute}", "its shell prints 'Welcome' after the answer or instead of it", "--version"),
    ],
)
def test_what_stands_in_the_way_is_said_before_anything_is_timed(
    override: str, expected: str, hint: str, server: Server, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    known = f"UserKnownHostsFile={server.home / 'known_hosts'}"
    strange = json.dumps(server.options).replace(known, "UserKnownHostsFile=/dev/null")
    mute = _program(tmp_path / "mute", "echo Welcome")
    values = {"bare": tmp_path / "bare" / "bin" / "python", "strange": strange, "mute": mute}
    result, _ = _run(server, tmp_path, override.format(**values), status=1)
    assert result.failure is not None
    assert result.failure.stage == "connect"
    assert expected in result.failure.message
    assert hint in result.failure.hint
    assert result.rounds == []


def test_faults_of_the_configuration_are_said_at_once(server: Server, tmp_path: Path) -> None:
    done = etbench(*CELL, "device=ssh", cwd=tmp_path)
    assert done.returncode == 2
    assert "device.host is required" in done.stderr
    done = etbench(*CELL, *server.overrides, "evaluate._target_=accuracy_hooks.accuracy", cwd=tmp_path)
    assert done.returncode == 2
    assert "your code is not sent to a device" in done.stderr
    done = etbench(*CELL, *server.overrides, "delegate=inductor", cwd=tmp_path)
    assert done.returncode == 2
    assert "compiled for the CPU of the host that builds it" in done.stderr
