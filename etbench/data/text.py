"""Sentences: those in `sentences.txt`, or a text file of the user's own, one a line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["sentences"]


def sentences(file: Path | None) -> list[str]:
    """Return the non-empty lines of a UTF-8 file; None stands for the bundled sentences."""
    if file is None:
        text = files("etbench.data").joinpath("sentences.txt").read_text(encoding="utf-8")
    else:
        text = file.read_text(encoding="utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
