"""From what a browser sends to a command line: only what is offered gets through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from running import CONF

from etbench.config.command import shell_words
from etbench.errors import ConfigError
from etbench.preflight.compose import compose
from etbench.ui.choices import Choices

pytestmark = pytest.mark.early

GRID: dict[str, Any] = {"model": ["tiny"], "precision": ["fp32"], "delegate": ["portable"]}


def test_the_users_own_models_are_offered_beside_those_of_etbench(choices: Choices) -> None:
    assert {"tiny", "mobilenet_v2"} <= set(choices.options("model"))
    assert "picky" in choices.options("delegate")
    assert choices.recommended_runs("tiny") == 6
    assert choices.recommended_runs("mobilenet_v2") == 50


def test_models_in_folders_are_offered_and_composed_when_asked_for(choices: Choices) -> None:
    assert "zoo/swin_t" in choices.in_folders("model")
    (cell,) = choices.cells(choices.checked(GRID | {"model": ["zoo/swin_t"]}))
    assert cell.stem == "swin_t_fp32_portable"
    assert "model=zoo/swin_t" in choices.arguments(choices.checked(GRID | {"model": ["zoo/swin_t"]}))


def test_what_needs_a_path_or_a_function_is_not_offered(choices: Choices) -> None:
    assert {"custom", "exported", "file", "pte"} == set(choices.open_ended)
    for name in choices.open_ended:
        assert name not in choices.options("model")
        with pytest.raises(ConfigError, match="is not offered"):
            choices.checked(GRID | {"model": [name]})


@pytest.mark.parametrize(
    "change",
    [
        {"model": ["no_such"]},
        {"model": ["zoo/no_such"]},
        {"model": ["zoo/../tiny"]},
        {"model": ["tiny,model._target_=os.system"]},
        {"model": ["tiny", "x model._target_=os.system"]},
        {"model": ["../../../etc/passwd"]},
        {"delegate": ["portable}", "portable"]},
        {"model": "tiny"},
        {"model": []},
        {"model": [None]},
        {"model._target_": ["os.system"]},
        {"calibration.images": "/etc"},
        {"runs": 0},
        {"runs": 10_001},
        {"runs": -1},
        {"runs": "5"},
        {"runs": "5 model._target_=os.system"},
        {"runs": 2.5},
        {"runs": True},
        {"runs": float("nan")},
        {"runs": [5]},
        {"threads": 0},
        {"threads": 1_000},
        {"threads": {"_target_": "os.system"}},
    ],
    ids=str,
)
def test_what_is_not_offered_is_refused(change: dict[str, Any], choices: Choices) -> None:
    with pytest.raises(ConfigError):
        choices.checked(GRID | change)


def test_a_cell_and_a_grid_become_the_command_that_a_user_would_type(
    choices: Choices, tmp_path: Path
) -> None:
    own = ["--config-dir", str(CONF)]
    one = choices.checked(GRID | {"runs": 3, "threads": 1})
    assert choices.arguments(one) == [
        *own,
        *("model=tiny", "precision=fp32", "delegate=portable", "repeat.runs=3", "threads=1"),
    ]
    grid = choices.checked(GRID | {"model": ["tiny", "slow", "tiny"], "delegate": ["portable", "xnnpack"]})
    assert choices.arguments(grid, tmp_path) == [
        *("-m", *own, "model=tiny,slow", "precision=fp32", "delegate=portable,xnnpack"),
        f"hydra.sweep.dir={tmp_path}",
    ]
    assert shell_words(["model=a,b"]) == "python -m etbench model=a,b"


def test_a_cell_is_the_one_that_the_command_line_composes(choices: Choices) -> None:
    (cell,) = choices.cells(choices.checked(GRID | {"runs": 3}))
    composed = compose(["model=tiny", "delegate=portable", "repeat.runs=3"], config_dir=CONF)
    assert cell.cell_id == composed.cell_id


@pytest.mark.parametrize(
    "name", ["plain", "with space", "a,b", "it's", "back\\slash", "k=v", "[x]", "ü", "a'b\\"]
)
def test_a_folder_reaches_hydra_unchanged(name: str, choices: Choices) -> None:
    folder = Path("/data") / name
    text = choices.arguments(choices.checked(GRID), folder)[-1]
    assert OverridesParser.create().parse_override(text).value() == str(folder)


def test_impossible_pairs_have_their_reason(choices: Choices) -> None:
    grid = choices.checked(
        {"model": ["tiny"], "precision": ["fp32", "int8"], "delegate": ["picky", "portable"]}
    )
    assert [(cell.name, cell.reason) for cell in choices.left_out(grid)] == [
        ("tiny int8 picky", "this test says so")
    ]
    assert len(choices.cells(grid)) == 3
    ticked = {"model": ["tiny"], "precision": ["int8"], "delegate": []}
    assert choices.why_not("delegate", "picky", ticked) == "this test says so"
    assert choices.why_not("delegate", "portable", ticked) is None
    assert choices.why_not("delegate", "picky", ticked | {"precision": ["int8", "fp32"]}) is None
    assert choices.why_not("delegate", "picky", ticked | {"precision": []}) is None


def test_a_faulty_yaml_of_the_user_is_named_and_not_offered(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "broken.yaml").write_text(
        "name: broken\ntype: test\nrecommended: {runs: 1, warmup: 0}\n"
    )
    choices = Choices(tmp_path)
    assert "broken" not in choices.options("model")
    assert "_target_" in choices.faulty["model"]["broken"]
