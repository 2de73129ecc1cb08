"""Overrides as they are written: their key and value, and what to write if Hydra cannot parse them."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from etbench.config.command import quoted

__all__ = [
    "first_line",
    "if_comma_is_text",
    "options_text",
    "override_key",
    "override_value",
    "quoting_fault",
    "unquoted",
]

PLAIN = re.compile(r"[\w./:\\+$%*@?| \t-]", re.ASCII)  # characters that need no quotes in a value


def override_key(text: str) -> str:
    """Return the key or group of an override, parsed or not."""
    return text.partition("=")[0].lstrip("+~")


def override_value(text: str) -> str:
    """Return the value of an override as it is written."""
    return text.partition("=")[2]


def unquoted(text: str) -> str:
    """Return the value as Hydra's grammar reads it, if it can."""
    try:
        return str(OverridesParser.create().parse_override(f"key={text}").value())
    except HydraException:
        return text  # is reported with all other errors


def if_comma_is_text(text: str) -> str:
    """Return how to write an override whose value has a comma in it."""
    return f"if ',' is part of the value, quote it: {_with_quotes(text)}"


def quoting_fault(text: str, error: HydraException) -> str:
    """Return why Hydra's grammar cannot read the value of an override, and how to write it as text."""
    key, _, value = text.partition("=")
    as_text = f"if it is text, quote it: {_with_quotes(text)}"
    if value.startswith(("'", '"')):
        whole = _with_quotes(f"{key}={value.replace(value[0], '')}")
        return f"{text}: quotes must enclose the whole value: {whole}"
    if value.startswith(("[", "{")):
        kind = "list" if value[0] == "[" else "mapping"
        return f"{text}: {value[0]!r} begins a {kind} that cannot be read; {as_text}"
    if "while evaluating" in str(error) and error.__cause__:
        return f"{text}: '(' calls a function: {first_line(error.__cause__)}; {as_text}"
    character = next((one for one in value if not PLAIN.match(one)), None)
    if character is None:
        return f"{text}: the value cannot be read; {as_text}"
    return f"{text}: the character {character!r} must be quoted: {_with_quotes(text)}"


def _with_quotes(text: str) -> str:
    """Return an override whose value is taken literally, for a shell."""
    key, _, value = text.partition("=")
    return shlex.quote(f"{key}={quoted(value)}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return str(error).strip().splitlines()[0]


def options_text(options: Sequence[str]) -> str:
    """List the options of a group; for a folder in it, only how many it has."""
    inside = Counter(option.partition("/")[0] for option in options if "/" in option)
    folders = [f"{folder}/… ({count})" for folder, count in inside.items()]
    return ", ".join([*(option for option in options if "/" not in option), *folders])
