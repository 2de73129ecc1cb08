"""Every struct of a result file encodes and decodes to itself, whatever is in it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etbench.results.schema import Result

Strategy = st.SearchStrategy[Any]
LEAVES: dict[Any, Strategy] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
}
ANY = st.recursive(
    st.one_of(*LEAVES.values()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(LEAVES[str], inner, max_size=2),
    max_leaves=4,
)


def _strategy(kind: Any) -> Strategy:
    origin, inner = get_origin(kind), get_args(kind)
    if kind in LEAVES:
        return LEAVES[kind]
    if kind is Any:
        return ANY
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(_strategy, inner))
    if origin is Annotated:  # a number, or the length of a list, within bounds
        kind, bounds = inner
        if get_origin(kind) is list:
            each = _strategy(get_args(kind)[0])
            return st.lists(each, min_size=bounds.min_length or 0, max_size=bounds.max_length)
        if kind is float:
            low = bounds.ge if bounds.gt is None else 5e-324
            return st.floats(low, bounds.le, allow_nan=False, allow_infinity=False)
        assert kind is int
        return st.integers(bounds.ge, bounds.le)
    if origin is list:
        return st.lists(_strategy(inner[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(_strategy(inner[0]), _strategy(inner[1]), max_size=2)
    return st.builds(kind, **{field.name: _strategy(field.type) for field in msgspec.structs.fields(kind)})


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from _structs(field.type)
    for inner in get_args(kind):
        yield from _structs(inner)


STRUCTS = list(dict.fromkeys(_structs(Result)))


def test_all_parts_of_a_result_are_tried() -> None:
    names = {struct.__name__ for struct in STRUCTS}
    assert {"Result", "RoundFacts", "MachineLoad", "InTurn", "Operator", "Environment", "Layer"} <= names


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_struct_comes_back_as_it_was(struct: type[msgspec.Struct], data: st.DataObject) -> None:
    value = data.draw(_strategy(struct))
    body = msgspec.json.format(msgspec.json.encode(value), indent=2)
    assert msgspec.json.decode(body, type=struct) == value
