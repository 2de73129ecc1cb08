"""JSON that may come from anyone: one error for whatever is wrong, and limits for values of any form."""

from __future__ import annotations

import functools
from typing import Any, TypeVar, overload

import msgspec

from etbench.text import writable

__all__ = ["MOST_DEPTH", "decode_json", "encode_json", "plain_fault"]

MOST_DEPTH = 64  # the YAML of a cell has about six levels
LEAST_INT, MOST_INT = -(2**63), 2**63 - 1

T = TypeVar("T")


@overload
def decode_json(body: bytes, kind: type[T]) -> T: ...
@overload
def decode_json(body: bytes) -> Any: ...
def decode_json(body: bytes, kind: Any = Any) -> Any:
    """Decode JSON to a type; values of the type `Any` may need `plain_fault`.

    Raises:
        DecodeError: whatever is wrong with it.

    """
    try:
        return _decoder(kind).decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error


def encode_json(value: Any) -> bytes:
    r"""Encode a value as JSON; in texts that are not UTF-8, such as some names of files, bytes are escaped.

    >>> encode_json({"path": "a\udcff"})
    b'{"path":"a\\\\udcff"}'
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(value)))


def plain_fault(value: Any) -> str | None:
    """Return what is wrong with a decoded value of any form: its depth, or an integer beyond 64 bits."""
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        inner = [one for outer in level for one in (outer.values() if type(outer) is dict else outer)]
        if any(type(one) is int and not LEAST_INT <= one <= MOST_INT for one in inner):
            return "an integer has more than 64 bits"
        if not (level := [one for one in inner if type(one) is dict or type(one) is list]):
            return None
    return f"nested more than {MOST_DEPTH} levels deep"


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {_writable(key): _writable(inner) for key, inner in value.items()}
    return [_writable(inner) for inner in value] if isinstance(value, list | tuple) else value
