"""Every delegate with every precision: built and run, built only, or skipped with a reason; never failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from running import BRIEF, CONF, build_here, etbench
from tools import need

from etbench.errors import EtbenchError
from etbench.preflight.compose import compose
from etbench.results.files.store import read_results
from etbench.results.schema import Result

PRECISIONS = ("fp32", "fp16", "bf16", "int8", "8da4w")
RUN_HERE = ("xnnpack", "portable", "eager", "onnxruntime")
NOT_POSSIBLE = {("8da4w", "portable"), ("8da4w", "onnxruntime"), ("bf16", "onnxruntime")}
COMPILED = ("inductor", "coreml", "vulkan", "webgpu", "openvino")  # some 10 s per cell: but for fp32 `long`
Cells = dict[tuple[str, str], Result]

pytestmark = pytest.mark.build


def _swept(cwd: Path, *grid: str) -> Cells:
    """A network of convolutions and linear layers."""
    command = ("-m", "--config-dir", str(CONF), "model=two_layers", *grid)
    done = etbench(*command, *BRIEF, "hydra.sweep.dir=out", cwd=cwd, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    found, unreadable = read_results([cwd / "out"])
    assert not unreadable
    return {(result.precision_short, result.delegate): result for _, result in found}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """All precisions on the delegates that are quick to build for, fp32 on the others."""
    quick = (f"precision={','.join(PRECISIONS)}", f"delegate={','.join(RUN_HERE)}")
    slow = ("precision=fp32", f"delegate={','.join(COMPILED)}")
    return _swept(tmp_path_factory.mktemp("quick"), *quick) | _swept(tmp_path_factory.mktemp("slow"), *slow)


@pytest.fixture(scope="module")
def rare_cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """The rest of the grid."""
    rare = ",".join(precision for precision in PRECISIONS if precision != "fp32")
    return _swept(tmp_path_factory.mktemp("rare"), f"precision={rare}", f"delegate={','.join(COMPILED)}")


@pytest.fixture
def cell(precision: str, delegate: str, request: pytest.FixtureRequest) -> Result:
    """One cell of the grid."""
    found: Cells = request.getfixturevalue("rare_cells" if _is_rare(precision, delegate) else "cells")
    if delegate == "inductor":
        need("compiler")
    return found[precision, delegate]


def _is_rare(precision: str, delegate: str) -> bool:
    return precision != "fp32" and delegate in COMPILED


def _points(delegates: Sequence[str]) -> list[Any]:
    """All precisions on some delegates; those that are slow to build, and seldom wanted, are `long`."""
    return [
        pytest.param(
            precision,
            delegate,
            marks=pytest.mark.long if _is_rare(precision, delegate) else [],
            id=f"{precision}-{delegate}",
        )
        for delegate in delegates
        for precision in PRECISIONS
    ]


@pytest.mark.parametrize(("precision", "delegate"), _points((*RUN_HERE, *COMPILED)))
def test_a_cell_ends_well(cell: Result) -> None:
    assert cell.status in ("ok", "built", "skipped")
    assert cell.reason or cell.status == "ok"


FLOORS_DB = {"fp32": 80, "fp16": 40, "bf16": 25, "int8": 20, "8da4w": 10}


@pytest.mark.parametrize(("precision", "delegate"), _points((*RUN_HERE, "inductor")))
def test_a_program_is_faithful_in_its_precision(precision: str, delegate: str, cell: Result) -> None:
    if (precision, delegate) in NOT_POSSIBLE:
        assert (cell.status, "no" in cell.reason) == ("skipped", True)
        return
    assert cell.parity is not None
    assert cell.parity.exact or cell.parity.sqnr_db >= FLOORS_DB[precision]
    assert cell.latency_ms.p50 > 0


def test_a_transformer_is_faithful_in_every_precision(tmp_path: Path) -> None:
    floors = {
        "fp32": 80,
        "fp16": 40,
        "bf16": 25,
        "int8": 20,
        "int8_per_tensor": 20,
        "int8_dynamic": 25,
        "8da4w": 10,
    }
    command = ("-m", "--config-dir", str(CONF), "model=attention", f"precision={','.join(floors)}")
    done = etbench(*command, *BRIEF, "hydra.sweep.dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = {result.precision_short: result for _, result in read_results([tmp_path / "out"])[0]}
    found = {name: results[name].parity.sqnr_db for name in floors}
    assert all(found[name] >= floor for name, floor in floors.items()), found
    assert len({round(value, 3) for value in found.values()}) == len(floors), "each is another program"


def test_precisions_make_programs_smaller(cells: Cells) -> None:
    sizes = {name: cells[name, "xnnpack"].artifact.pte_bytes for name in ("fp32", "fp16", "int8")}
    assert sizes["fp16"] < 0.7 * sizes["fp32"]
    assert sizes["int8"] < 0.5 * sizes["fp32"]


@pytest.mark.parametrize("delegate", ["coreml", "vulkan", "webgpu"])
def test_a_delegate_without_a_runtime_here_is_built_with_size_and_coverage(
    delegate: str, cells: Cells
) -> None:
    result = cells["fp32", delegate]
    if delegate == "coreml" and result.status == "skipped":
        assert "pip install coremltools" in result.reason
        return
    assert result.status == "built"
    assert "runtime" in result.reason
    assert result.artifact.pte_bytes > 0
    assert result.artifact.delegation.delegated_nodes > 0
    assert result.latency_ms is None


def test_a_delegate_whose_package_is_missing_is_skipped_with_the_command(
    cells: Cells,
) -> None:
    result = cells["fp32", "openvino"]
    if result.status == "skipped":
        assert 'pip install "etbench[openvino]"' in result.reason
    else:
        assert result.parity.sqnr_db > 20


def test_coverage_says_who_took_what(cells: Cells) -> None:
    xnnpack, portable = (cells["fp32", name].artifact.delegation for name in ("xnnpack", "portable"))
    assert sum(xnnpack.delegated.values()) == xnnpack.delegated_nodes > 0
    assert sum(portable.left_behind.values()) == portable.total_nodes
    assert portable.delegated_nodes == 0


def test_programs_of_pytorch_have_no_profile_and_those_of_executorch_do(tmp_path: Path) -> None:
    profiled = _swept(tmp_path, "precision=fp32", f"delegate={','.join(RUN_HERE)}", "profile=true")
    assert profiled["fp32", "xnnpack"].profile is not None
    assert profiled["fp32", "portable"].profile is not None
    assert profiled["fp32", "eager"].profile is None


def test_numerics_name_the_layers_that_cost_accuracy(tmp_path: Path) -> None:
    compared = _swept(tmp_path, f"precision={','.join(PRECISIONS)}", "delegate=xnnpack", "numerics=true")
    assert {name for name, _ in compared} == set(PRECISIONS)
    assert all(cell.status == "ok" and cell.artifact.numerics is not None for cell in compared.values())
    numerics = compared["int8", "xnnpack"].artifact.numerics
    assert numerics.compared >= 4
    assert {"0", "4"} <= {layer.name for layer in numerics.worst}
    assert all(layer.sqnr_db > 15 for layer in numerics.worst if layer.sqnr_db is not None), (
        "a batch norm that is folded into its convolution is part of that layer"
    )
    costs = [layer.alone_db for layer in numerics.worst]
    assert costs == sorted(costs), "the list is by what each layer costs alone"
    assert all(layer.own_db is not None for layer in numerics.worst)
    exact = compared["fp32", "xnnpack"].artifact.numerics
    assert all(layer.sqnr_db is None or layer.sqnr_db > 100 for layer in exact.worst)


def test_the_result_says_what_it_was_calibrated_on(cells: Cells) -> None:
    assert "histogram observer" in cells["int8", "xnnpack"].artifact.calibration
    assert cells["fp32", "xnnpack"].artifact.calibration == ""


def test_layers_can_be_kept_in_fp32(tmp_path: Path) -> None:
    mixed = ("model=two_layers", "precision=mixed")
    kept = build_here(tmp_path / "kept", *mixed, 'precision.keep_fp32=["4"]').quantized
    assert list(kept.layers_in_float) == ["4"]
    with pytest.raises(EtbenchError, match="'fc' matches no module"):
        build_here(tmp_path / "other", *mixed, "precision.keep_fp32=[fc]")


@pytest.mark.parametrize("observer", ["histogram", "minmax"])
def test_the_observer_is_part_of_the_recipe(observer: str) -> None:
    recipe = compose(["model=resnet18", "precision=int8", f"calibration.observer={observer}"]).recipe
    assert recipe.calibration.observer == observer
