"""The messages that the page of troubleshooting quotes are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def _quoted() -> list[str]:
    """Return the messages of the tables headed "message contains" or "reason contains"."""
    found: list[str] = []
    for table in re.findall(
        r"^\| (?:message|reason) contains .*?\n\|---.*?\n((?:\|.*\n)+)", PAGE, re.MULTILINE
    ):
        for row in table.splitlines():
            found += re.findall(r"`([^`]+)`", row.split(" | ")[0])
    return found


def _texts() -> Iterator[str]:
    for path in (ROOT / "etbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for path in (ROOT / "conf").rglob("*.yaml"):
        yield path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def texts() -> str:
    """Every text in the code, each on a line of its own."""
    return "\n".join(text.replace("\n", " ") for text in _texts())


@pytest.mark.parametrize("message", _quoted())
def test_a_quoted_message_is_in_the_code(message: str, texts: str) -> None:
    parts = [part.strip() for part in re.split(r"…|<[^>]+>|SIG[A-Z]+", message)]  # a gap is any value
    assert [part for part in parts if part not in texts] == []
