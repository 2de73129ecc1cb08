"""The command line: what is refused, what is printed, which status it ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import CONF, environment, etbench

from etbench.cli.main import main
from etbench.results.files.store import read_result
from etbench.sweep.manifest import Manifest

pytestmark = pytest.mark.cold

FIRST_CPU = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model=resnet81"], ["did you mean 'resnet18'?"]),
        (
            ["repeat.runs=0", "modle=x"],
            ["repeat.runs=0: expected a whole number >= 1", "'modle' (did you mean 'model'?)"],
        ),
        (["repeat.runs=10001"], ["<= 10000"]),
        (["repeat.rnus=3"], ["did you mean 'repeat.runs'?"]),
        (["threads=many"], ["threads=many: expected a whole number or null"]),
        (["model=gpt2", "model.seq_len=0"], ["model.seq_len=0: expected a whole number >= 4"]),
        (["model=resnet18,gpt2"], ["add -m to sweep"]),
        (["-m", "model=resnet18,resnet19", "precision=fp32,int9"], ["model=resnet19", "precision=int9"]),
        (["-m", "repeat.runs=1,0"], ["repeat.runs=0"]),
        (["-m", "model=glob(x*)"], ["matches no model"]),
        (["+colour=blue"], ["colour: unknown key"]),
        (
            ["model=custom", "model._target_=a.b", "model.width=3"],
            ["'model.width'", "is given as +model.width=3"],
        ),
        (
            ["model=resnet18", "~model.sed"],
            ["~model.sed: unknown key 'model.sed' (did you mean 'model.seed'?)\n"],
        ),
        (
            ["-m", "model=distilbert,resnet18", "model.seq_len=16"],
            ["model.seq_len=16: model=resnet18 has no model.seq_len; sweep it separately"],
        ),
        (["model.weights=pretraned"], ["did you mean 'pretrained'?"]),
        (["calibration.images=/no/such"], ["calibration.images=/no/such: no such folder"]),
        (["calibration.text=/no/such"], ["calibration.text=/no/such: no such file"]),
        (
            ["measure.affinity=[4095]"],
            [f"measure.affinity=[4095]: this process may use only CPUs [{FIRST_CPU}"],
        ),
        (["resnet18"], ["did you mean 'model=resnet18'?"]),
        (
            ["hydra.run.dir=/dev/null/out"],
            ["hydra.run.dir=/dev/null/out: /dev/null is a file"],
        ),
        (["-m", "hydra.sweep.dir=/dev/null"], ["hydra.sweep.dir=/dev/null: it is a file"]),
        (["--config-dir", "/no/such"], ["--config-dir /no/such: no such folder"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_refused_with_every_fault_named(
    arguments: list[str],
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    for words in expected:
        assert words in printed
    assert not list(tmp_path.iterdir()), "a refused command must write nothing"


def test_a_refusal_is_a_few_lines_without_a_traceback(tmp_path: Path) -> None:
    done = etbench("model=resnet81", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 2, done.stderr


def test_an_impossible_pair_is_refused_in_a_run_and_skipped_in_a_sweep(tmp_path: Path) -> None:
    pair = ("--config-dir", str(CONF), "model=tiny", "delegate=picky", "precision=int8")
    alone = etbench(*pair, cwd=tmp_path)
    assert alone.returncode == 2
    assert "tiny in int8 on picky: this test says so" in alone.stderr
    swept = etbench("-m", *pair, "hydra.sweep.dir=out", cwd=tmp_path)
    assert swept.returncode == 0, swept.stderr
    result = read_result(tmp_path / "out" / "tiny_int8_picky.json")
    assert (result.status, result.reason, result.latency_ms) == ("skipped", "this test says so", None)


@pytest.mark.parametrize(
    "arguments", [["run", "--help"], ["model=resnet81"], ["repeat.runs=0"]], ids=" ".join
)
def test_help_and_refusals_never_import_torch(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "etbench", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "etbench.preflight.compose" in imported
    assert not imported & {"torch", "executorch", "torchvision", "transformers", "pandas", "altair"}


def test_the_configuration_of_a_sweep_that_is_resumed_can_be_shown(tmp_path: Path) -> None:
    started = ["-m", "--config-dir", str(CONF), "model=tiny,slow", "hydra.sweep.dir=out"]
    Manifest(argv=started, created_at="", cells=[]).write(tmp_path / "out")
    done = etbench("-m", "--cfg", "job", "sweep.resume=out", "build.timeout_s=7200", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)
    assert shown["model"]["name"] == "tiny"
    assert (shown["build"]["timeout_s"], shown["sweep"]["resume"]) == (7200, "out")


def test_help_lists_the_groups_and_how_to_go_on(tmp_path: Path) -> None:
    text = etbench("run", "--help", cwd=tmp_path).stdout
    assert "model: causal_lm, clip_text, custom, digits, digits_spread, distilbert" in text
    assert "etbench -m model=resnet18,mobilenet_v2 precision=fp32,int8" in text


@pytest.mark.build
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("precision=int8", {"precision=int8", "precision=int8_dynamic", "precision=int8_per_tensor"}),
        ("repeat.ru", {"repeat.runs="}),
    ],
)
def test_the_shell_completes_options_and_keys(typed: str, expected: set[str], tmp_path: Path) -> None:
    done = etbench("-sc", "query=bash", cwd=tmp_path, COMP_LINE=f"etbench {typed}")
    assert set(done.stdout.split()) == expected
    assert "hydra_bash_completion" in etbench("-sc", "install=bash", cwd=tmp_path).stdout
