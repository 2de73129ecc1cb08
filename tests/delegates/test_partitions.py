"""Subgraphs that wait for one another, which XNNPACK's partitioner can make."""

from __future__ import annotations

from torch import fx
from torch.fx.passes.infra.partitioner import Partition

from etbench.delegates.partitions import _waits_for_itself


def test_two_subgraphs_wait_for_one_another_though_neither_waits_for_itself() -> None:
    graph = fx.Graph()
    x, y = graph.placeholder("x"), graph.placeholder("y")
    a, c = graph.call_function(abs, (x,)), graph.call_function(abs, (y,))
    b, d = graph.call_function(abs, (a,)), graph.call_function(abs, (c,))
    first, second = Partition(0, {a, d}), Partition(1, {b, c})
    for partition in (first, second):
        assert not _waits_for_itself(partition.nodes, [partition])
        assert _waits_for_itself(partition.nodes, [first, second])
    apart = [Partition(0, {a}), Partition(1, {b, c}), Partition(2, {d})]
    assert not any(_waits_for_itself(partition.nodes, apart) for partition in apart)


def test_a_weight_that_is_used_outside_too_makes_nobody_wait() -> None:
    graph = fx.Graph()
    weight, tokens = graph.placeholder("weight"), graph.placeholder("tokens")
    embedded = graph.call_function(getattr, (weight, tokens))
    head = Partition(0, {weight, graph.call_function(max, (embedded, weight))})
    assert not _waits_for_itself(head.nodes, [head])
