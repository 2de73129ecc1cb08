"""Runtimes that quantize a model themselves, on the calibration data of the precision."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import build_here
from runtimes import EXECUTORS

from etbench.measure.passes.rounds import check

pytestmark = pytest.mark.build


@pytest.mark.parametrize(
    "delegate",
    ["onnxruntime", pytest.param("openvino_native", marks=pytest.mark.long, id="openvino by nncf")],
)
def test_a_runtime_that_quantizes_the_model_itself_is_said_to_have_done_so(
    delegate: str, tmp_path: Path
) -> None:
    if delegate == "openvino_native":
        pytest.importorskip("nncf")
    overrides = ("model=two_layers", "precision=int8", f"delegate={delegate}", "delegate.quantization=own")
    artifact = build_here(tmp_path / "a", *overrides)
    assert (artifact.quantization, artifact.own_reason) == ("own", "delegate.quantization=own")
    assert artifact.delegation is None, "what the runtime does with the operators is not known"
    executor = EXECUTORS[delegate]
    parity = check(tmp_path / "a", 1, None, f"{executor.__module__}.{executor.__name__}").parity
    assert parity.sqnr_db > 20
