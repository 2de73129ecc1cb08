"""Sentences: those in `sentences.txt`, or in a text file of the user, one per line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from etbench.system.reading import read_file

__all__ = ["sentences"]


def sentences(file: Path | None) -> list[str]:
    """Return the non-empty lines of a UTF-8 file, or the bundled sentences for None."""
    if file is None:
        text = files("etbench.data").joinpath("sentences.txt").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if not line.startswith("#")]  # where they come from
    else:
        lines = read_file(file).decode("utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()]
