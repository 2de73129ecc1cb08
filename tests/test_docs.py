"""README, CONTRIBUTING and the pages under docs: commands are valid, examples work, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import yaml
from other_python import other_python
from running import BRIEF, TESTS, environment, etbench

from etbench.cli.commands import COMMANDS
from etbench.environments.names import COMPLETE
from etbench.preflight.command_line import check_command_line
from etbench.results.checks import CHECKS
from etbench.results.files.store import read_result, read_results
from etbench.results.schema import Result
from etbench.results.tables import metrics

ROOT = TESTS.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guides" / "your_own_model.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
# What the commands name: a user has these, the checkout does not.
FILES = (
    *(
        "lines.txt",
        "resnet18.pt",
        "net.pt",
        "net.pt2",
        "net.pte",
        "net.onnx",
        "net.tflite",
        "net.xml",
        "net.npz",
        "litert/bin/python",
        "labelled.npz",
        "photos/one.jpg",
        "classes/0/one.jpg",
    ),
    *("build/etbench-runner", "bin/adb", "outputs/base/a.json", "outputs/nightly/a.json"),
)


def _blocks(text: str) -> dict[str, str]:
    """Return the fenced blocks that have a title, by it."""
    return dict(re.findall(r'^```\w+ title="?([^\s"]+)"?\n(.*?)^```$', text, re.MULTILINE | re.DOTALL))


def _fenced(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, with or without a title."""
    return re.findall(rf"^```{language}(?: title=\S+)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _shell(text: str) -> str:
    """Return the fenced bash blocks, each command on one line."""
    return re.sub(r"\\\n\s*", " ", "\n".join(_fenced(text, "bash")))


def _commands(text: str) -> list[str]:
    """Return each `python -m etbench` command of the fenced bash blocks, without its comment."""
    return re.findall(r"python -m etbench (?!-sc)(.*?)(?:\s+#.*)?$", _shell(text), re.MULTILINE)


def _subcommands(text: str) -> list[str]:
    """Return each `etbench <subcommand>` of the fenced bash blocks, without its comment."""
    return re.findall(r"(?:^|&& )etbench (.*?)(?:\s+#.*)?$", _shell(text), re.MULTILINE)


def _prose(text: str) -> str:
    """Return a page without its fenced blocks and code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def _anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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
    installs = 'install "$work/venv/bin/python" -e ".[dev]"'
    tests = "pytest --durations=25 -n 4 --dist loadfile"
    assert steps.index(installs) < next(at for at, line in enumerate(steps) if line.startswith(tests))


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 180


FIRST_ON = {command: name for name, text in reversed(PAGES.items()) for command in _commands(text)}


@pytest.mark.parametrize("name", [name for name in PAGES if name in FIRST_ON.values()])
def test_every_command_is_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("README.md", name):  # whose models the guides use as well, unless they define their own
        _write(_blocks(PAGES[page]), tmp_path)
    (tmp_path / "conf").mkdir(exist_ok=True)
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch(0o755)
        if file.endswith((".pt", ".pt2")):
            (tmp_path / file).write_bytes(b"PK")  # how a file of torch.save or torch.export.save begins
    (tmp_path / "cache" / "baselines" / "main").mkdir(parents=True)
    older = other_python(tmp_path / "cache" / "environments" / "executorch-1.4.1")
    (older / COMPLETE).touch()
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    for command in (command for command, page in FIRST_ON.items() if page == name):
        arguments = shlex.split(command)
        own = [] if "--config-dir" in arguments else ["--config-dir", "conf"]
        check_command_line([*own, *arguments])


@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if _subcommands(text)])
def test_every_subcommand_is_valid_and_its_samples_are_there(name: str) -> None:
    for command in _subcommands(PAGES[name]):
        subcommand, *arguments = shlex.split(command)
        COMMANDS[subcommand].parser().parse_args(arguments)
        for argument in arguments:
            if argument.startswith("outputs/sample_"):
                assert (ROOT / argument).exists(), command


def test_the_pages_have_commands_to_check() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/getting_started.md"} <= PAGES.keys()
    guides = {name for name in PAGES if name.startswith("docs/guides/")}
    assert len(guides) >= 6
    for name in {"README.md", "CONTRIBUTING.md", *guides}:
        assert len(_commands(PAGES[name])) >= 2, name


@pytest.mark.parametrize("name", PAGES)
def test_yaml_and_python_of_a_page_can_be_read(name: str) -> None:
    for block in _fenced(PAGES[name], "yaml"):
        assert yaml.safe_load(block) is not None
    titled = [Path(title).stem for title in _blocks(PAGES[name])]
    for block in _fenced(PAGES[name], "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module not in titled:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module}.{alias.name}"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_and_picture_of_a_page_is_there(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(PAGES[name])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", [name for name in PAGES if _fenced(PAGES[name], "console")])
def test_findings_in_the_output_of_a_page_are_those_of_a_run(name: str) -> None:
    cures = {(check.severity, check.code): check.cure for check in CHECKS}
    for block in _fenced(PAGES[name], "console"):
        for severity, code, hint in re.findall(
            r"^(note|warning|error) (\w+\.\w+) .*: .*(?:\n  hint: (.*))?", block, re.MULTILINE
        ):
            assert hint in ("", cures[severity, code])
        if re.search(r"^\w+ \(\w{12}\) random weights; ", block, re.MULTILINE):
            assert "note weights.random" in block


def test_the_readme_leads_to_every_guide() -> None:
    links = re.findall(r"\]\(([^)\s#]+)", _prose(README))
    assert {name for name in PAGES if name.startswith("docs/guides/")} <= set(links)


def test_the_folders_of_the_tree_are_there() -> None:
    tree = re.search(r"^```\n(conf.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert tree, "no tree"
    names = re.findall(r"^(\S+/|\S+\.py)(?=\s)", tree[1], re.MULTILINE)
    assert len(names) > 5
    for name in names:
        assert (ROOT / name.replace("<group>/", "")).exists(), name


def test_the_packages_in_the_tree_are_those_on_the_disk() -> None:
    found = {path.parent.relative_to(ROOT / "etbench") for path in (ROOT / "etbench").rglob("__init__.py")}
    packages = found - {Path()}
    tree = re.search(
        r"^etbench/\n(.*?)^hydra_plugins/", CONTRIBUTING.replace("I/O", ""), re.MULTILINE | re.DOTALL
    )
    assert tree, "no tree"
    entries = [
        set(re.findall(r"(\w+)/", entry)) for entry in re.split(r"^  (?=\w)", tree[1], flags=re.MULTILINE)
    ]
    assert set().union(*entries) - {"conf"} == {package.name for package in packages}
    for package in packages:
        assert any({package.parts[0], package.name} <= entry for entry in entries), package


def test_the_readme_example_of_a_model_of_ones_own_works_and_prints_what_it_shows(tmp_path: Path) -> None:
    _write(_blocks(README), tmp_path)
    files = re.sub(r"small_classifier(\(.*?\))?", _small_cnn, _blocks(GUIDE)["example_files.py"])
    made = [sys.executable, "-c", files]
    subprocess.run(made, cwd=tmp_path, env=environment(), check=True, timeout=120)
    command = next(command for command in _commands(README) if "--config-dir" in command)
    done = etbench(*shlex.split(command), "hydra.sweep.dir=out", cwd=tmp_path, COLUMNS="112")
    assert done.returncode == 0, done.stdout + done.stderr
    results = [result for _, result in read_results([tmp_path / "out"])[0]]
    assert [(result.precision_short, result.status) for result in results] == [("fp32", "ok"), ("int8", "ok")]
    for result in results:
        assert result.parity is not None
        assert not result.parity.degenerate
        assert result.weights == "net.pt"
    shown = next(text for text in _fenced(README, "console") if "small_cnn" in text)
    printed, expected = (
        {line.split()[0] for line in text.splitlines() if line.strip("─ ")} for text in (done.stdout, shown)
    )
    assert expected <= printed


def _small_cnn(found: re.Match[str]) -> str:
    return "small_cnn(image_size=224)" if found[1] else "small_cnn"


def test_the_guide_to_a_model_of_ones_own_works(tmp_path: Path) -> None:
    _write(_blocks(GUIDE), tmp_path)
    files = [sys.executable, "example_files.py"]
    made = subprocess.run(files, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    command = next(command for command in _commands(GUIDE) if "evaluate._target_" in command)
    done = etbench(*shlex.split(command), *BRIEF, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = [result for _, result in read_results([tmp_path / "outputs" / "mine"])[0]]
    assert {result.precision_short for result in results} == {"fp32", "int8"}
    for result in results:
        assert result.status == "ok"
        assert result.weights == "net.pt"
        assert result.evaluation
        assert 0 <= result.evaluation["accuracy"] <= 1
        assert result.parity is not None
        assert not result.parity.degenerate
    assert (tmp_path / "outputs" / "mine" / "precision_comparison.csv").is_file()

    command = next(command for command in _commands(GUIDE) if "evaluate.data=classes" in command)
    done = etbench(*shlex.split(command), *BRIEF, "hydra.sweep.dir=outputs/top1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for _, result in read_results([tmp_path / "outputs" / "top1"])[0]:
        assert result.evaluation_items["top1"].count == 20
        assert "evaluate.data=classes" in result.command
        assert not {"accuracy.calibration_items", "weights.undeclared"} & {
            finding.code for finding in result.findings or []
        }


def test_the_worked_example_of_a_runtime_works_in_few_lines(tmp_path: Path) -> None:
    page = PAGES["docs/guides/runtimes.md"]
    blocks = _blocks(page)
    _write(blocks, tmp_path)
    added = [text for name, text in blocks.items() if "numpy_runtime" in name]
    assert len(added) == 2
    assert sum(len(text.splitlines()) for text in added) <= 80
    command = next(command for command in _commands(page) if "delegate=xnnpack,numpy_runtime" in command)
    done = etbench(*shlex.split(command), *BRIEF, "hydra.sweep.dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = {result.delegate: result for _, result in read_results([tmp_path / "out"])[0]}
    assert set(results) == {"xnnpack", "numpy_runtime"}
    for result in results.values():
        assert (result.status, result.parity.sqnr_db > 100) == ("ok", True)
    environment = results["numpy_runtime"].environment
    assert (environment.runtime, environment.runtime_version) == ("numpy", numpy.__version__)


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
