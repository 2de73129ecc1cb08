"""A quantized program with float weights in front of their quantization computes the same."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny
from torch.export import ExportedProgram

from etbench.builder.quantization import count_quantized
from etbench.delegates.other_runtime import ToWrite, written_in_int8
from etbench.delegates.unfolding import unfolded
from etbench.errors import NotApplicableError
from etbench.precisions import Shown, convert
from etbench.precisions.integer import int8
from etbench.preflight.compose import compose


@pytest.fixture(scope="module")
def quantized() -> ExportedProgram:
    module, example = tiny()
    program = torch.export.export(module.eval(), (example,), strict=False)
    return convert(int8(per_channel=True, dynamic=False), module, program, Shown([(example,)]))


def test_the_outputs_are_equal_to_the_last_bit_and_the_weights_are_floats(quantized: ExportedProgram) -> None:
    other = unfolded(quantized)
    inputs, _ = quantized.example_inputs
    assert torch.equal(other.module()(*inputs), quantized.module()(*inputs))
    assert count_quantized(quantized).weights_share > 0.9, "the biases are in float"
    of_weights = torch.ops.quantized_decomposed
    kinds = (of_weights.quantize_per_channel.default, of_weights.dequantize_per_channel.default)
    calls = [node for node in other.graph.nodes if node.target in kinds]
    assert len(calls) == 4
    for node in calls:
        (first, *_) = node.args
        assert first.meta["val"].is_floating_point() == (node.target == kinds[0])


def _given(program: ExportedProgram, *overrides: str) -> ToWrite:
    precision = compose(["model=mobilenet_v2", *overrides]).precision
    return ToWrite(program, program, [], precision, quantized=True)


class Writers:
    """Writers that note which one was called; the first fails if it has a reason."""

    def __init__(self, refuses: str = "") -> None:
        self.called: list[str] = []
        self.refuses = refuses

    def same(self) -> None:
        self.called.append("same")
        if self.refuses:
            raise ValueError(f"{self.refuses}\nand more")

    def own(self) -> None:
        self.called.append("own")


def test_auto_takes_the_scales_of_the_precision_where_the_runtime_takes_them(
    quantized: ExportedProgram,
) -> None:
    given = _given(quantized, "precision=int8")
    writers = Writers()
    assert written_in_int8(given, "auto", same=writers.same, own=writers.own) is None
    assert writers.called == ["same"]
    writers = Writers("no such operator")
    why = written_in_int8(given, "auto", same=writers.same, own=writers.own)
    assert why == "the runtime does not take the precision's scales: ValueError: no such operator"
    assert writers.called == ["same", "own"]


def test_same_fails_where_the_runtime_does_not_take_it_and_own_does_not_try(
    quantized: ExportedProgram,
) -> None:
    given = _given(quantized, "precision=int8")
    writers = Writers("no such operator")
    with pytest.raises(ValueError, match="no such operator"):
        written_in_int8(given, "same", same=writers.same, own=writers.own)
    assert written_in_int8(given, "own", same=writers.same, own=writers.own) == "delegate.quantization=own"
    assert writers.called == ["same", "own"]


@pytest.mark.parametrize(
    ("overrides", "needs", "reason"),
    [
        (["precision=int8_dynamic"], "", "not as precision=int8_dynamic"),
        (["precision=int8", "precision.keep_fp32=[classifier]"], "", "with keep_fp32"),
        (["precision=int8"], "no_such_package", "'no_such_package' is not installed: pip install it"),
    ],
)
def test_what_a_runtime_cannot_quantize_itself_is_skipped_with_the_reason(
    overrides: list[str], needs: str, reason: str, quantized: ExportedProgram
) -> None:
    writers = Writers()
    with pytest.raises(NotApplicableError, match=reason):
        written_in_int8(
            _given(quantized, *overrides),
            "own",
            same=writers.same,
            own=writers.own,
            needs=needs,
            install="pip install it",
        )
    assert writers.called == []
