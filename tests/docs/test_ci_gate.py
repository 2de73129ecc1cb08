"""The benchmark gate: its steps, run as shell in a repository whose pull requests change a small model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from actions import Job
from running import TESTS, environment

from etbench.preflight.command_line import check_command_line
from etbench.results.comparison.gate import parse_condition
from etbench.results.files.store import read_results

ROOT = TESTS.parent
ACTION = ROOT / ".github" / "actions" / "benchmark-gate" / "action.yml"
WORKFLOWS = {name: ROOT / "docs" / name for name in ("ci-gate.yml", "ci-gate-many.yml")}

pytestmark = [pytest.mark.needs("git"), pytest.mark.early]

MODELS = """
import torch
from torch import nn

WIDTH = 8


def net():
    layers = nn.Conv2d(3, WIDTH, 3), nn.ReLU(), nn.Flatten(), nn.Linear(WIDTH * 36, 5)
    return nn.Sequential(*layers), torch.randn(1, 3, 8, 8)


def other():
    return nn.Linear(16, 16), torch.randn(1, 16)
"""
YAML = "_target_: my_models.{0}\nname: {0}\ntype: test\nrecommended: {{runs: 6, warmup: 1}}\n"
CELLS = ("--config-dir=conf", "delegate=portable", "passes.load=1", "repeat.spread_s=0", "sweep.builders=1")


class Repository:
    """A project with two small models, and a branch for each change of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "conf" / "model").mkdir(parents=True)
        for name in ("net", "other"):
            (folder / "conf" / "model" / f"{name}.yaml").write_text(YAML.format(name))
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(MODELS)

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def commit(self, models: str) -> None:
        (self.folder / "my_models.py").write_text(models)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")


@dataclass
class Gate:
    """A run of the action: the job that it was, its exit status, and its results."""

    job: Job
    steps: list[dict[str, Any]]
    status: int

    @property
    def results(self) -> Path:
        return Path(self.job.contexts["steps.baseline.outputs.results"])

    @property
    def annotations(self) -> list[str]:
        """The workflow commands, without those that only enclose the table."""
        return [line for line in self.job.printed.splitlines() if re.match("::(error|warning|notice) ", line)]

    def verdict(self, base: Path, new: Path, *, measured: int, **inputs: str) -> Gate:
        """Run the last step again, about other results."""
        temp = new.parent / "temp"
        temp.mkdir()
        contexts = self.job.contexts | {
            f"inputs.{name.replace('_', '-')}": text for name, text in inputs.items()
        }
        contexts |= {
            "steps.baseline.outputs.baseline": str(base),
            "steps.baseline.outputs.results": str(new.parent),
            "steps.measure.outputs.status": str(measured),
        }
        job = Job(self.job.checkout, temp, contexts, self.job.env)
        return Gate(job, self.steps, job.run_step(self.steps[-1]))


def gate(repository: Repository, temp: Path, *cells: str, **inputs: str) -> Gate:
    """Run the action on the last commit of a repository."""
    temp.mkdir(parents=True)
    given = {"cells": "\n".join([*CELLS, *cells, ""]), "fail-above": "1"} | {
        name.replace("_", "-"): text for name, text in inputs.items()
    }
    # As in an editable installation: the base's code must win over it in the base's checkout.
    env = environment(PYTHONPATH=str(repository.folder), ETBENCH_CACHE=str(temp.parent / "cache"))
    job, steps = Job.of_action(ACTION, given, repository.folder, temp, env)
    return Gate(job, steps, job.run(steps))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def unchanged(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A pull request that changes no model; twice the time is allowed, so that noise does not matter."""
    repository.commit(MODELS)
    return gate(repository, tmp_path_factory.mktemp("gate") / "unchanged", "model=net,other")


@pytest.fixture(scope="module")
def changed(repository: Repository, unchanged: Gate) -> Gate:
    """A later one that makes one model many times slower and breaks the other; the baseline is a kept one."""
    steps = yaml.safe_load(WORKFLOWS["ci-gate.yml"].read_text())["jobs"]["gate"]["steps"]
    (keep,) = [step for step in steps if "baseline set" in step.get("run", "")]
    main = unchanged.job.contexts | {"steps.gate.outputs.results": str(unchanged.results)}
    job = Job(repository.folder, unchanged.job.temp, main, unchanged.job.env)
    assert job.run_step(keep) == 0, job.printed
    models = MODELS.replace("WIDTH = 8", "WIDTH = 256").replace("nn.Linear(16, 16), ", "nn.Nothing(), ")
    repository.commit(models)
    return gate(repository, unchanged.job.temp.parent / "changed", "model=net,other", baseline="main")


def test_a_pull_request_without_a_change_passes(unchanged: Gate) -> None:
    assert unchanged.status == 0, unchanged.job.printed
    assert unchanged.job.summary.startswith("### etbench: passed\n\n2 cells compared, 2 passed;")
    assert (
        "- the same program as the baseline's: net fp32 portable, other fp32 portable"
        in unchanged.job.summary
    )
    assert not unchanged.annotations
    suite = ElementTree.parse(unchanged.results / "etbench.xml").find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "0", "0")
    results, _ = read_results([unchanged.results / "new"])
    assert {result.in_turn.base_program for _, result in results if result.in_turn} == {"the same program"}


def test_a_slower_model_and_a_broken_one_fail(changed: Gate) -> None:
    assert changed.status == 1, changed.job.printed
    assert [re.match("::error title=etbench%3A (\\w+)::(\\w+)", line)[0] for line in changed.annotations] == [
        "::error title=etbench%3A failed::other",
        "::error title=etbench%3A regression::net",
    ]
    assert changed.job.summary.startswith("### etbench: failed, regression\n")
    assert "the same program" not in changed.job.summary
    suite = ElementTree.parse(changed.results / "etbench.xml").find("testsuite")
    assert suite.get("failures") == "2"
    (net,) = [result for _, result in read_results([changed.results / "new"])[0] if result.in_turn]
    assert net.in_turn.base_program == "the program kept next to the baseline's result"


def _copies(gate: Gate, base: Path, folder: Path, *without: str) -> tuple[Path, Path]:
    """Copy the results of a gate, without some models."""
    left_out = shutil.ignore_patterns("cells", *(f"{name}_*" for name in without))
    both = (base, "base"), (gate.results / "new", "new")
    return tuple(shutil.copytree(side, folder / name, ignore=left_out) for side, name in both)


def test_a_regression_alone_is_status_3(changed: Gate, tmp_path: Path) -> None:
    kept = Path(changed.job.env["ETBENCH_CACHE"]) / "baselines" / "main"
    base, new = _copies(changed, kept, tmp_path, "other")
    found = changed.verdict(base, new, measured=3)
    assert found.status == 3, found.job.printed
    assert found.job.summary.startswith("### etbench: regression\n")
    assert "**regression**" in found.job.summary


def test_a_cell_that_is_missing_fails(unchanged: Gate, tmp_path: Path) -> None:
    base, new = _copies(unchanged, unchanged.results / "base", tmp_path)
    for path in new.glob("other_*"):
        path.unlink()
    found = unchanged.verdict(base, new, measured=0)
    assert found.status == 1, found.job.printed
    assert found.annotations == [
        "::error title=etbench%3A missing::other fp32 portable: only in the baseline"
    ]
    assert found.job.summary.startswith("### etbench: missing\n")


def _shortened(path: Path) -> None:
    """Leave two blocks of a result, which are too few to decide anything."""
    result = json.loads(path.read_text())
    for part, keys in (
        (result, ("rounds", "round_facts")),
        (result["in_turn"], ("base_rounds", "base_facts")),
    ):
        part |= {key: part[key][:2] for key in keys}
    path.write_text(json.dumps(result))


def test_a_cell_that_is_undecided_fails_unless_that_is_allowed(unchanged: Gate, tmp_path: Path) -> None:
    base, new = _copies(unchanged, unchanged.results / "base", tmp_path / "first")
    (net,) = new.glob("net_*.json")
    _shortened(net)
    found = unchanged.verdict(base, new, measured=4)
    assert found.status == 4, found.job.printed
    assert found.job.summary.startswith("### etbench: undecided\n\n2 cells compared, 1 undecided, 1 passed;")
    assert [line.partition("::net")[0] for line in found.annotations] == [
        "::error title=etbench%3A undecided"
    ]
    suite = ElementTree.parse(new.parent / "etbench.xml").find("testsuite")
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    _, again = _copies(unchanged, base, tmp_path / "second")
    shutil.copy(net, again)
    allowed = unchanged.verdict(base, again, measured=0, allow_undecided="true")
    assert allowed.status == 0, allowed.job.printed
    assert allowed.job.summary.startswith("### etbench: undecided (allowed)\n")
    assert allowed.annotations[0].startswith("::warning title=etbench%3A undecided::net")


def test_conditions_are_lines(unchanged: Gate, tmp_path: Path) -> None:
    base, new = _copies(unchanged, unchanged.results / "base", tmp_path)
    for path in new.glob("net_*.json"):
        result = json.loads(path.read_text())
        result["artifact"]["pte_bytes"] *= 2
        path.write_text(json.dumps(result))
    found = unchanged.verdict(base, new, measured=0, fail_if="sqnr_db<-1\n\npte_bytes>+2%\n")
    assert found.status == 3, found.job.printed
    assert found.job.summary.startswith("### etbench: condition met\n")


def test_without_a_verdict_it_only_measures_and_a_later_job_compares(unchanged: Gate, tmp_path: Path) -> None:
    base, new = _copies(unchanged, unchanged.results / "base", tmp_path / "all")
    silent = unchanged.verdict(base, new, measured=3, verdict="false")
    assert (silent.status, silent.job.printed) == (0, "")
    steps = yaml.safe_load(WORKFLOWS["ci-gate-many.yml"].read_text())["jobs"]["verdict"]["steps"]
    (compare,) = [step for step in steps if step.get("name") == "Compare"]
    step = compare | {"run": compare["run"].replace("--fail-above 0.05", "--fail-above 1")}
    job = Job(tmp_path, silent.job.temp, {}, unchanged.job.env)
    assert job.run_step(step) == 0, job.printed
    assert job.summary.startswith("### etbench: passed\n")


def test_no_cells_are_refused_and_not_replaced_by_a_default(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "temp").mkdir()
    job, steps = Job.of_action(ACTION, {"cells": "\n"}, repository.folder, tmp_path / "temp", {})
    assert job.run(steps) != 0
    assert "cells" in job.printed


@pytest.mark.long
def test_fifteen_percent_are_a_regression_where_five_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    wide = Repository(tmp_path / "repository")
    wide.commit(MODELS.replace("WIDTH = 8", "WIDTH = 400"))
    wide.commit(MODELS.replace("WIDTH = 8", "WIDTH = 464"))
    found = gate(wide, tmp_path / "temp", "model=net", fail_above="0.05")
    assert found.status == 3, found.job.printed


def _uses(jobs: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the inputs of each use of the action."""
    for job in jobs.values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("./"):
                assert (ROOT / step["uses"] / "action.yml").samefile(ACTION)
                yield step["with"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_gives_the_action_what_it_takes(name: str) -> None:
    workflow = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    declared = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"]
    (inputs,) = _uses(workflow["jobs"])
    assert inputs.keys() <= declared.keys()
    assert {key for key, about in declared.items() if about.get("required")} <= inputs.keys()
    assert all(isinstance(value, str) for value in inputs.values()), "YAML's true and 0.05 are not strings"
    cells = inputs["cells"].replace("${{ matrix.model }}", "resnet18").split()
    check_command_line(["-m", *cells, f"fail_above={inputs['fail-above']}"])
    conditions = inputs.get("fail-if", "").split()
    conditions += re.findall('--fail-if "(.*?)"', WORKFLOWS[name].read_text(encoding="utf-8"))
    assert [parse_condition(text).text for text in conditions] == ["pte_bytes>+2%", "sqnr_db<-1"]
