"""Command lines that are printed for the user to copy, or recorded to be run again."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from etbench.redaction import arguments_without_secrets

__all__ = ["cell_arguments", "python_command", "quoted", "resume_arguments", "shell_words"]

# They concern the sweep that a cell is part of, or what the cell is compared with.
OF_THE_OCCASION = ("sweep.", "hydra.", "hydra/", "compare_to=", "fail_above=", "allow_undecided=")


def shell_words(arguments: Sequence[str]) -> str:
    """Return ``python -m etbench`` with arguments, for a shell."""
    return shlex.join(["python", "-m", "etbench", *arguments_without_secrets(arguments)])


def python_command(arguments: Sequence[str]) -> list[str]:
    """Return the same command as a list, for a new process of this interpreter."""
    return [sys.executable, "-m", "etbench", *arguments]


def resume_arguments(folder: Path) -> list[str]:
    """Return the arguments of ``python -m etbench`` that resume the sweep in a folder."""
    return ["-m", f"sweep.resume={quoted(str(folder))}"]


def cell_arguments(overrides: Sequence[str], flags: Mapping[str, Any]) -> list[str]:
    """Return the arguments of ``python -m etbench`` that run one cell by itself.

    Args:
        overrides: of the cell; those that concern a sweep are left out.
        flags: such as ``{"--config-dir": "conf"}``; those that are None are left out.

    """
    words = [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]
    own = [text for text in overrides if not text.lstrip("+~").startswith(OF_THE_OCCASION)]
    return [*words, *arguments_without_secrets(own)]


def quoted(text: str) -> str:
    """Quote a value for Hydra's grammar if it has more than letters, digits and the signs of a path."""
    if re.fullmatch(r"[\w./:-]+", text, re.ASCII):
        return text
    from hydra.core.override_parser.types import Quote, QuotedString  # reading results does not need Hydra

    return QuotedString(text, Quote.double).with_quotes()
