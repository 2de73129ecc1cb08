"""Inputs that are derived from the example that came with a model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from etbench.calibration.derived import derived_inputs


def _derive(*example: Tensor, count: int = 4, seed: int = 0) -> list[tuple[Tensor, ...]]:
    return derived_inputs(example, count, seed)


def _normal(*shape: int, seed: int = 7) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_floats_have_the_statistics_of_the_example_and_stay_in_its_range() -> None:
    example = 100 + 20 * _normal(64, 64)
    first, second, *_ = (batch[0] for batch in _derive(example))
    assert first.shape == example.shape
    assert float(first.mean()) == pytest.approx(100, abs=2)
    assert float(first.std()) == pytest.approx(20, rel=0.05)
    assert example.min() <= first.min()
    assert first.max() <= example.max()
    assert not torch.equal(first, second)
    assert not torch.isin(first, example).all()


def test_the_same_seed_gives_the_same_inputs() -> None:
    (once,), (again,), (other,) = (_derive(_normal(3), count=1, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize(
    "example",
    [
        torch.arange(24).reshape(4, 6),
        torch.arange(16, dtype=torch.uint8),
        torch.arange(16) % 3 == 0,
        (torch.arange(16) % 2).float(),
        torch.tensor([0.5, float("-inf"), 1.5, float("-inf"), 2.5, 3.5, 4.5]),
        torch.tensor([[1 + 2j, 3 + 4j, 5 + 6j]]),
    ],
    ids=["indices", "bytes", "booleans", "mask of floats", "infinities", "complex"],
)
def test_what_may_have_only_some_values_is_permuted(example: Tensor) -> None:
    for (found,) in _derive(example):
        assert (found.dtype, found.shape) == (example.dtype, example.shape)
        assert sorted(found.flatten().tolist(), key=str) == sorted(example.flatten().tolist(), key=str)
        assert not torch.equal(found, example)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_any_width_stay_of_that_width(dtype: torch.dtype) -> None:
    (found,) = _derive(_normal(3, 5).to(dtype), count=1)[0]
    assert found.dtype == dtype


def test_a_constant_input_varies_only_if_nothing_else_does() -> None:
    state, values = torch.zeros(1, 8), _normal(1, 8)
    assert all(torch.equal(batch[1], state) for batch in _derive(values, state))
    for level, centre in ((1.0, 0), (300.0, 300)):
        (first, flag), *_ = _derive(torch.full((8, 64), level), torch.tensor([True]))
        assert flag.tolist() == [True]
        assert float(first.mean()) == pytest.approx(centre, abs=0.2)
        assert float(first.std()) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("example", [(torch.ones(2, 3, dtype=torch.int64),), (torch.zeros(0, 3),)])
def test_nothing_is_derived_from_what_cannot_vary(example: tuple[Tensor, ...]) -> None:
    assert _derive(*example) == []


def test_no_batch_occurs_twice() -> None:
    assert len(_derive(torch.tensor([0, 1]), count=20)) == 1


def test_an_example_may_require_gradients() -> None:
    assert len(_derive(_normal(3).requires_grad_())) == 4
