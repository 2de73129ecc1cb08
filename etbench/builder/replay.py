"""Run each part of a converted program alone: on the values of fp32, and with everything after it in fp32.

A part is a layer or a block: nodes of a graph that come from the same modules of the eager model. Its output
is the last floating-point tensor made in it. Parts are matched by name, so that the two graphs may differ in
their operators. Both are run by PyTorch, without a delegate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.utils._pytree import tree_leaves

from etbench.builder.quantization import is_conversion
from etbench.stats import compare_outputs

__all__ = ["Parts", "PartsOf", "Replay", "fidelity_db", "finite", "floats", "replay"]

Array = NDArray[np.float32]
Batch = tuple[Tensor, ...]
PartsOf = Callable[[fx.Graph], dict[fx.Node, str]]  # the part of each node that belongs to one


@dataclass(frozen=True)
class Parts:
    """The output of each part for one batch, by its name, in the order they run.

    Args:
        fp32: of the fp32 program.
        together: of the converted program, so with the errors of all parts before it.
        alone: of the converted part on the fp32 values, stored as the converted program stores them.

    """

    fp32: Mapping[str, Tensor]
    together: Mapping[str, Tensor]
    alone: Mapping[str, Tensor]


class Replay:
    """One batch run through both programs.

    Args:
        fp32: the program as it was exported.
        converted: the same in its precision.
        parts_of: the parts.
        inputs: the batch, for each of the two.

    """

    def __init__(
        self,
        fp32: fx.GraphModule,
        converted: fx.GraphModule,
        parts_of: PartsOf,
        inputs: tuple[Batch, Batch],
    ) -> None:
        self._fp32, self._ends = fp32, _ends(fp32.graph, parts_of)
        self._run = _Run(fp32)
        with torch.no_grad():
            self.outputs = floats(self._run.run(*inputs[0]))
            wanted = {part: self._run.env[node] for part, node in self._ends.items()}
            together = _Together(converted, parts_of)
            together.run(*inputs[1])
            alone = _Alone(converted, parts_of, wanted)
            alone.run(*inputs[1])
        self.parts = Parts(wanted, together.found, alone.found)

    def output_of(self, part: str) -> list[Tensor]:
        """Return the outputs of the model of which only this part, one of `parts.alone`, is converted."""
        end = self._ends[part]
        after = _after(end)
        known = {node: value for node, value in self._run.env.items() if node not in after}
        known[end] = self.parts.alone[part]
        with torch.no_grad():
            return floats(_Run(self._fp32).run(initial_env=known))


def replay(
    fp32: ExportedProgram,
    converted: ExportedProgram,
    parts_of: PartsOf,
    batches: Iterable[tuple[Batch, Batch]],
) -> Iterator[Replay]:
    """Run batches, each given as the fp32 program takes it and as the converted one does, one at a time."""
    original, other = fp32.module(), converted.module()
    for inputs in batches:
        yield Replay(original, other, parts_of, inputs)


class _Run(fx.Interpreter):
    """Keeps the value of each node; operators that write to their inputs write to copies of them."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(target, OpOverload) and target._schema.is_mutable:
            args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)
        return super().call_function(target, args, kwargs)


class _Together(_Run):
    """Notes the output of each part."""

    def __init__(self, module: fx.GraphModule, parts_of: PartsOf) -> None:
        super().__init__(module)
        self.part_at = {node: part for part, node in _ends(module.graph, parts_of).items()}
        self.found: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n in self.part_at:
            self.found[self.part_at[n]] = value
        return value


class _Alone(_Together):
    """Notes the output of each part, and goes on with the fp32 values instead."""

    def __init__(self, module: fx.GraphModule, parts_of: PartsOf, wanted: Mapping[str, Tensor]) -> None:
        super().__init__(module, parts_of)
        self._wanted = wanted

    def run_node(self, n: fx.Node) -> Any:
        value = fx.Interpreter.run_node(self, n)
        part = self.part_at.get(n)
        wanted = self._wanted.get(part) if part is not None else None
        if part is None or wanted is None or wanted.shape != value.shape:
            return value
        self.found[part] = _stored(n, value).to(wanted.dtype)
        return wanted.to(value.dtype)


def _ends(graph: fx.Graph, parts_of: PartsOf) -> dict[str, fx.Node]:
    """Return the last node of each part that makes a floating-point tensor."""
    ends: dict[str, fx.Node] = {}
    for node, part in parts_of(graph).items():
        value = node.meta.get("val")
        if isinstance(value, Tensor) and value.is_floating_point() and not is_conversion(node):
            ends.pop(part, None)  # so that they are in the order of their ends
            ends[part] = node
    return ends


def _stored(node: fx.Node, value: Tensor) -> Tensor:
    """Return a value as it is stored after a node: as integers, if there is a range for it."""
    for user in node.users:
        scale = [arg for arg in user.args[1:] if isinstance(arg, fx.Node)]
        if is_conversion(user, "quantize") and not scale and user.users:
            back = next(iter(user.users))
            if is_conversion(back, "dequantize") and isinstance(back.target, OpOverload):
                stored = user.target(value, *user.args[1:], **user.kwargs)  # type: ignore[operator]
                return back.target(stored, *back.args[1:], **back.kwargs)  # type: ignore[no-any-return]
    return value


def _after(node: fx.Node) -> set[fx.Node]:
    """Return the nodes that depend on a node."""
    found: set[fx.Node] = set()
    pending = list(node.users)
    while pending:
        user = pending.pop()
        if user not in found:
            found.add(user)
            pending += user.users
    return found


def finite(value: float | None) -> float | None:
    """Return a value that JSON has; None for what is infinite or not known."""
    return value if value is not None and math.isfinite(value) else None


def floats(outputs: Any) -> list[Tensor]:
    """Return the floating-point tensors of what a program returned."""
    return [one for one in tree_leaves(outputs) if isinstance(one, Tensor) and one.is_floating_point()]


def fidelity_db(wanted: Sequence[Sequence[Tensor]], found: Sequence[Sequence[Tensor]]) -> float | None:
    """Return the SQNR in dB of the worst output: infinite if all are equal, None if it is not known."""
    return compare_outputs(_joined(wanted), _joined(found)).fidelity_db


def _joined(batches: Sequence[Sequence[Tensor]]) -> list[Array]:
    """Concatenate the batches of each output."""
    return [
        np.concatenate([np.atleast_1d(tensor.float().numpy()) for tensor in members])
        for members in zip(*batches, strict=True)
    ]
