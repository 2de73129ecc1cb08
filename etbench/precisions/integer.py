"""int8 by PT2E quantization with the XNNPACK quantizer; it runs on XNNPACK and on portable kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from torch import Tensor, fx
from torch.export import ExportedProgram
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from etbench.precisions.float import Quantize

__all__ = ["int8"]


def int8(*, per_channel: bool, dynamic: bool) -> Quantize:
    """Return a function that quantizes weights to int8, and activations statically or dynamically.

    Args:
        per_channel: one scale for each output channel of a weight; else one for the whole tensor.
        dynamic: activation ranges are found at run time; else from the calibration batches.

    """
    scheme = get_symmetric_quantization_config(is_per_channel=per_channel, is_dynamic=dynamic)

    def quantize(program: ExportedProgram, batches: Sequence[tuple[Tensor, ...]]) -> ExportedProgram:
        prepared = prepare_pt2e(program.module(), _Quantizer().set_global(scheme))
        with torch.no_grad():
            for batch in batches:
                prepared(*batch)
        return torch.export.export(convert_pt2e(prepared), batches[0], strict=False)

    return quantize


class _Quantizer(XNNPACKQuantizer):  # type: ignore[misc]  # it publishes no types
    """Upstream cure: leave index arithmetic alone.

    XNNPACKQuantizer (executorch 1.5.1) turns the scalar of an integer add or mul into a float tensor,
    after which indices are floats: "tensors used as indices must be long". Every transformer has
    such nodes. Their scalars are made integer tensors here before it looks.
    `tests/precisions/test_integer.py` tells when the cure is no longer needed.
    """

    def transform_for_annotation(self, model: fx.GraphModule) -> fx.GraphModule:
        for node in list(model.graph.nodes):
            if node.op == "call_function" and node.target in _SCALAR_OPS and _is_integer(node):
                _lift_scalars(model.graph, node)
        model.recompile()
        annotated: fx.GraphModule = super().transform_for_annotation(model)
        return annotated


_SCALAR_OPS = (torch.ops.aten.add.Tensor, torch.ops.aten.mul.Tensor)


def _is_integer(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and not value.is_floating_point() and not value.is_complex()


def _lift_scalars(graph: fx.Graph, node: fx.Node) -> None:
    for position, argument in enumerate(node.args):
        if isinstance(argument, int) and not isinstance(argument, bool):
            with graph.inserting_before(node):
                full = graph.call_function(
                    torch.ops.aten.full.default, ([], argument), {"dtype": node.meta["val"].dtype}
                )
            node.update_arg(position, full)
