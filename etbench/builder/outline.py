"""The operators of a lowered graph: where each of them runs and comes from, and what it reads."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from executorch.exir.delegate import executorch_call_delegate
from torch import SymInt, Tensor, fx
from torch.export import ExportedProgram

from etbench.artifact import GraphOperator
from etbench.artifact.kinds import kind_of
from etbench.builder.coverage import operator_name, operators
from etbench.builder.macs import count_macs
from etbench.precisions.skip import module_path

__all__ = ["outline"]

CONVERSIONS = ("quantize", "dequantize")  # which a delegate fuses into its operators
ACTIVATIONS = "clamp"  # a kind that belongs to the operator before it

Made = tuple[int, ...]  # the positions of the operators that a value was made by


def outline(program: ExportedProgram, sizes: Mapping[str, int]) -> list[GraphOperator]:
    """Return the operators of a lowered program in the order of execution.

    Those of a subgraph stand where it is called. The conversions between floats and integers inside a
    subgraph are left out; what they convert counts as made by the operator before them.

    Args:
        program: from `to_edge_transform_and_lower`, before its memory is planned.
        sizes: those of the dynamic axes that are timed.

    """
    found = _Outline(sizes)
    found.add(program, {}, None)
    return found.operators


class _Outline:
    """Collects the operators of a program, and of the subgraphs that it calls."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.operators: list[GraphOperator] = []
        self._sizes = sizes
        self._subgraphs = 0

    def add(self, program: ExportedProgram, made: dict[fx.Node, Made], subgraph: int | None) -> list[Made]:
        """Add the operators of a program, and return which of all operators made each of its outputs.

        Args:
            program: the whole one, or a subgraph.
            made: by which operators its inputs are made, by its placeholders.
            subgraph: its number.

        """
        shown = [one for one in operators(program.graph) if subgraph is None or not _is_conversion(one)]
        macs = count_macs(shown, self._sizes) or {}
        precisions = _precisions(program, inside=subgraph is not None)
        listed = set(shown)
        outputs: dict[fx.Node, list[Made]] = {}
        for node in program.graph.nodes:
            if node.target is executorch_call_delegate:
                outputs[node] = self._call(program.graph_module, node, made)
            elif node.target is operator.getitem and node.args[0] in outputs:
                made[node] = next(iter(outputs[node.args[0]][node.args[1] :]), ())
            else:
                sources = _together(made, node)
                if node in listed:
                    made[node] = (len(self.operators),)
                    self.operators.append(
                        GraphOperator(
                            name=operator_name(node),
                            module=module_path(node),
                            shape=_shape(node.meta.get("val"), self._sizes),
                            flops=2 * macs[node] if node in macs else None,
                            subgraph=subgraph,
                            node=node.name,
                            inputs=list(sources),
                            precision=precisions[node],
                        )
                    )
                elif node.op != "placeholder":
                    made[node] = sources
        named = {node.name: one for node, one in made.items()}
        return [named.get(str(name), ()) for name in program.graph_signature.user_outputs]

    def _call(self, module: fx.GraphModule, call: fx.Node, made: Mapping[fx.Node, Made]) -> list[Made]:
        """Add the operators of the subgraph that a node calls."""
        called, *given = call.args
        assert isinstance(called, fx.Node)
        inner: ExportedProgram = getattr(module, str(called.target)).original_module
        names = set(inner.graph_signature.user_inputs)
        places = [one for one in inner.graph.nodes if one.op == "placeholder" and one.name in names]
        entering: dict[fx.Node, Made] = {}
        if len(places) == len(given):  # else it is not known which is which
            pairs = zip(places, given, strict=True)
            entering = {place: made.get(value, ()) for place, value in pairs if isinstance(value, fx.Node)}
        number, self._subgraphs = self._subgraphs, self._subgraphs + 1
        return self.add(inner, entering, number)


def _together(made: Mapping[fx.Node, Made], node: fx.Node) -> Made:
    """Return the operators that made the inputs of a node, each once."""
    return tuple(dict.fromkeys(one for source in node.all_input_nodes for one in made.get(source, ())))


def _precisions(program: ExportedProgram, *, inside: bool) -> dict[fx.Node, str]:
    """Return the dtypes of what each operator computes with, without its biases and indices.

    Args:
        program: the whole one, or a subgraph.
        inside: whether it is a subgraph: there an operator computes with the integers of which its inputs are
            made, and an activation function with those of the operator before it.

    """
    inputs = set(program.graph_signature.user_inputs)
    found: dict[fx.Node, str] = {}
    for node in operators(program.graph):
        dtypes: dict[str, None] = {}
        for source in node.all_input_nodes:
            converted = inside and _is_conversion(source)
            value = _stored(source) if converted else source
            tensor = value.meta.get("val")
            if not isinstance(tensor, Tensor) or not (converted or tensor.is_floating_point()):
                continue
            if value.op == "placeholder" and value.name not in inputs and tensor.ndim <= 1:
                continue
            before = found.get(value, "") if kind_of(operator_name(node)) == ACTIVATIONS else ""
            dtypes[before or _dtype(tensor)] = None
        own = node.meta.get("val")
        found[node] = ", ".join(dtypes) or (_dtype(own) if isinstance(own, Tensor) else "")
    return found


def _stored(conversion: fx.Node) -> fx.Node:
    """Return what a conversion converts."""
    source = conversion.args[0] if conversion.args else None
    return source if isinstance(source, fx.Node) else conversion


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _shape(value: Any, sizes: Mapping[str, int]) -> list[int]:
    """Return the shape of an output; empty if it is not one tensor, or a size is not known."""
    if not isinstance(value, Tensor):
        return []
    shape = [size.node.expr.subs(sizes) if isinstance(size, SymInt) else size for size in value.shape]
    return [int(size) for size in shape] if all(map(_is_number, shape)) else []


def _is_number(size: Any) -> bool:
    return isinstance(size, int) or bool(size.is_number)


def _is_conversion(node: fx.Node) -> bool:
    return operator_name(node).partition(".")[2].startswith(CONVERSIONS)
