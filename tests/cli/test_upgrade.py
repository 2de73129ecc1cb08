"""The command line of `etbench upgrade`: what it refuses before it measures, and how a signal ends it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from running import CONF, started_etbench, status_of
from waiting import alive, descendants, wait_for

from etbench.cli.common import BAD_USAGE
from etbench.stats.looks import blocks_needed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["to=current", "model=resnet18"], "from= is required: etbench upgrade from=executorch==1.4.1"),
        (["from=current", "to=current"], "from=current to=current: give two interpreters"),
        (
            ["from=current", f"to={sys.executable}", "--why"],
            "it profiles with this interpreter; use to=current",
        ),
        (["from=current", "to=nonesuch"], "nonesuch: no such environment"),
        (["from=current", "to=executorch==1.3.1"], "it needs torch 2.12"),
        (
            ["from=current", "--fail-above", "5%", "to=x", "env.run=y"],
            "env.run=y: from, to and --out decide this",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_first(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("upgrade", *arguments) == 2
    assert words in capsys.readouterr().err


def test_each_cell_has_the_rounds_that_decide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def call(command: list[str]) -> int:
        asked[:] = command
        return BAD_USAGE

    monkeypatch.setattr("etbench.system.interrupt.call", call)
    command = ("upgrade", f"from={sys.executable}", "to=current", "model=resnet18,mobilenet_v2")
    status_of(*command, "precision=fp32,int8")
    assert asked[-1] == f"repeat.min_rounds={blocks_needed(0.01 / 4, outliers=1)}"
    status_of(*command, "repeat.min_rounds=7")
    assert [text for text in asked if "min_rounds" in text] == ["repeat.min_rounds=7"]


def _manifest(folder: Path) -> Path:
    return folder / ".sweep" / "manifest.json"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child's life to its parent's")
@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=str)
def test_a_signal_ends_its_sweep_too(how: signal.Signals, status: int, tmp_path: Path) -> None:
    command = ["upgrade", f"from={sys.executable}", "to=current", "--config-dir", str(CONF), "model=tiny"]
    with started_etbench(*command, "-o", "out", cwd=tmp_path) as process:
        wait_for(lambda: _manifest(tmp_path / "out").exists() or process.poll() is not None)
        family = descendants(process)
        process.send_signal(how)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == status, printed
    wait_for(lambda: not any(map(alive, family)), timeout=60)
    if how == signal.SIGTERM:
        assert "python -m etbench -m sweep.resume=out" in printed
    assert not (tmp_path / "out" / "upgrade.md").exists(), "nothing is concluded from a part"
