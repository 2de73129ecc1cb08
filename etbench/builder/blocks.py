"""The blocks of a model: the units that a mixed precision keeps in fp32."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import fx
from torch.export import ExportedProgram

from etbench.builder.quantization import quantized_operators
from etbench.precisions.skip import module_path, own_code

__all__ = ["Block", "Operator", "blocks_of", "parts_of", "split"]

MOST_LAYERS = 12  # layers with weights in a block; one of segformer or of a decoder has up to 10


@dataclass(frozen=True)
class Operator:
    """A quantized operator: the module that it comes from, and whether it has weights."""

    module: str
    has_weights: bool


@dataclass(frozen=True)
class Block:
    """A part of a model: its name, and the patterns of `keep_fp32` for its modules."""

    name: str
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class _Unit:
    """A module, or the own code of one, and its operators."""

    pattern: str
    operators: Sequence[Operator]

    @property
    def has_weights(self) -> bool:
        return any(operator.has_weights for operator in self.operators)


def blocks_of(program: ExportedProgram) -> list[Block]:
    """Return the blocks of a converted program, in the order in which they begin."""
    return split(
        [
            Operator(module_path(node), has_weights)
            for node, has_weights in quantized_operators(program).items()
        ]
    )


def split(operators: Sequence[Operator]) -> list[Block]:
    """Divide quantized operators into blocks.

    A block is a module of at most twelve layers that computes itself, as a residual block with its addition
    does, or of which each module has one layer, as a sequence of convolution, batch norm and activation.
    Larger modules, and the model, are divided into theirs. What has no weights belongs to the block before
    it: an activation, and the own code of a module that is divided.

    Args:
        operators: in the order they run.

    """
    units = sorted(_divided("", operators), key=lambda unit: operators.index(unit.operators[0]))
    blocks: list[list[_Unit]] = []
    for unit in units:
        if blocks and not (unit.has_weights and any(one.has_weights for one in blocks[-1])):
            blocks[-1].append(unit)
        else:
            blocks.append([unit])
    return [
        Block(
            next((one.pattern for one in block if one.has_weights), block[0].pattern),
            tuple(one.pattern for one in block),
        )
        for block in blocks
    ]


def parts_of(blocks: Iterable[Block]) -> Callable[[fx.Graph], dict[fx.Node, str]]:
    """Return a function that gives the name of the block of each node of a graph that belongs to one.

    A node that comes from no module of a block, such as the addition after two of them, belongs to the last
    block whose values it takes.
    """
    names = {pattern: block.name for block in blocks for pattern in block.patterns}

    def named(node: fx.Node) -> str:
        path = module_path(node)
        while path and path not in names:
            path = path.rpartition(".")[0]
        return names.get(path, "")

    def of(graph: fx.Graph) -> dict[fx.Node, str]:
        places: dict[fx.Node, int] = {}
        parts: dict[fx.Node, str] = {}
        for place, node in enumerate(graph.nodes):
            if node.op != "call_function":
                continue
            before = [source for source in node.all_input_nodes if source in parts]
            part = named(node) or (parts[max(before, key=places.__getitem__)] if before else "")
            if part:
                places[node], parts[node] = place, part
        return parts

    return of


def _divided(name: str, operators: Sequence[Operator]) -> list[_Unit]:
    """Return the units of a module."""
    own = [operator for operator in operators if operator.module == name]
    children: dict[str, list[Operator]] = {}
    for operator in operators:
        if operator.module != name:
            children.setdefault(_child(name, operator.module), []).append(operator)
    layers = {child: sum(one.has_weights for one in members) for child, members in children.items()}
    fits = sum(layers.values()) <= MOST_LAYERS and (own or max(layers.values(), default=0) <= 1)
    if name and (fits or not children):
        return [_Unit(name, operators)]
    units = [unit for child, members in children.items() for unit in _divided(child, members)]
    return [*units, _Unit(own_code(name), own)] if own else units


def _child(name: str, module: str) -> str:
    """Return the name of the module in another one that a module is, or is in.

    >>> _child("", "encoder.layer.0"), _child("encoder", "encoder.layer.0")
    ('encoder', 'encoder.layer')
    """
    depth = name.count(".") + 2 if name else 1
    return ".".join(module.split(".")[:depth])
