"""The files for contributors: they can be read, and say the same as `.ci/run`."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from running import TESTS

ROOT = TESTS.parent
YAML_FILES = [ROOT / ".pre-commit-config.yaml", *sorted((ROOT / ".github").rglob("*.yml"))]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_yaml_file_is_a_mapping(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem
)
def test_an_issue_form_has_named_fields(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids)) > 1
    assert all(field["attributes"]["label"] for field in form["body"])


def test_the_workflow_calls_ci_run_with_the_oldest_and_the_newest_python() -> None:
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"].values()
    assert job["steps"][-1]["run"] == ".ci/run"
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text()


def test_the_hooks_need_no_network_and_their_programs_are_in_the_environment() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [source["repo"] for source in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert shutil.which(shlex.split(hook["entry"])[0]), hook["id"]


def test_the_hook_of_mypy_runs_for_what_mypy_checks_and_imports() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    (pattern,) = (hook["files"] for hook in hooks if hook["id"] == "mypy")
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    for folder in [*mypy["files"], *mypy["mypy_path"]]:
        assert re.search(pattern, f"{folder}/one.py"), folder


def test_the_daily_commands_are_those_of_ci() -> None:
    recipes = dict(
        re.findall(r"^(\w+)(?: \*args)?:\n((?:    .+\n)+)", (ROOT / "justfile").read_text(), re.MULTILINE)
    )
    assert [name for name in recipes if not name.startswith("_")] == [
        "test",
        "quick",
        "lint",
        "types",
        "docs",
    ]
    in_ci = [line.strip() for line in CI.splitlines()]
    for line in recipes["lint"].splitlines():
        assert line.strip() in in_ci, line
    assert f"later types nice {recipes['types'].strip()}" in in_ci
    options = recipes["test"].replace("{{ args }}", "").replace("pytest", "").strip()
    assert any(line.startswith("pytest") and line.endswith(options) for line in in_ci), options
