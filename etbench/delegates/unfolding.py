"""A quantized program with its weights in float again, as converters of other runtimes expect it."""

from __future__ import annotations

from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators of quantized programs
from torch import fx, nn
from torch.export import ExportedProgram

__all__ = ["unfolded"]

PAIRS: dict[Any, Any] = {
    torch.ops.quantized_decomposed.dequantize_per_tensor.default: (
        torch.ops.quantized_decomposed.quantize_per_tensor.default
    ),
    torch.ops.quantized_decomposed.dequantize_per_channel.default: (
        torch.ops.quantized_decomposed.quantize_per_channel.default
    ),
}


def unfolded(program: ExportedProgram) -> ExportedProgram:
    """Return the program with a quantization of a float weight in place of each stored integer weight.

    The floats are those that the integers represent, so quantizing them gives the same integers. OpenVINO and
    LiteRT recognize a quantized layer by this pair of conversions of its weight.
    """
    graph = program.module()
    assert isinstance(graph, fx.GraphModule)
    for node in list(graph.graph.nodes):
        if node.target in PAIRS and node.args[0].op == "get_attr":
            _unfold(graph, node)
    graph.recompile()
    assert program.example_inputs is not None  # `torch.export.export` keeps them
    inputs, keywords = program.example_inputs
    with torch.no_grad():
        return torch.export.export(graph, inputs, keywords, strict=False)


def _unfold(graph: fx.GraphModule, node: fx.Node) -> None:
    """Insert the quantization of a float weight before a dequantization of integers."""
    values = [_value(graph, argument) for argument in node.args]
    weight = node.target(*values)  # type: ignore[operator]  # an operator
    name = f"{node.name}_float"
    graph.register_parameter(name, nn.Parameter(weight, requires_grad=False))
    with graph.graph.inserting_before(node):
        stored = graph.graph.get_attr(name)
        quantize = graph.graph.call_function(PAIRS[node.target], (stored, *node.args[1:]))
    node.replace_input_with(node.args[0], quantize)  # type: ignore[arg-type]  # checked by the caller


def _value(graph: fx.GraphModule, argument: Any) -> Any:
    if not isinstance(argument, fx.Node):
        return argument
    owner, _, name = str(argument.target).rpartition(".")
    return getattr(graph.get_submodule(owner), name)
