"""Run the shell steps of a GitHub action or workflow as a runner does, with its expressions and files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Job"]

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")  # `shell: bash`


@dataclass
class Job:
    """The steps of one job.

    Args:
        checkout: working folder of the steps.
        temp: `RUNNER_TEMP`, an existing folder.
        contexts: values of expressions by name, such as ``inputs.base``; the outputs of steps are added.
        env: environment variables beside those of this process.

    """

    checkout: Path
    temp: Path
    contexts: dict[str, str]
    env: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    summary: str = ""

    @classmethod
    def of_action(
        cls, action: Path, inputs: Mapping[str, str], checkout: Path, temp: Path, env: dict[str, str]
    ) -> tuple[Job, list[dict[str, Any]]]:
        """Return a job with the inputs of an action, or their defaults, and the action's steps."""
        described = yaml.safe_load(action.read_text(encoding="utf-8"))
        declared = described["inputs"]
        assert inputs.keys() <= declared.keys()
        given = {name: inputs.get(name, about.get("default", "")) for name, about in declared.items()}
        return cls(
            checkout, temp, {f"inputs.{name}": value for name, value in given.items()}, env
        ), described["runs"]["steps"]

    def run(self, steps: list[dict[str, Any]]) -> int:
        """Run the shell steps up to the first that fails, and return its exit status, or 0."""
        for step in steps:
            if "run" in step and (status := self.run_step(step)):
                return status
        return 0

    def run_step(self, step: Mapping[str, Any]) -> int:
        """Run one shell step and return its exit status."""
        output, summary = self.temp / "output", self.temp / "summary"
        for file in (output, summary):
            file.write_text("")
        own = {name: self._filled(value) for name, value in step.get("env", {}).items()}
        files = {"GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": summary, "RUNNER_TEMP": self.temp}
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*BASH, self._filled(step["run"])],
            cwd=self.checkout,
            env=os.environ
            | {"PATH": programs}
            | self.env
            | own
            | {name: str(at) for name, at in files.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1_000,
        )
        self.printed += done.stdout
        self.summary += summary.read_text()
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.contexts[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode

    def _filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self.contexts[found[1]], text)
