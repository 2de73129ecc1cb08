"""Exports with open axes, and calls that do not fit the module."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from running import build_here
from tiny_models import fed_otherwise

from etbench.artifact import program_path
from etbench.artifact.layout import stored_inputs
from etbench.artifact.references import read_references
from etbench.builder.segments import read_program
from etbench.errors import EtbenchError


def test_a_program_with_an_open_batch_takes_any_up_to_the_largest(tmp_path: Path) -> None:
    from executorch.extension.pybindings import _C

    artifact = build_here(tmp_path / "a", "model=tiny", "+model.dynamic.batch=6")
    assert artifact.inputs[0].shape == [1, 3, 8, 8], "what is timed is the batch that was asked for"
    method = _C._load_program(str(program_path(tmp_path / "a"))).load_method("forward")
    for batch in (1, 2, 6):
        assert method.call((torch.randn(batch, 3, 8, 8),))[0].shape == (batch, 5)
    with pytest.raises(RuntimeError, match="0x10"):
        method.call((torch.randn(7, 3, 8, 8),))


def test_a_program_with_open_axes_is_compared_at_its_smallest_and_largest_sizes_too(tmp_path: Path) -> None:
    from etbench.measure.passes.rounds import check

    sizes = ("+model.dynamic.batch=4", "+model.dynamic.seq_len=7")
    artifact = build_here(tmp_path / "a", "model=short_text", "delegate=portable", *sizes)
    assert (artifact.dynamic.batch, artifact.dynamic.seq_len) == (4, 7)
    assert artifact.references == 5, (
        "the example and four inputs that are derived from it, none of another size"
    )
    found = check(tmp_path / "a", threads=1, logits_axis=None)
    assert [one.inputs for one in found.other_sizes] == [[[1, 1]] * 2, [[4, 7]] * 2]
    for parity in (found.parity, *(one.parity for one in found.other_sizes)):
        assert parity.sqnr_db is not None
        assert parity.sqnr_db > 80


@pytest.mark.parametrize(
    ("which", "delegate"),
    [
        ("double", "portable"),
        ("permuted", "portable"),
        ("mean", "portable"),
        ("mean", "xnnpack"),
        ("one channel", "xnnpack"),
    ],
)
def test_a_program_fits_the_memory_layout_of_the_inputs_that_are_kept(
    which: str, delegate: str, tmp_path: Path
) -> None:
    build_here(tmp_path / "a", "model=fed_otherwise", f"model.which='{which}'", f"delegate={delegate}")
    _assert_equal_to_eager(tmp_path / "a")


@pytest.mark.parametrize("delegate", ["portable", "xnnpack"])
def test_channels_last_on_purpose_holds_for_the_program_and_for_what_it_is_fed(
    delegate: str, tmp_path: Path
) -> None:
    model = ("model=fed_otherwise", "model.which=mean", f"delegate={delegate}")
    artifact = build_here(tmp_path / "a", *model, "+model.memory_format=channels_last")
    assert artifact.memory_format == "channels_last"
    (plan,) = read_program(program_path(tmp_path / "a")).execution_plan
    assert plan.values[plan.inputs[0]].val.dim_order == [0, 2, 3, 1]
    for (tensor,) in read_references(tmp_path / "a")[0]:
        assert tensor.is_contiguous(memory_format=torch.channels_last)
        assert not tensor.is_contiguous()
    assert all(tensor.channels_last for tensor in stored_inputs(tmp_path / "a", stage="time"))
    _assert_equal_to_eager(tmp_path / "a")


@pytest.mark.parametrize(
    "model",
    [
        ("model=two_inputs", "+model.inputs=[{shape: [2, 3]}, {shape: [2, 3]}]"),
        ("model=fed_otherwise", "model.which='one channel'"),
    ],
    ids=["no image", "one channel"],
)
def test_channels_last_is_refused_where_it_changes_nothing(model: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=r"memory_format=channels_last changes nothing") as caught:
        build_here(tmp_path / "a", *model, "+model.memory_format=channels_last")
    assert caught.value.stage == "load"


def test_an_exported_program_with_another_memory_layout_is_exported_again(tmp_path: Path) -> None:
    module, example = fed_otherwise("double")
    torch.export.save(torch.export.export(module, (example,)), tmp_path / "net.pt2")
    overrides = ("model=exported", f"model.path={tmp_path / 'net.pt2'}", "delegate=portable")
    build_here(tmp_path / "a", *overrides)
    _assert_equal_to_eager(tmp_path / "a")


def _assert_equal_to_eager(folder: Path) -> None:
    from executorch.extension.pybindings import _C

    method = _C._load_program(str(program_path(folder))).load_method("forward")
    for inputs, (expected,) in zip(*read_references(folder), strict=True):
        torch.testing.assert_close(method.call(inputs)[0], expected, rtol=1e-5, atol=1e-5)


def test_a_largest_size_below_that_of_the_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=r"model\.dynamic\.seq_len=2: the inputs have 3") as caught:
        build_here(tmp_path / "a", "model=tiny", "+model.dynamic.seq_len=2")
    assert caught.value.stage == "export"


def test_a_module_called_with_other_inputs_says_what_it_takes_and_was_given(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match="missing 1 required positional argument: 'right'") as caught:
        build_here(tmp_path / "a", "model=two_inputs")
    assert caught.value.stage == "reference"
    assert "forward takes (left: 'torch.Tensor', right: 'torch.Tensor')" in caught.value.hint
    assert "was given (float32 [1, 4])" in caught.value.hint
    fitting = "+model.inputs=[{shape: [2, 3]}, {shape: [2, 3]}]"
    artifact = build_here(tmp_path / "b", "model=two_inputs", fitting)
    assert [spec.shape for spec in artifact.inputs] == [[2, 3], [2, 3]]
    assert "no real data are known" in artifact.data


def test_outputs_of_any_nesting_are_compared(tmp_path: Path) -> None:
    artifact = build_here(tmp_path / "a", "model=nested", "delegate=portable")
    assert [spec.shape for spec in artifact.outputs] == [[2, 3], [2, 4], [2, 3]]
    assert len(read_references(tmp_path / "a")[1][0]) == 3


def test_a_custom_function_may_return_a_module_alone_that_is_fed_with_photographs(tmp_path: Path) -> None:
    given = "model.inputs=[{shape: [2, 3, 8, 8]}]"
    artifact = build_here(tmp_path / "a", "model=custom", "model._target_=tiny_models.without_example", given)
    assert artifact.inputs[0].shape == [2, 3, 8, 8]
    assert artifact.references == 4
    assert "photographs" in artifact.data
    with pytest.raises(EtbenchError, match="returned Sequential") as caught:
        build_here(tmp_path / "b", "model=custom", "model._target_=tiny_models.without_example")
    assert "model.inputs=" in caught.value.hint
