"""What an inference costs at least, counted without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import SymInt, Tensor, fx
from torch._ops import OpOverload
from torch.export import ExportedProgram

from etbench.artifact import Cost
from etbench.builder.macs import count_macs
from etbench.builder.quantization import all_nodes, computes

__all__ = ["Work", "cost_of", "count_work", "sizes_of"]


def sizes_of(program: ExportedProgram, inputs: Sequence[Tensor], *, token: bool) -> dict[str, int]:
    """Return the sizes of the dynamic axes that are timed, by the names of their symbols.

    Args:
        program: the export.
        inputs: those of the timed batch, flat.
        token: whether one token of a language model is timed, whose sequence has the length 1.

    """
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    given = [values.get(str(name)) for name in program.graph_signature.user_inputs]
    tensors = [value for value in given if isinstance(value, Tensor)]
    pairs: list[tuple[Any, int]] = [
        pair
        for value, tensor in zip(tensors, inputs, strict=False)
        for pair in zip(value.shape, tensor.shape, strict=False)
    ]
    return {
        str(size.node.expr): 1 if token else int(length)
        for size, length in pairs
        if isinstance(size, SymInt) and size.node.expr.is_Symbol
    }


@dataclass(frozen=True)
class Work:
    """The operations of an inference, which are those of all precisions; see `etbench.artifact.Cost`."""

    flops: int | None
    without_formula: dict[str, int]


def count_work(exported: ExportedProgram, sizes: Mapping[str, int]) -> Work:
    """Count the operations of an inference.

    Args:
        exported: the program before quantization.
        sizes: from `sizes_of`.

    """
    nodes = list(all_nodes(exported))
    macs = count_macs(nodes, sizes)
    without = Counter(str(node.target) for node in nodes if computes(node) and node not in (macs or {}))
    return Work(None if macs is None else 2 * sum(macs.values()), dict(without.most_common()))


def cost_of(work: Work, converted: ExportedProgram, inputs_and_outputs: Iterable[Tensor]) -> Cost:
    """Return the cost of an inference in a precision.

    Args:
        work: of the model, from `count_work`.
        converted: the program in its precision, whose weights are counted.
        inputs_and_outputs: of the timed batch.

    """
    weights = round(sum(_bits(node) for node in _weights(converted)) / 8)
    moved = sum(tensor.numel() * tensor.element_size() for tensor in inputs_and_outputs)
    return Cost(
        flops=work.flops,
        weight_bytes=weights,
        moved_bytes=weights + moved,
        without_formula=work.without_formula,
    )


def _weights(program: ExportedProgram) -> Iterator[fx.Node]:
    """Yield the constants of a program that it uses and does not write to."""
    signature = program.graph_signature
    constants = {
        *signature.inputs_to_parameters,
        *signature.inputs_to_buffers,
        *signature.inputs_to_lifted_tensor_constants,
    }
    written = set(signature.buffers_to_mutate.values())
    for node in program.graph.nodes:
        buffer = signature.inputs_to_buffers.get(node.name)
        if node.op == "placeholder" and node.name in constants and node.users and buffer not in written:
            yield node


def _bits(node: fx.Node) -> int:
    """Return the bits of a constant; integers that are turned back to floats have as many as their range."""
    value: Tensor = node.meta["val"]
    each: int = 8 * value.element_size()
    for user in node.users:
        target = user.target
        if isinstance(target, OpOverload) and target._opname.startswith("dequantize"):
            named = dict(zip((one.name for one in target._schema.arguments), user.args, strict=False))
            low, high = ({**named, **user.kwargs}.get(name) for name in ("quant_min", "quant_max"))
            if isinstance(low, int) and isinstance(high, int) and user.args[0] is node:
                each = min(each, (high - low).bit_length())
    return each * int(value.numel())
