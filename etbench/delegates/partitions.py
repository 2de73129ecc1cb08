"""Workarounds for upstream: subgraphs that XNNPACK can run, and that do not depend on each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from executorch.backends.xnnpack.partition.config.generic_node_configs import ConstantPadConfig, why
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.utils.quant_utils import is_dequant, is_quant
from executorch.exir.backend.canonical_partitioners.group_partitioner import GroupBasedPartitioner
from torch import fx
from torch.export import ExportedProgram
from torch.fx.passes.infra.partitioner import Partition
from torch.fx.passes.operator_support import OperatorSupportBase

__all__ = ["RULES", "AcyclicXnnpackPartitioner"]


class _EqualPad(ConstantPadConfig):  # type: ignore[misc]  # it publishes no types
    """The rule for padding, without a pad between two int8 tensors of different scales.

    XNNPACK refuses such a pad when it loads the program: "Failed to create StaticConstantPad node … with
    code: xnn_status_invalid_parameter" (executorch 1.5.1; swin_v2_t in int8).
    `tests/delegates/test_partitions.py` fails when the workaround is no longer needed.
    """

    def check_constraints(self, node: fx.Node, ep: ExportedProgram) -> bool:
        """Return whether XNNPACK can run a pad."""
        if not super().check_constraints(node, ep):
            return False
        source = node.all_input_nodes[0]
        for user in node.users:
            # Their arguments are the tensor, its scale, its zero point, the range and the dtype.
            if is_dequant(source) and is_quant(user) and source.args[1:] != user.args[1:]:
                why(node, reason="XNNPACK pads int8 only if its input and its output have the same scale")
                return False
        return True


RULES = [_EqualPad if rule is ConstantPadConfig else rule for rule in ALL_PARTITIONER_CONFIGS]


class AcyclicXnnpackPartitioner(XnnpackPartitioner):  # type: ignore[misc]  # it publishes no types
    """XNNPACK's partitioner, corrected for graphs whose subgraphs would need each other's outputs.

    XnnpackPartitioner (executorch 1.5.1) checks that no subgraph needs its own outputs, but not whether two
    subgraphs need each other's. Such a graph cannot be lowered: "Invalid partition, found dependency cycles".
    A decoder with a cache in dynamic int8 is an example: queries, keys and values share the quantization of
    their input, and keys and values pass through operators outside of any subgraph.
    Not every build of it is affected.
    """

    def generate_partitions(self, ep: ExportedProgram) -> list[Partition]:
        """Return the subgraphs; they differ from upstream's only if those cannot be lowered."""
        partitions: list[Partition] = super().generate_partitions(ep)
        if not any(_waits_for_itself(partition.nodes, partitions) for partition in partitions):
            return partitions
        groups = self.get_matched_nodes_from_configs(ep)
        taken = _Taken({node for group in groups for node in group})
        careful = _Careful(ep.graph_module, taken, allows_single_node_partition=True, node_groups=groups)
        found: list[Partition] = careful.propose_partitions()
        return found


class _Careful(GroupBasedPartitioner):  # type: ignore[misc]
    """Merges two subgraphs only if each other one can still run before or after the merged one."""

    def _can_merge_partitions(self, p1: int, p2: int, partitions_by_id: Mapping[int, Partition]) -> bool:
        if not super()._can_merge_partitions(p1, p2, partitions_by_id):
            return False
        merged = partitions_by_id[p1].nodes.keys() | partitions_by_id[p2].nodes.keys()
        others = [partition for id, partition in partitions_by_id.items() if id not in (p1, p2)]
        return not _waits_for_itself(merged, others)


class _Taken(OperatorSupportBase):
    def __init__(self, nodes: Collection[fx.Node]) -> None:
        self._nodes = nodes

    def is_node_supported(self, submodules: Mapping[str, Any], node: fx.Node) -> bool:
        return node in self._nodes


def _waits_for_itself(nodes: Collection[fx.Node], partitions: Collection[Partition]) -> bool:
    """Return whether these nodes depend on their own outputs, if every other subgraph runs as a whole."""
    members = {node: partition.nodes for partition in partitions for node in partition.nodes}
    seen: set[fx.Node] = set()
    waiting = [user for user in _users(nodes) if user not in nodes]
    while waiting:
        node = waiting.pop()
        if node in nodes:
            return True
        together = [one for one in members.get(node, (node,)) if one not in seen]
        seen.update(together)
        waiting += _users(together)
    return False


def _users(nodes: Iterable[fx.Node]) -> list[fx.Node]:
    """Return the nodes that use an output of these nodes, without users of weights."""
    return [user for node in nodes if node.op != "placeholder" for user in node.users]
