"""Encode a message of texts as JSON, whatever its texts contain."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from etbench.text import writable

__all__ = ["as_json"]


def as_json(message: Struct) -> bytes:
    """Return a message as JSON; lone surrogates, such as those of a path that is not UTF-8, are escaped."""
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(message)))


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {writable(key): _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list) else value
