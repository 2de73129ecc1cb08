"""Run a program layer by layer in fp32 and in its precision, and compare the output of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx
from torch.export import ExportedProgram

from etbench.precisions.skip import module_path
from etbench.stats.layers import Numerics, worst_layers

__all__ = ["compare_layers"]

Array = NDArray[np.float32]


def compare_layers(
    fp32: ExportedProgram,
    fp32_inputs: Sequence[tuple[Tensor, ...]],
    converted: ExportedProgram,
    inputs: Sequence[tuple[Tensor, ...]],
) -> Numerics:
    """Compare the outputs of the layers of a converted program with those of the fp32 one.

    A layer is a module of the eager model; its output is the last floating-point tensor made in it. Layers
    are matched by name, so that graphs may differ in their operators.

    Args:
        fp32: the program as it was exported.
        fp32_inputs: batches.
        converted: the same in its precision; it is run by PyTorch, not by a delegate.
        inputs: the same batches in the dtype that it takes.

    """
    original, other = fp32.module(), converted.module()
    return worst_layers(
        _kinds(original.graph),
        [_outputs(original, batch) for batch in fp32_inputs],
        [_outputs(other, batch) for batch in inputs],
    )


def _outputs(module: fx.GraphModule, inputs: tuple[Tensor, ...]) -> dict[str, Array]:
    recorder = _Recorder(module)
    with torch.no_grad():
        recorder.run(*inputs)
    return recorder.outputs


class _Recorder(fx.Interpreter):
    """Keeps the last floating-point tensor that each module makes.

    A batch norm counts as part of the layer before it, since quantization folds it into that layer.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.outputs: dict[str, Array] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        owner = n.all_input_nodes[0] if "batch_norm" in str(n.target) and n.all_input_nodes else n
        path = module_path(owner) if n.op == "call_function" else ""
        if path and isinstance(value, Tensor) and value.is_floating_point():
            self.outputs[path] = value.float().numpy().copy()
        return value


def _kinds(graph: fx.Graph) -> dict[str, str]:
    """Return the class of each module, by name."""
    kinds: dict[str, str] = {}
    for node in graph.nodes:
        for path, kind in (node.meta.get("nn_module_stack") or {}).values():
            name = kind if isinstance(kind, str) else kind.__name__
            kinds[str(path).removeprefix("L['self'].")] = name.rsplit(".", 1)[-1]
    return kinds
