"""Result files read once, with the columns that identify their cells in every long frame."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from etbench.escaping import terminal_text
from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.results.tables.frames import to_frame
from etbench.results.tables.labels import label_cells
from etbench.results.tables.rows import MEASUREMENT, row_of

__all__ = ["WHOSE", "Paths", "identified", "read_cells"]

Paths = str | Path | Iterable[str | Path]
# The columns that say whose row it is, and their meaning.
WHOSE = {
    "cell": "unique name of the cell among those that were read",
    "model": "model",
    "precision": "precision",
    "delegate": "delegate",
    "varied": "overrides that differ among cells of the same precision and delegate, see results.csv",
    "variant": "those of precision, delegate and calibration",
    "sweep": "folder of the file, below the folder that all files are in",
    "file": "path of the result file",
}

_log = logging.getLogger(__name__)


def read_cells(paths: Paths) -> tuple[list[Result], list[Path]]:
    """Read results and their files; what is not a result, or a copy of one, is logged and left out.

    Raises:
        EtbenchError: if one of the paths does not exist.

    """
    found, unreadable = read_results([paths] if isinstance(paths, (str, Path)) else paths)
    for error in unreadable:
        _log.warning("left out %s", terminal_text(error.message))
    first = {MEASUREMENT(row_of(result)): path for path, result in reversed(found)}
    kept = set(first.values())
    return [result for path, result in found if path in kept], [path for path, _ in found if path in kept]


def identified(results: Iterable[Result], files: list[Path]) -> pd.DataFrame:
    """Return the columns `WHOSE` of each result."""
    return label_cells(to_frame(results, files))[list(WHOSE)]
