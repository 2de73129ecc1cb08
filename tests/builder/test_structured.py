"""Programs of models that take more than positional tensors of float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from running import build_here
from tiny_models import structured

from etbench.artifact import program_path
from etbench.artifact.references import read_references
from etbench.errors import EtbenchError
from etbench.measure.protocol import CheckPass
from etbench.measure.worker.round_process import in_spawned
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import CheckTask

pytestmark = pytest.mark.early

FLOATS = {"float64", "float32", "float16", "bfloat16"}
INTEGERS = {"int64", "int32", "int16", "int8", "uint8", "bool"}


def _differences(folder: Path) -> list[float]:
    """Run the reference inputs, and return the largest difference of each output from eager, in float64."""
    from executorch.extension.pybindings import _C

    inputs, expected = (batches[0] for batches in read_references(folder))
    found = _C._load_program(str(program_path(folder))).load_method("forward").call(inputs)
    tensors = [value for value in found if isinstance(value, torch.Tensor)]
    assert [tensor.dtype for tensor in tensors] == [tensor.dtype for tensor in expected]
    return [float((a.double() - b.double()).abs().max()) for a, b in zip(tensors, expected, strict=True)]


@pytest.mark.parametrize("delegate", ["xnnpack", "portable"])
def test_nested_inputs_scalars_and_every_dtype_give_what_eager_gives(delegate: str, tmp_path: Path) -> None:
    artifact = build_here(tmp_path / "a", "model=structured", "model.which=mixed", f"delegate={delegate}")
    assert {spec.dtype for spec in artifact.inputs} == FLOATS | INTEGERS
    assert [spec.shape for spec in artifact.inputs if not spec.shape] == [[]], "one is 0-d"
    assert artifact.input_names[:3] == ["x", "pairs_0", "pairs_1"]
    assert len(artifact.input_names) == len(artifact.inputs)
    assert artifact.constants["scale"] == "2.5"
    assert artifact.constants["mask"] == "None"
    differences = _differences(tmp_path / "a")
    assert len(differences) == len(artifact.outputs) == 12
    assert max(differences) < 1e-6
    assert differences[3:] == [0] * 9, "flags and dtypes are exact"


def test_layers_of_a_nested_model_are_named_and_kept_by_the_names_of_the_model(tmp_path: Path) -> None:
    shapes = {"state_1": (8, 1, 2, 32), "state_0": (8, 1, 2, 32), "x": (8, 2, 3, 16)}
    draw = np.random.default_rng(0).standard_normal
    np.savez(tmp_path / "own.npz", **{name: draw(shape, np.float32) for name, shape in shapes.items()})
    options = ("precision=int8", f"calibration.npz={tmp_path / 'own.npz'}", "numerics=true")
    quantized = build_here(tmp_path / "a", "model=structured", *options)
    assert quantized.input_names == ["x", "state_0", "state_1"]
    assert quantized.inputs[1].shape == [1, 2, 32]
    assert quantized.numerics is not None
    assert "head" in {layer.name for layer in quantized.numerics.layers}
    assert max(_differences(tmp_path / "a")) > 1e-4
    kept = build_here(tmp_path / "b", "model=structured", *options, "precision.keep_fp32=[head,rnn]")
    assert kept.refusal, "all layers are kept by their names, so nothing is left to quantize"


@pytest.mark.parametrize("delegate", ["xnnpack", "portable"])
def test_float64_stays_unless_a_cast_is_asked_for_and_it_says_so(delegate: str, tmp_path: Path) -> None:
    model = ("model=structured", "model.which=float64", f"delegate={delegate}")
    artifact = build_here(tmp_path / "a", *model)
    assert artifact.float_dtypes == [artifact.inputs[0].dtype] == ["float64"]
    assert _differences(tmp_path / "a") == [0]
    if delegate == "portable":
        cast = build_here(tmp_path / "b", *model, "+precision.cast_float64=true")
        assert cast.float_dtypes == [cast.inputs[0].dtype] == ["float32"]
        assert cast.outputs[0].dtype == "float64", "of the reference, which stays eager"


@pytest.mark.parametrize("precision", ["int8", "int8_dynamic", "8da4w"])
def test_weights_that_are_not_float32_are_not_quantized_and_it_says_why(
    precision: str, tmp_path: Path
) -> None:
    with pytest.raises(EtbenchError, match="the weights are float64, and only float32 can be") as caught:
        build_here(
            tmp_path / "a", "model=structured", "model.which='double weights'", f"precision={precision}"
        )
    assert caught.value.stage == "quantize"
    assert "module.float()" in caught.value.hint


def test_an_input_without_axes_is_a_batch_of_one(tmp_path: Path) -> None:
    artifact = build_here(tmp_path / "a", "model=structured", "model.which=scalar")
    assert (artifact.inputs[0].shape, artifact.batch) == ([], 1)
    assert _differences(tmp_path / "a") == [0]


@pytest.mark.parametrize(
    ("which", "words"), [("empty", "have a batch of 0"), ("'no tensor'", "they contain no tensor")]
)
def test_inputs_without_a_value_are_refused_at_load(which: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=words) as caught:
        build_here(tmp_path / "a", "model=structured", f"model.which={which}")
    assert caught.value.stage == "load"


@pytest.mark.filterwarnings("ignore:.*_flat_weights:UserWarning")  # of torch about its own LSTM
def test_an_exported_program_with_nested_arguments_is_exported_again_for_flat_ones(tmp_path: Path) -> None:
    module, example = structured("state")
    torch.export.save(torch.export.export(module.eval(), example, strict=False), tmp_path / "net.pt2")
    overrides = ("model=exported", f"model.path={tmp_path / 'net.pt2'}")
    artifact = build_here(tmp_path / "a", *overrides)
    assert artifact.input_names == ["x", "state_0", "state_1"]
    assert artifact.data.startswith("the example inputs in the file")
    assert max(_differences(tmp_path / "a")) < 1e-6


def test_inputs_of_the_command_line_take_the_place_of_the_flat_tensors(tmp_path: Path) -> None:
    specs = "[{shape: [5, 3, 16]}, {shape: [1, 5, 32]}, {shape: [1, 5, 32]}]"
    artifact = build_here(tmp_path / "a", "model=structured", f"+model.inputs={specs}")
    assert [spec.shape[:2] for spec in artifact.inputs] == [[5, 3], [1, 5], [1, 5]]
    with pytest.raises(EtbenchError, match=r"3 tensors are needed \(x, state_0, state_1\), not 1"):
        build_here(tmp_path / "b", "model=structured", "+model.inputs=[{shape: [5, 3, 16]}]")


@pytest.mark.parametrize("model", ["structured model.which=mixed", "nested"])
def test_pytorch_runs_the_program_in_a_process_that_knows_no_class_of_the_model(
    model: str, tmp_path: Path
) -> None:
    build_here(tmp_path / "a", *f"model={model} delegate=eager".split())
    executor = "etbench.runtime.pytorch.PyTorchProgram"
    task = CheckTask(folder=str(tmp_path / "a"), threads=1, logits_axis=None, executor=executor)
    check = in_spawned(task, CheckPass, Supervision("parity", lambda _: None, lambda _: None))
    assert check.parity.exact
