"""int8 by PT2E quantization with the XNNPACK quantizer; it runs on XNNPACK and on portable kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    QuantizationConfig,
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from torch import Tensor, fx
from torch.export import ExportedProgram
from torchao.quantization.pt2e import MinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from etbench.precisions.conversion import Conversion, Shown, require_float32
from etbench.precisions.skip import kept_modules, module_path

__all__ = ["int8"]


def int8(*, per_channel: bool, dynamic: bool, keep_fp32: list[str] | None = None) -> Conversion:
    """Return a conversion of weights to int8, and of activations statically or dynamically.

    Args:
        per_channel: one scale per output channel of a weight; else one for the whole tensor.
        dynamic: activation ranges are computed at run time; else from the calibration batches.
        keep_fp32: module-name patterns that stay fp32, see `etbench.precisions.skip`.

    """

    def quantize(program: ExportedProgram, shown: Shown) -> ExportedProgram:
        require_float32(program.state_dict.values())
        graph = program.module()
        quantizer = _Quantizer().set_global(_scheme(per_channel, dynamic, shown.observer))
        if keep_fp32:
            quantizer.set_filter_function(_filter(graph, keep_fp32))
        prepared = prepare_pt2e(graph, quantizer)
        with torch.no_grad():
            for batch in shown.batches:
                prepared(*batch)
        return shown.export(convert_pt2e(prepared), shown.batches[0])

    return Conversion(after_export=quantize, quantizes=True)


def _scheme(per_channel: bool, dynamic: bool, observer: str) -> QuantizationConfig:
    """Return XNNPACK's scheme with this observer; its default is the histogram observer."""
    scheme = get_symmetric_quantization_config(is_per_channel=per_channel, is_dynamic=dynamic)
    if dynamic or observer == "histogram":
        return scheme
    minmax = MinMaxObserver.with_args(eps=2**-12)

    def with_minmax(spec: object) -> object:
        return dataclasses.replace(spec, observer_or_fake_quant_ctr=minmax)  # type: ignore[type-var]

    return dataclasses.replace(
        scheme,
        input_activation=with_minmax(scheme.input_activation),
        output_activation=with_minmax(scheme.output_activation),
    )


def _filter(graph: fx.GraphModule, keep_fp32: list[str]) -> Callable[[fx.Node], bool]:
    """Return a function that decides which nodes the quantizer may change."""
    nodes = [node for node in graph.graph.nodes if node.op == "call_function"]
    names = list(dict.fromkeys(name for node in nodes for name in _around(module_path(node))))
    layers = [module_path(node) for node in nodes if node.target in _LAYERS]
    kept = kept_modules(keep_fp32, names, layers)
    return lambda node: node.op != "call_function" or not kept(module_path(node))  # weights have no module


def _around(path: str) -> list[str]:
    """Return the names of a module and of all that contain it: ``a``, ``a.b`` and ``a.b.c``."""
    parts = path.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


_LAYERS = (
    torch.ops.aten.conv1d.default,
    torch.ops.aten.conv2d.default,
    torch.ops.aten.conv_transpose2d.input,
    torch.ops.aten.linear.default,
)


class _Quantizer(XNNPACKQuantizer):  # type: ignore[misc]  # it publishes no types
    """Workaround for upstream: do not quantize index arithmetic.

    XNNPACKQuantizer (executorch 1.5.1) turns the scalar of an integer add or mul into a float tensor,
    after which indices are floats: "tensors used as indices must be long". Every transformer has
    such nodes. Their scalars are made integer tensors here before it looks.
    `tests/precisions/test_integer.py` fails when the workaround is no longer needed.
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
