"""The command line of `etbench upgrade`: what it refuses before it measures."""

from __future__ import annotations

import sys

import pytest
from running import status_of


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["to=current", "model=resnet18"], "from= is required: etbench upgrade from=executorch==1.4.1"),
        (["from=current", "to=current"], "from=current to=current: give two interpreters"),
        (
            ["from=current", f"to={sys.executable}", "--why"],
            "it profiles with this interpreter; use to=current",
        ),
        (["from=current", "to=nonesuch"], "nonesuch: no such environment"),
        (["from=current", "to=executorch==1.3.1"], "it needs torch 2.12"),
        (
            ["from=current", "--fail-above", "5%", "to=x", "env.run=y"],
            "env.run=y: from, to and --out decide this",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_first(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("upgrade", *arguments) == 2
    assert words in capsys.readouterr().err
