"""LiteRT's converter: a quantized model that it left in float is noticed; the converter itself is `long`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import build_here
from runtimes import TFLITE

from etbench.delegates.tflite import quantized_layers
from etbench.errors import EtbenchError


@pytest.mark.parametrize(("name", "layers"), [("fp32", 0), ("int8", 2), ("unquantized", 0)])
def test_layers_with_integer_weights_are_counted_in_the_file(name: str, layers: int) -> None:
    assert quantized_layers(TFLITE[name]) == layers


@pytest.mark.build
def test_a_converter_that_fails_is_named_with_what_it_printed(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no litert_torch here >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(EtbenchError, match=f"failed in {python}: no litert_torch here") as caught:
        build_here(tmp_path / "a", "model=tiny", "delegate=litert", f"delegate.converter_python={python}")
    assert caught.value.stage == "lower"


@pytest.mark.build
def test_a_model_that_the_converter_left_in_float_is_refused_or_quantized_by_litert(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\n[ $4 = same ] && cp {TFLITE['unquantized']} $3 || cp {TFLITE['int8']} $3\n"
    )
    python.chmod(0o755)
    overrides = ("model=tiny", "precision=int8", "delegate=litert", f"delegate.converter_python={python}")
    with pytest.raises(EtbenchError, match="left the weights of all layers in float"):
        build_here(tmp_path / "a", *overrides, "delegate.quantization=same")
    artifact = build_here(tmp_path / "b", *overrides, "delegate.quantization=auto")
    assert artifact.quantization == "own"
    assert "left the weights of all layers in float" in artifact.own_reason


@pytest.mark.long
@pytest.mark.parametrize(
    ("precision", "how", "quantization"),
    [("fp32", "auto", ""), ("int8", "same", "same"), ("int8", "own", "own")],
)
def test_the_converter_in_its_own_python_makes_a_model_that_is_right(
    precision: str, how: str, quantization: str, litert_python: str, tmp_path: Path
) -> None:
    from etbench.measure.passes.rounds import check

    overrides = (
        "model=two_layers",
        f"precision={precision}",
        "delegate=litert",
        f"delegate.quantization={how}",
    )
    artifact = build_here(tmp_path / "a", *overrides, f"delegate.converter_python={litert_python}")
    assert artifact.quantization == quantization
    parity = check(tmp_path / "a", 1, None, "etbench.runtime.litert_model.LitertModel").parity
    assert parity.sqnr_db > (100 if precision == "fp32" else 25)


@pytest.fixture(scope="module")
def litert_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with litert-torch: $ETBENCH_LITERT_PYTHON, or a new environment, which needs the network."""
    if given := os.environ.get("ETBENCH_LITERT_PYTHON"):
        return given
    folder = tmp_path_factory.mktemp("litert")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "torch==2.13.*", "litert-torch==0.10.*"], check=True
    )
    return str(python)
