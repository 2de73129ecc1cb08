"""The interpreters of a cell: how they are given, and what of the cell they decide."""

from __future__ import annotations

from typing import Any

import pytest

from etbench.config import Cell, parse
from etbench.config.env import env_words
from etbench.preflight.compose import compose

HERE = compose([])


def _cell(env: Any) -> Cell:
    return parse(HERE.config | {"env": env})


@pytest.mark.parametrize("env", [None, "current", {}, {"python": None, "build": None, "run": None}])
def test_this_interpreter_is_the_default_and_changes_no_id(env: Any) -> None:
    cell = _cell(env)
    older = {key: value for key, value in HERE.config.items() if key != "env"}
    assert cell.cell_id == HERE.cell_id == parse(older).cell_id
    assert (cell.env.builds, cell.env.runs, cell.recipe.python) == (None, None, None)
    assert cell.file_stem == cell.stem
    assert env_words(cell.config) == env_words({}) == "current"


def test_a_name_is_short_for_both() -> None:
    cell = _cell("executorch-1.4.1")
    assert (cell.env.builds, cell.env.runs) == ("executorch-1.4.1", "executorch-1.4.1")
    assert cell.file_stem == "mobilenet_v2_fp32_xnnpack_executorch-1.4.1"
    assert env_words(cell.config) == "executorch-1.4.1"


def test_who_builds_decides_the_recipe_and_who_runs_the_cell() -> None:
    builds, runs = _cell({"build": "a"}), _cell({"run": "a"})
    assert builds.recipe.python == "a" and runs.recipe == HERE.recipe
    assert len({HERE.cell_id, builds.cell_id, runs.cell_id, _cell("a").cell_id}) == 4
    assert (builds.file_stem, runs.file_stem) == (HERE.stem, f"{HERE.stem}_a")
    assert env_words(builds.config) == "current, built in a"
    assert env_words(runs.config) == "a, built in current"


def test_the_path_of_an_interpreter_makes_a_name_of_a_file() -> None:
    assert _cell("/home/me/.venvs/old/bin/python").file_stem == f"{HERE.stem}_home-me-.venvs-old"
