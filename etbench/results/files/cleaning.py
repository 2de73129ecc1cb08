r"""Texts of a result file as they are shown: without control characters, and none too long for a table.

The file keeps what it has; this is what the rest of etbench sees of it. An escape such as ``\x1b`` takes the
place of a character that cannot be shown, and a checksum that of what is cut off, so that two different texts
stay different. What is read by programs (the configuration, the command, lists of sources, which items are
right) stays as it is.
"""

from __future__ import annotations

import hashlib
from typing import Any

from etbench.text import printable

__all__ = ["LONGEST_LINE", "LONGEST_TEXT", "cleaned", "needs_cleaning"]

LONGEST_LINE = 250  # characters of a name; a chart of a name of 100,000 takes over a minute
LONGEST_TEXT = 20_000  # of a message or a traceback, which may have several lines
TEXTS = frozenset(
    {"advice", "cure", "hint", "log", "message", "note", "reason", "reasons", "traceback", "where"}
)
EXACT = frozenset({"command", "config", "correct", "evaluation_sources", "sources"})


def needs_cleaning(body: bytes) -> bool:
    """Return whether the JSON of a result may have a text that must be cleaned; true if in doubt.

    This takes a small part of the time of decoding it, and most files need no cleaning.
    """
    return b"\\" in body or not _is_printable(body) or _has_long_text(body)


def cleaned(raw: Any, name: str = "") -> Any:
    """Return a decoded result, or its part of this name, with its texts and keys as they are shown."""
    if name in EXACT:
        return raw
    match raw:
        case str():
            return _text(raw) if name in TEXTS else _line(raw)
        case dict():
            inside = name if name in TEXTS else ""
            return {_line(key): cleaned(value, inside or key) for key, value in raw.items()}
        case list():
            return [cleaned(value, name) for value in raw]
    return raw


def _is_printable(body: bytes) -> bool:
    if body.isascii():
        return b"\x7f" not in body  # JSON has the other control characters as escapes only
    try:
        return "".join(body.decode().split("\n")).isprintable()
    except UnicodeDecodeError:
        return False


def _has_long_text(body: bytes) -> bool:
    """Return whether a text is too long; it would be in one line, as it has no escapes."""
    step = LONGEST_LINE // 2
    if all(body.find(b"\n", at, at + step) >= 0 for at in range(0, len(body) - step + 1, step)):
        return False
    return max(map(len, body.split(b'"')[1::2]), default=0) > LONGEST_LINE


def _text(text: str) -> str:
    return _shortened(printable(text.replace("\t", "    ")), LONGEST_TEXT)


def _line(text: str) -> str:
    return _shortened(printable(text).replace("\n", "\\n"), LONGEST_LINE)


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:6]
    mark = f" … ({digest}, shortened)"
    return text[: most - len(mark)] + mark
