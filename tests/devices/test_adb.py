"""A cell that is built here and measured through `adb`, of which the phone alone is not real."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from phones import SERIAL, FakePhone, make_phone
from running import CONF, TESTS, started_etbench
from safetensors.numpy import save
from waiting import wait_for

import etbench as api
from etbench.artifact import program_path, references_path
from etbench.errors import ConfigError, EtbenchError
from etbench.events import Event
from etbench.host.adb import Adb, find_device
from etbench.host.measuring_lock import measuring_lock
from etbench.host.phone_facts import phone_environment
from etbench.host.remote import RemoteRunner
from etbench.host.shell_facts import shell_now
from etbench.measure.pass_results import Memory
from etbench.measure.worker.remote import on_remote
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import EnergyTask, MemoryTask
from etbench.results.schema import Result

pytestmark = pytest.mark.early

SLOW = ["model=slow", "delegate=portable", "repeat.spread_s=0", "repeat.warmup=0", "repeat.max_seconds=60"]
SLOW += ["passes.load=1"]


@pytest.fixture
def phone(tmp_path: Path, runner: Path, monkeypatch: pytest.MonkeyPatch) -> FakePhone:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    return make_phone(tmp_path / "phone", runner)


def _run(
    phone: FakePhone, *overrides: str, on_event: Callable[[Event], None] = lambda event: None
) -> tuple[Result, list[str]]:
    """Run a cell on the phone; return its result and what was said meanwhile."""
    said: list[str] = []

    def hear(event: Event) -> None:
        said.append(event.message)
        on_event(event)

    words = ["model=tiny", "delegate=portable", "repeat=quick", *phone.overrides, *overrides]
    folder = phone.folder.parent / f"out-{len(list(phone.folder.parent.iterdir()))}"
    return api.run(api.compose(words, config_dir=CONF), out_dir=folder, on_event=hear).result, said


def test_a_cell_is_measured_there_and_what_it_says_of_the_machine_is_the_phones(phone: FakePhone) -> None:
    held: list[bool] = []

    def hear(event: Event) -> None:
        if event.kind == "round":
            held.append(_is_held(f"adb-{SERIAL}"))

    result, said = _run(phone, "repeat.rounds=5", "repeat.spread_s=0", on_event=hear)
    assert result.status == "ok", result.failure
    assert len(result.rounds) == 5
    assert held[0], "no other etbench measures on it meanwhile"
    assert result.parity is not None
    assert result.parity.sqnr_db > 80
    assert result.memory is not None
    assert result.memory.peak_bytes < 1 << 25  # of a process without Python
    facts = result.environment
    assert facts.host == f"Fairphone 5 {SERIAL}"
    assert facts.os == "Android 14 (Fairphone/FP5/FP5:14/UKQ1/123:user/release-keys)"
    assert (facts.system, facts.product) == ("Android 14", "Fairphone 5")
    assert (facts.machine, facts.cpu, facts.cpu_flags) == ("arm64-v8a", "QCM6490", ["asimd", "i8mm"])
    assert (facts.logical_cores, facts.available_cores, facts.threads) == (4, 3, 3)
    assert (facts.memory_bytes, facts.governor, facts.turbo) == (7654321 * 1024, "schedutil", None)
    assert (facts.runner, facts.python, list(facts.libraries)) == ("native", "none", ["etbench"])
    assert "XnnpackBackend" in facts.runtimes
    assert result.machine_after is not None
    assert result.machine_after.temperature_c == 41.5
    assert result.machine_after.busy_s == pytest.approx(3.8)
    assert result.energy is not None
    assert "not measured on a device" in result.energy.reason
    assert result.load is not None
    assert result.load.warm.start_to_first_ms is None, "the clocks of the two machines are not the same"
    assert any(f"MB to {SERIAL}" in line for line in said)
    assert not phone.running()


def _is_held(machine: str) -> bool:
    def held() -> None:
        raise BlockingIOError

    try:
        with measuring_lock(held, machine):
            return False
    except BlockingIOError:
        return True


def test_all_is_sent_once_and_again_only_when_it_has_changed(phone: FakePhone) -> None:
    first, _ = _run(phone)
    pushed = [call for call in phone.calls() if " push " in call]
    assert len(pushed) == 3, "the runner, the program, its inputs"
    second, said = _run(phone, "measure.affinity=[0]")
    assert second.status == "ok", second.failure
    assert second.artifact == first.artifact
    assert not any("sending" in line for line in said)
    assert [call for call in phone.calls() if " push " in call] == pushed
    assert second.environment.threads == 1
    assert [facts.load.cpus for facts in second.round_facts if facts.load] == [[0]] * len(second.rounds)
    (sent,) = phone.store.glob(f"*/{program_path(Path()).name}")
    sent.write_bytes(b"rotten")
    third, said = _run(phone)
    assert third.status == "ok", third.failure
    assert any("sending" in line for line in said)
    assert sorted(path.name for path in phone.store.glob("*/*")) == [
        *("etbench-runner", program_path(Path()).name, "reference.safetensors")
    ], "no part of a file and no outputs are left there"


def test_a_phone_on_usb_and_wifi_is_one_phone(phone: FakePhone) -> None:
    over_wifi = "192.168.1.7:5555"
    phone.attach({over_wifi: "device", SERIAL: "device"})
    with pytest.raises(EtbenchError, match="several Android devices are attached"):
        find_device(str(phone.adb), None)  # it does not tell its serial number
    with (phone.folder / "properties").open("a") as properties:
        properties.write(f"ro.serialno={SERIAL}\n")
    by_usb, by_wifi = find_device(str(phone.adb), None), find_device(str(phone.adb), over_wifi)
    assert (by_usb.serial, by_wifi.serial) == (SERIAL, over_wifi)
    assert by_usb.machine == by_wifi.machine == SERIAL
    assert phone_environment(by_wifi, threads=1, runtimes=[]).host == f"Fairphone 5 {SERIAL}"
    phone.attach({"emulator-5554": "device", "emulator-5556": "device"})
    with pytest.raises(EtbenchError, match="several Android devices are attached"):
        find_device(str(phone.adb), None)  # emulators all tell the same


def test_what_changes_on_its_way_is_noticed(phone: FakePhone) -> None:
    (phone.folder / "corrupts").touch()
    result, _ = _run(phone)
    assert result.failure is not None
    assert result.failure.stage == "connect"
    assert "etbench-runner" in result.failure.message
    assert "did not arrive intact" in result.failure.message
    assert result.rounds == []


@pytest.mark.parametrize(
    ("devices", "overrides", "message", "hint"),
    [
        ({}, [], "no Android device is attached", "USB debugging"),
        ({"a": "device", "b": "device"}, [], "a (device), b (device)", "device.serial=…"),
        ({"a": "device"}, ["device.serial=c"], "device.serial=c: it is not attached", "lists a (device)"),
        ({"a": "unauthorized"}, [], "device.serial=a: it is unauthorized", "allow this computer"),
        ({"a": "offline", "b": "device"}, ["device.serial=a"], "it is offline", "plug it in again"),
    ],
    ids=["none", "several", "another", "unauthorized", "offline"],
)
def test_a_phone_that_cannot_be_used_is_said_with_what_to_do(
    devices: dict[str, str], overrides: list[str], message: str, hint: str, phone: FakePhone
) -> None:
    phone.attach(devices)
    result, _ = _run(phone, *overrides)
    assert result.failure is not None
    assert result.failure.stage == "connect"
    assert message in result.failure.message
    assert hint in result.failure.hint


def test_a_lost_phone_repeats_the_round_and_the_result_says_so(phone: FakePhone) -> None:
    lost: list[str] = []

    def hear(event: Event) -> None:
        if event.message.startswith("connection"):
            lost.append(event.message)
            phone.attach({SERIAL: "device"})

    phone.lose_in_round(3)
    result, _ = _run(phone, *SLOW, "repeat.rounds=4", "repeat.runs=12", on_event=hear)
    assert lost == ["connection to the Android device lost; connecting again in 2 s"]
    assert result.status == "ok", result.failure
    assert result.lost_connections == 1
    assert [facts.block for facts in result.round_facts] == [0, 1, 2, 3]
    assert all(len(samples) == 3 for samples in result.rounds)


def test_a_phone_that_stays_away_fails_the_cell_with_the_rounds_it_had(phone: FakePhone) -> None:
    phone.lose_in_round(3)
    result, _ = _run(phone, *SLOW, "repeat.rounds=4", "repeat.runs=12", "device.retries=0")
    assert result.failure is not None
    assert (result.failure.stage, len(result.rounds)) == ("connect", 2)
    assert result.failure.message == f"device.serial={SERIAL}: the connection was lost"


def test_an_interrupted_run_leaves_nothing_there(phone: FakePhone) -> None:
    words = [*SLOW, *phone.overrides, "repeat.rounds=2", "repeat.runs=1000"]  # a round of minutes
    with started_etbench("--config-dir", str(CONF), *words, cwd=phone.folder) as process:
        wait_for(lambda: _times_a_round(phone))
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not phone.running())


def _times_a_round(phone: FakePhone) -> bool:
    return any(process.info["cmdline"][-1] == "time" for process in phone.running())


def test_a_delegate_that_the_runner_lacks_is_the_failure_of_that_cell(phone: FakePhone) -> None:
    result, _ = _run(phone, "delegate=vulkan")
    assert result.failure is not None
    assert result.failure.stage == "load_program"
    assert "needs a backend that this runtime does not have" in result.failure.hint


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["runner=python"], "runner=python: a phone has no Python; use runner=native with device=adb"),
        (["device.adb=no-adb"], "`no-adb` is not installed on this host; install Android's platform-tools"),
        (["device.runner=nowhere"], "device.runner=nowhere: no such file; docs/android.md"),
        (["evaluate._target_=accuracy_hooks.spread"], "your code is not sent to a device"),
    ],
    ids=["python", "no adb", "no runner", "hook"],
)
def test_faults_of_the_configuration_are_said_before_any_work(
    overrides: list[str], message: str, phone: FakePhone
) -> None:
    with pytest.raises(ConfigError) as caught:
        _run(phone, *overrides)
    assert message in str(caught.value)
    assert not (phone.folder / "calls").exists()


def test_the_runner_has_to_be_given() -> None:
    with pytest.raises(ConfigError, match=r"device\.runner is required"):
        api.compose(["device=adb", "runner=native"])


def test_no_compiler_is_wanted_here_for_the_runner_of_a_phone(
    phone: FakePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = (api.compose(["runner=native", *words]) for words in (phone.overrides, []))
    monkeypatch.setenv("PATH", "")
    assert there.impossible() is None
    assert "is installed" in (here.impossible() or "")


def _adb(tmp_path: Path, *, state: str, ends: str) -> Adb:
    """Make an `adb` whose device is in this state, and whose shell ends so."""
    program = tmp_path / "adb"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *get-state) echo {state};; *) cat > /dev/null; {ends};; esac\n'
    )
    program.chmod(0o755)
    return Adb(program=str(program), serial="a")


def _artifact(tmp_path: Path) -> str:
    """Return the folder of an artifact without inputs."""
    references_path(tmp_path).write_bytes(save({}))
    return str(tmp_path)


def _end_of(adb: Adb, task: Any, log: Path) -> EtbenchError:
    phone = RemoteRunner(shell=adb, runner="/there/runner", folder="/there")
    with pytest.raises(EtbenchError) as caught:
        on_remote(phone, task, Memory, Supervision("inspect", lambda _: None, lambda _: None, 20, str(log)))
    return caught.value


@pytest.mark.parametrize(
    ("state", "ends", "stage", "message"),
    [
        ("device", "exit 255", "connect", "the connection was lost"),
        ("device", "exit 0", "connect", "the connection was lost"),
        ("offline", "exit 1", "connect", "the connection was lost"),
        ("device", "printf '{\"message_ty'; exit 255", "connect", "the connection was lost"),
        ("device", "exit 1", "inspect", "exited with status 1"),
        ("device", "exit 126", "inspect", "exited with status 126"),
        ("device", "exit 139", "inspect", "was killed by SIGSEGV"),
    ],
    ids=["255", "0", "1 offline", "cut off", "1", "126", "139"],
)
def test_a_lost_phone_is_told_from_a_runner_that_died(
    state: str, ends: str, stage: str, message: str, tmp_path: Path
) -> None:
    task = MemoryTask(folder=_artifact(tmp_path), threads=1)
    error = _end_of(_adb(tmp_path, state=state, ends=ends), task, tmp_path / "log")
    assert error.stage == stage
    assert message in error.message
    assert ("is device.runner compiled for a?" in error.hint) == (
        ends[-3:] in ("t 1", "126") and stage == "inspect"
    )


def test_a_large_file_has_as_much_time_to_come_as_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, limits = subprocess.run, {}

    def spy(command: list[str], **how: Any) -> Any:
        limits[command[3]] = how["timeout"]
        return run(command, **how)

    monkeypatch.setattr(subprocess, "run", spy)
    (tmp_path / "large").write_bytes(bytes(25_000_000))
    adb = _adb(tmp_path, state="device", ends='[ "$3" = pull ] || stat -c %s "${0%/*}/large"')
    adb.push(tmp_path / "large", "/there/large")
    adb.pull("/there/large", str(tmp_path / "copy"))
    assert limits == {"push": 160.0, "shell": 60.0, "pull": 160.0}


def test_a_size_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=r"the size of /there/a on the device is 'what\?'"):
        _adb(tmp_path, state="device", ends="echo 'what?'").pull("/there/a", str(tmp_path / "a"))


def test_the_energy_of_this_host_is_not_taken_for_that_of_a_phone(tmp_path: Path) -> None:
    adb = _adb(tmp_path, state="device", ends="exit 0")
    error = _end_of(adb, EnergyTask(folder="here", threads=1, seconds=1.0), tmp_path / "log")
    assert error.stage == "energy"


def test_what_a_phone_does_not_tell_is_absent(phone: FakePhone) -> None:
    for name in ("proc", "sys"):
        (phone.folder / name).rename(phone.folder / f"no-{name}")
    (phone.folder / "properties").write_text("")
    (phone.folder / "bin/nproc").write_text("#!/bin/sh\nexit 127\n")
    adb = Adb(program=str(phone.adb), serial=SERIAL)
    facts, now = phone_environment(adb, threads=1, runtimes=[]), shell_now(adb)
    assert (facts.host, facts.machine, facts.cpu, facts.cpu_flags) == (SERIAL, "unknown", "unknown", [])
    assert (facts.governor, facts.memory_bytes, facts.load_average) == (None, 0, [])
    assert facts.system is None, "it is known by its serial then"
    assert (now.frequency_mhz, now.temperature_c, now.steal_s, now.cpu_s) == (None, None, None, 0.0)
