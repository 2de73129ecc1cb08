"""Outputs of any nesting."""

from __future__ import annotations

from collections import OrderedDict

import torch
from tiny_models import nested

from etbench.models.wrapping import flatten


def test_tensors_come_out_in_the_order_of_the_exported_program() -> None:
    module, example = nested()
    tensors = flatten(module(example))
    assert [tuple(tensor.shape) for tensor in tensors] == [(2, 3), (2, 4), (2, 3)]
    exported = torch.export.export(module, (example,), strict=False)  # the dataclass is registered by now
    again = flatten(exported.module()(example))
    assert all(torch.equal(a, b) for a, b in zip(tensors, again, strict=True))


def test_dictionaries_and_outputs_of_transformers() -> None:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    a, b = torch.zeros(1), torch.ones(2)
    assert flatten(OrderedDict(out=a, aux=b)) == [a, b]
    assert flatten(BaseModelOutputWithPooling(last_hidden_state=a, pooler_output=b)) == [a, b]
    assert flatten({"loss": None, "count": 3}) == []
