"""Example arguments of any nesting, and modules that take their tensors flat."""

from __future__ import annotations

import copy
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import structured, tiny
from torch import Tensor, nn

from etbench.errors import EtbenchError
from etbench.models.arguments import flatten_example, input_names, taking_tensors
from etbench.models.wrapping import flatten


def _flat(which: str) -> tuple[nn.Module, Any, tuple[Tensor, ...], Any]:
    """Return a module, what it returns for its example, the flat tensors and how they are arranged."""
    module, example, *keywords = structured(which)
    given = (example, keywords[0] if keywords else {})
    return module.eval(), module(*given[0], **given[1]), *flatten_example(module, *given)


@pytest.mark.parametrize("which", ["state", "mixed"])
def test_a_module_called_with_flat_tensors_does_what_it_does_with_its_own_arguments(which: str) -> None:
    module, expected, tensors, arguments = _flat(which)
    found = taking_tensors(module, arguments)(*tensors)
    assert len(flatten(found)) == len(flatten(expected)) > 1
    assert all(torch.equal(a, b) for a, b in zip(flatten(found), flatten(expected), strict=True))


def test_names_are_those_of_parameters_indices_keys_and_fields() -> None:
    module, _, tensors, arguments = _flat("mixed")
    names = list(arguments.tensor_names)
    assert names[:7] == [
        *("x", "pairs_0", "pairs_1"),
        *("parts_0_left", "parts_0_right_0", "parts_1_left", "parts_1_right_0"),
    ]
    assert {"float64", "uint8", "step", "flags"} < set(names), "taken as **others: without its name"
    assert arguments.constants == {
        "parts_0_right_1": None,
        "parts_1_right_1": None,
        "mask": None,
        "scale": 2.5,
        "flip": True,
        "times": 2,
    }
    assert input_names(taking_tensors(module, arguments)) == names
    assert len(tensors) == len(names)


def test_names_are_valid_in_python_and_different() -> None:
    class Odd(nn.Module):
        def forward(self, x_0: Tensor, x: list[Tensor], batch: dict[Any, Tensor], *more: Tensor) -> Tensor:
            return x_0 + x[0] + batch["pixel-values"] + batch[3] + more[0]

    one = torch.ones(1)
    tensors, arguments = flatten_example(Odd(), (one, [one], {"pixel-values": one, 3: one}, one), {})
    assert arguments is not None
    assert arguments.names == ("x_0", "x_0_2", "batch_pixel_values", "batch_3", "more_0")
    assert taking_tensors(Odd(), arguments)(*tensors) == 5


@pytest.mark.filterwarnings("ignore:.*_flat_weights:UserWarning")  # of torch about its own LSTM
def test_parts_keep_their_names_in_the_module_its_copy_and_its_export() -> None:
    module, expected, tensors, arguments = _flat("state")
    flat = copy.deepcopy(taking_tensors(module, arguments))
    assert dict(flat.named_parameters()).keys() == dict(module.named_parameters()).keys()
    assert type(flat).__name__ == "State"
    program = torch.export.export(flat, tensors, strict=False)
    assert list(program.graph_signature.user_inputs) == ["x", "state_0", "state_1"]
    paths = {
        path.removeprefix("L['self'].")
        for node in program.graph.nodes
        for path, _ in (node.meta.get("nn_module_stack") or {}).values()
    }
    assert {"rnn", "head"} <= paths
    nn.init.zeros_(flat.head.weight)
    assert not torch.equal(flat(*tensors)[0], expected[0]), "a copy is called with its own weights"
    assert torch.equal(module(tensors[0], tensors[1:])[0], expected[0]), "the original is left alone"


def test_positional_tensors_need_nothing() -> None:
    module, example = tiny()
    tensors, arguments = flatten_example(module, (example.requires_grad_(),), {})
    assert arguments is None
    assert torch.equal(tensors[0], example)
    assert not tensors[0].requires_grad


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize("kind", ["hook", "own forward", "graph"])
def test_a_module_whose_forward_is_not_that_of_its_class_is_called(kind: str) -> None:
    class Difference(nn.Module):
        def forward(self, pair: Pair) -> Tensor:
            return pair.a - pair.b

    module: nn.Module = Difference()
    example = (Pair(torch.ones(2), torch.zeros(2)),)
    seen = []
    match kind:
        case "hook":
            module.register_forward_pre_hook(lambda _, given: seen.append(given))
        case "own forward":
            module.forward = lambda pair: pair.a + 2 * pair.b  # type: ignore[method-assign]
        case "graph":
            module = torch.export.export(module, example, strict=False).module()
    _, arguments = flatten_example(module, example, {})
    assert arguments is not None
    found = taking_tensors(module, arguments)(torch.ones(2), torch.ones(2))
    assert found.tolist() == ([3, 3] if kind == "own forward" else [0, 0])
    assert bool(seen) == (kind == "hook")
    assert not seen or isinstance(seen[0][0], Pair)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.ones(2), r"pair_1 is numpy\.ndarray"),
        (SimpleNamespace(x=torch.ones(2)), r"pair_1 is types\.SimpleNamespace"),
    ],
)
def test_what_is_neither_a_tensor_nor_a_constant_is_refused_by_name(value: Any, words: str) -> None:
    class Takes(nn.Module):
        def forward(self, pair: Any) -> Any:
            return pair

    with pytest.raises(EtbenchError, match=words) as caught:
        flatten_example(Takes(), ((torch.ones(2), value),), {})
    assert caught.value.stage == "load"
    with pytest.raises(EtbenchError, match="they contain no tensor"):
        flatten_example(Takes(), (2.5,), {})


def test_arguments_that_forward_does_not_take_are_refused_with_its_signature() -> None:
    module, example = structured("state")
    with pytest.raises(EtbenchError, match="missing a required argument: 'state'") as caught:
        flatten_example(module, ([example[0]],), {})
    assert "its forward takes (x: " in caught.value.hint


def test_another_number_of_tensors_names_those_that_are_needed() -> None:
    module, _, tensors, arguments = _flat("state")
    with pytest.raises(TypeError, match=r"3 tensors are needed \(x, state_0, state_1\), not 2"):
        taking_tensors(module, arguments)(*tensors[:2])
