"""Subgraphs that XNNPACK's partitioner makes and that cannot be run."""

from __future__ import annotations

from pathlib import Path

import pytest
from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from running import build_here
from torch import fx
from torch.fx.passes.infra.partitioner import Partition

from etbench.delegates import partitions as module
from etbench.delegates.partitions import _waits_for_itself
from etbench.errors import EtbenchError
from etbench.measure.passes.rounds import check


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


PAD = "aten.constant_pad_nd.default"


def test_a_pad_between_two_scales_stays_out_of_the_delegate_and_runs(tmp_path: Path) -> None:
    delegation = build_here(tmp_path / "int8", "model=padded", "precision=int8").delegation
    assert delegation.left_behind[PAD] == 1
    assert "same scale" in delegation.reasons[PAD]
    assert check(tmp_path / "int8", 1, None).parity.sqnr_db > 20
    assert PAD in build_here(tmp_path / "fp32", "model=padded").delegation.delegated


def test_the_rule_for_pads_is_still_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RULES", ALL_PARTITIONER_CONFIGS)
    build_here(tmp_path / "int8", "model=padded", "precision=int8")
    with pytest.raises(EtbenchError, match="refuses the program"):
        check(tmp_path / "int8", 1, None)
