"""Run a program layer by layer in fp32 and in its precision, and find what each layer costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, fx
from torch.export import ExportedProgram

from etbench.builder.replay import Replay, fidelity_db, finite, replay
from etbench.precisions.skip import module_path
from etbench.stats.layers import Noise, Numerics, noise, worst_layers

__all__ = ["compare_layers"]

ALONE_ON = 2  # batches for what a layer costs alone: all that follows it runs once more for each layer


def compare_layers(
    fp32: ExportedProgram,
    fp32_inputs: Sequence[tuple[Tensor, ...]],
    converted: ExportedProgram,
    inputs: Sequence[tuple[Tensor, ...]],
) -> Numerics:
    """Compare the layers of a converted program with those of the fp32 one: together, and each alone.

    A layer is a module of the eager model; its output is the last floating-point tensor made in it.

    Args:
        fp32: the program as it was exported.
        fp32_inputs: batches.
        converted: the same in its precision.
        inputs: the same batches in the dtype that it takes.

    """
    noises: dict[str, Noise] = {}
    wanted: list[list[Tensor]] = []
    alone: dict[str, list[list[Tensor]]] = {}
    batches = list(zip(fp32_inputs, inputs, strict=True))
    for number, run in enumerate(replay(fp32, converted, _layers, batches)):
        for name, one in _noises(run):
            noises[name] = noises[name] + one if name in noises else one
        if number < ALONE_ON:
            wanted.append(run.outputs)
            for name in noises:
                alone.setdefault(name, []).append(run.output_of(name))
    costs = {name: finite(fidelity_db(wanted, outputs)) for name, outputs in alone.items()}
    return worst_layers(_kinds(fp32.graph), noises, costs)


def _layers(graph: fx.Graph) -> dict[fx.Node, str]:
    """Return the innermost module of each node that comes from one.

    A batch norm counts as part of the layer before it, since quantization folds it into that layer.
    """
    owners = {
        node: node.all_input_nodes[0] if "batch_norm" in str(node.target) and node.all_input_nodes else node
        for node in graph.nodes
        if node.op == "call_function"
    }
    return {node: path for node, owner in owners.items() if (path := module_path(owner))}


def _noises(run: Replay) -> Iterator[tuple[str, Noise]]:
    """Yield the layers that both programs have, with outputs of one shape."""
    for name, own in run.parts.alone.items():
        tensors = (run.parts.fp32[name], run.parts.together[name], own)
        yield name, noise(*(tensor.float().numpy() for tensor in tensors))


def _kinds(graph: fx.Graph) -> dict[str, str]:
    """Return the class of each module, by name."""
    kinds: dict[str, str] = {}
    for node in graph.nodes:
        for path, kind in (node.meta.get("nn_module_stack") or {}).values():
            name = kind if isinstance(kind, str) else kind.__name__
            kinds[str(path).removeprefix("L['self'].")] = name.rsplit(".", 1)[-1]
    return kinds
