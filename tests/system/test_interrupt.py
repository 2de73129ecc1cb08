"""A signal ends the process, whatever becomes of the exception that its handler raises."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from omegaconf import OmegaConf
from running import CONF, TESTS

from etbench.engine.cell_run import CellRun
from etbench.engine.run import run
from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.preflight.compose import compose
from etbench.sweep.callback import ResultsCallback
from etbench.sweep.manifest import Manifest
from etbench.system.interrupt import ending_by_signals, interrupted, raise_if_interrupted

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Restore the handlers; pytest itself may have been started with SIGINT ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    with ending_by_signals():
        pass  # forgets the signal
    for number, handler in before.items():
        signal.signal(number, handler)


def _lose(number: int) -> None:
    """Send a signal to this process where the exception of its handler is lost, as in an import."""
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        signal.raise_signal(number)


@SIGNALS
@pytest.mark.parametrize("end", [None, SystemExit(1), ImportError("made of it by a C extension")], ids=repr)
def test_the_status_is_that_of_the_signal_whatever_became_of_its_exception(
    end: BaseException | None, number: signal.Signals
) -> None:
    with pytest.raises(SystemExit) as ended, ending_by_signals():
        _lose(number)
        if end is not None:
            raise end
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) is signal.SIG_IGN, "one more would spoil the status"


def test_without_a_signal_the_body_ends_as_it_will() -> None:
    with pytest.raises(SystemExit) as ended, ending_by_signals():
        sys.exit(3)
    assert ended.value.code == 3
    assert not interrupted()
    raise_if_interrupted()


def test_sigint_stays_ignored_where_it_is() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ending_by_signals():
        signal.raise_signal(signal.SIGINT)
    assert not interrupted()


@SIGNALS
def test_an_interrupt_whose_exception_was_lost_ends_a_run_at_its_next_event(
    number: signal.Signals, tmp_path: Path
) -> None:
    heard: list[Event] = []

    def on_event(event: Event) -> None:
        heard.append(event)
        _lose(number)

    chosen = ("delegate=picky", "precision=int8")
    picky, int8 = (compose(["model=tiny", override], config_dir=CONF) for override in chosen)
    cell = msgspec.structs.replace(picky, precision=int8.precision)  # which is skipped at once
    with pytest.raises(SystemExit) as ended, ending_by_signals():
        run(cell, out_dir=tmp_path, on_event=on_event)
    assert ended.value.code == 128 + number
    assert len(heard) == 1
    assert not list(tmp_path.glob("*.json"))


def test_a_failure_that_an_interrupt_may_have_caused_is_not_the_result_of_a_cell(tmp_path: Path) -> None:
    task = CellRun(compose(["model=tiny"], config_dir=CONF), tmp_path, tmp_path, None)
    with pytest.raises(SystemExit), ending_by_signals():
        _lose(signal.SIGINT)
        task.fail(EtbenchError("its process was killed", stage="time"))
    assert task.outcome is None
    assert not list(tmp_path.glob("*.json"))


def test_a_sweep_that_is_interrupted_at_its_tables_says_how_to_have_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(ResultsCallback):
        def close_sweep(self, *_: object) -> None:
            signal.raise_signal(signal.SIGINT)

    Manifest.of([]).write(tmp_path)
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    with pytest.raises(SystemExit), ending_by_signals():
        Interrupted().on_multirun_end(config)
    assert f"sweep.resume={tmp_path}" in capsys.readouterr().err


SECOND = """
import time
from etbench.system.interrupt import ending_by_signals

with ending_by_signals():
    try:
        print("at work", flush=True)
        time.sleep(3600)
    finally:
        print("cleaning up", flush=True)
        time.sleep(3600)
"""


@SIGNALS
def test_a_second_signal_ends_at_once_what_cleans_up(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SECOND], cwd=TESTS.parent, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for words in ("at work", "cleaning up"):
                assert process.stdout.readline().strip() == words
                process.send_signal(number)
            assert process.wait(timeout=60) == 128 + number
        finally:
            process.kill()
