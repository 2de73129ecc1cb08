"""Models that change with each call, and models that give two answers for one input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from running import build_here
from torch import nn

from etbench.artifact import program_path
from etbench.artifact.references import read_references
from etbench.builder.repeatable import disagreement, keeping_state
from etbench.measure.passes.rounds import check


def test_a_program_with_a_state_starts_where_eager_started(tmp_path: Path) -> None:
    """The first reference input is run first on both sides, and each call counts."""
    artifact = build_here(tmp_path / "a", "model=custom", "model._target_=tiny_models.counting")
    assert artifact.not_repeatable == ""
    _, outputs = read_references(tmp_path / "a")
    assert outputs[0][0].tolist() == [[1.0, 2.0]], "the first call of the model multiplies by one"
    assert program_path(tmp_path / "a").exists()
    assert check(tmp_path / "a", 1, None).parity.exact


def test_dropout_that_stays_on_is_named_with_its_line(tmp_path: Path) -> None:
    artifact = build_here(tmp_path / "a", "model=custom", "model._target_=tiny_models.dropping")
    assert "two runs on one input differ" in artifact.not_repeatable
    assert "nn.functional.dropout(x, 0.5)" in artifact.not_repeatable


def test_buffers_are_restored_replaced_ones_too() -> None:
    class Stateful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Module()
            self.inner.register_buffer("added", torch.zeros(2))
            self.inner.register_buffer("replaced", torch.zeros(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.inner.added += x
            self.inner.replaced = self.inner.replaced + x
            return self.inner.added + self.inner.replaced

    module = Stateful()
    with keeping_state(module):
        module(torch.ones(2))
        assert module.inner.replaced.tolist() == [1, 1]
    assert {name: buffer.tolist() for name, buffer in module.named_buffers()} == {
        "inner.added": [0, 0],
        "inner.replaced": [0, 0],
    }


@pytest.mark.parametrize(
    ("again", "words"),
    [
        (torch.ones(3) * torch.arange(3), ""),
        (torch.tensor([0.0, 1.0, 2.000001]), ""),
        (torch.tensor([0.0, 1.0, 4.0]), "SQNR of 1.0 dB"),
    ],
    ids=["equal", "another order of additions", "another answer"],
)
def test_only_more_than_rounding_is_a_disagreement(again: torch.Tensor, words: str) -> None:
    said = disagreement([torch.arange(3.0)], lambda: [again])
    assert words in said
    assert bool(words) == bool(said)


def test_other_classes_are_a_disagreement() -> None:
    said = disagreement([torch.arange(4)], lambda: [torch.tensor([0, 1, 2, 0])])
    assert "75.0%" in said
