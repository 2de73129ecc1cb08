"""Options of the XNNPACK backend reach the runtime, and do what they are there for."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import CONF, TESTS

from etbench.config import Cell, XnnpackRuntime
from etbench.engine.run import run_cells
from etbench.errors import ConfigError, EtbenchError
from etbench.preflight.compose import compose

INTERMEDIATE = 512 * 2048 * 4  # bytes between the two layers of the model, which need a workspace
WEIGHTS = 2 * 64 * 2048 * 4


def _cell(*overrides: str) -> Cell:
    command = ("model=repeated", "repeat=quick", "passes.load=1", *overrides)
    return compose(command, config_dir=CONF)


def test_memory_follows_the_options_and_the_program_is_one_and_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    options = ("workspace_sharing=null", "workspace_sharing=disabled", "weight_cache=true")
    cells = [_cell(f"delegate.runtime.{option}") for option in options]
    outcomes = run_cells(cells, out_dir=tmp_path)
    results = [outcome.result for outcome in outcomes if outcome]
    assert [result.status for result in results] == ["ok"] * 3, [result.findings for result in results]
    assert len({result.artifact.sha256 for result in results}) == 1
    assert len({result.cell_id for result in results}) == 3
    usual, unshared, cached = (result.memory.private_dirty_bytes for result in results)
    assert unshared - usual > 2 * INTERMEDIATE, "four workspaces instead of one"
    assert usual - cached > 2 * WEIGHTS, "packed once instead of four times"


def test_the_runtime_says_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    from etbench.runtime import backend_options

    before = backend_options.get_option("workspace_sharing"), backend_options.get_option("weight_cache")
    try:
        backend_options.set_options(XnnpackRuntime(workspace_sharing="disabled", weight_cache=True))
        assert backend_options.get_option("workspace_sharing") == 0
        assert backend_options.get_option("weight_cache") == 1
    finally:
        names = {number: name for name, number in backend_options.SHARING.items()}
        backend_options.set_options(
            XnnpackRuntime(workspace_sharing=names[before[0]], weight_cache=bool(before[1]))
        )
    monkeypatch.setitem(backend_options.SHARING, "global", 9)
    with pytest.raises(EtbenchError, match=r"workspace_sharing=9: error 0x12"):
        backend_options.set_options(XnnpackRuntime(workspace_sharing="global"))


def test_options_are_no_part_of_the_recipe_and_a_wrong_one_is_named() -> None:
    assert _cell("delegate.runtime.weight_cache=true").recipe == _cell().recipe
    with pytest.raises(ConfigError, match=r"delegate\.runtime\.workspace_sharing=shared"):
        _cell("delegate.runtime.workspace_sharing=shared")
