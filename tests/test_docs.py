"""README and CONTRIBUTING: their commands are valid, and their worked examples work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from running import TESTS, etbench

from etbench.preflight.command_line import check_command_line
from etbench.results.files.schema import Result
from etbench.results.files.store import read_result, read_results
from etbench.results.tables import metrics

ROOT = TESTS.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def _blocks(text: str) -> dict[str, str]:
    """Return the fenced blocks that have a title, by it."""
    return dict(re.findall(r"^```\w+ title=(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def _commands(text: str) -> list[str]:
    """Return each `python -m etbench` command of the fenced bash blocks, without its comment."""
    shell = "\n".join(re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    return re.findall(r"python -m etbench (?!-sc)(.*?)(?:\s+#.*)?$", shell.replace("\\\n", ""), re.MULTILINE)


def _write(blocks: dict[str, str], folder: Path) -> None:
    for name, text in blocks.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_two_commands_are_the_first_and_ci_runs_the_second() -> None:
    assert re.findall(r"^pip install.*$", README, re.MULTILINE)[:2] == [
        "pip install -e . && python -m etbench model=mobilenet_v2",
        'pip install -e ".[dev]" && pytest',
    ]
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    installs, tests = 'pip install --quiet -e ".[dev]"', "pytest --durations=25 -n 4 --dist loadfile"
    assert steps.index(installs) < next(at for at, line in enumerate(steps) if line.startswith(tests))


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_command_is_valid(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(_blocks(text), tmp_path)
    (tmp_path / "conf").mkdir(exist_ok=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    for folder in ("base", "nightly"):
        (tmp_path / "outputs" / folder).mkdir(parents=True)
    (tmp_path / "lines.txt").write_text("One.\n")
    (tmp_path / "resnet18.pt").touch()
    monkeypatch.chdir(tmp_path)
    commands = _commands(text)
    assert len(commands) >= 2
    for command in commands:
        arguments = shlex.split(command)
        own = [] if "--config-dir" in arguments else ["--config-dir", "conf"]
        check_command_line([*own, *arguments])


def test_the_folders_of_the_tree_are_there() -> None:
    for text in (README, CONTRIBUTING):
        tree = re.search(r"^```\n(conf.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert tree, "no tree"
        names = re.findall(r"^(\S+/|\S+\.py)(?=\s)", tree[1], re.MULTILINE)
        assert len(names) > 5
        for name in names:
            assert (ROOT / name.replace("<group>/", "")).exists(), name


def test_the_readme_example_of_a_model_of_ones_own_works(tmp_path: Path) -> None:
    _write(_blocks(README), tmp_path)
    command = next(command for command in _commands(README) if "--config-dir" in command)
    done = etbench(*shlex.split(command), "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    ((_, result),) = read_results([tmp_path / "out"])[0]
    assert result.status == "ok"
    assert result.parity is not None
    assert not result.parity.degenerate


def test_the_worked_examples_of_a_model_and_a_delegate_work(tmp_path: Path) -> None:
    _write(_blocks(CONTRIBUTING), tmp_path)
    command = ("--config-dir", "conf", "model=patches", "delegate=xnnpack_per_op", "hydra.run.dir=out")
    done = etbench(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = read_result(tmp_path / "out" / "patches_fp32_xnnpack_per_op.json")
    assert result.parity is not None
    assert result.artifact is not None
    assert result.parity.sqnr_db > 60
    assert result.artifact.delegation.subgraphs > 1, "each operator is a subgraph of its own in this mode"
    refused = etbench(*command, "precision=int8_dynamic", cwd=tmp_path)
    assert refused.returncode == 2
    assert "not tried yet" in refused.stderr


def test_the_worked_example_of_a_metric_is_a_column() -> None:
    blocks = _blocks(CONTRIBUTING)
    names = {"Result": Result, "Column": metrics.Column}
    exec(blocks["metric_reader"], names)
    column = eval(blocks["metric"], names)
    path = next((ROOT / "outputs" / "sample_sweep").glob("mobilenet_v2_int8_xnnpack.json"))
    assert 0 < column.read(read_result(path)) < 1
    assert column.dtype == "float64"
