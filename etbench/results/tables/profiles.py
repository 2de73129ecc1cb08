"""The operators of profiled cells as CSV: beside each result, and of many together."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etbench.measure.pass_results import Operator
from etbench.results.schema import Result
from etbench.results.tables.spreadsheet import CsvWriter
from etbench.system.files import replace_file

__all__ = ["HEADER", "operator_rows", "profile_path", "write_profile"]

IDENTITY = ("model", "precision", "delegate")
HEADER = (*IDENTITY, "position", "operator", "kind", "instruction", "mean_ms", "share")


def profile_path(result_path: Path) -> Path:
    """Return the path of the operators of a result: ``{stem}.profile.csv``."""
    return result_path.with_suffix(".profile.csv")


def write_profile(result: Result, result_path: Path) -> Path | None:
    """Write the operators of a result beside it and return the path; None if it was not profiled."""
    if result.profile is None:
        return None
    path, text = profile_path(result_path), io.StringIO(newline="")
    rows = CsvWriter(text, HEADER)
    identity = (result.model_name, result.precision_short, result.delegate)
    rows.writerows(operator_rows(identity, result.profile.operators))
    replace_file(path, text.getvalue().encode())
    return path


def operator_rows(identity: tuple[str, ...], operators: list[Operator]) -> Iterator[tuple[Any, ...]]:
    """Return the rows below `HEADER` of one cell, in the order of execution."""
    for position, one in enumerate(operators):
        yield (*identity, position, one.name, one.kind, one.instruction, one.mean_ms, one.share)
