"""CSV files of results: no cell is a formula to a spreadsheet, whatever a file names a model."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

from etbench.escaping import csv_cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CsvWriter", "write_frame"]


class CsvWriter:
    """Writes rows to a CSV file, each text escaped by `etbench.escaping.csv_cell`."""

    def __init__(self, file: IO[str], header: Iterable[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self.writerow(header)

    def writerow(self, row: Iterable[Any]) -> None:
        """Write a row."""
        self._writer.writerow([csv_cell(value) for value in row])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        """Write several rows."""
        for row in rows:
            self.writerow(row)


def write_frame(frame: pd.DataFrame, file: IO[Any] | None = None) -> str | None:
    """Write a frame without its index to a file, or return it as a text if there is no file."""
    import pandas as pd  # `etbench show` does without

    escaped = frame.copy(deep=False)
    for name in frame.select_dtypes(["object", "string"]):
        values = [csv_cell(value) for value in frame[name]]
        escaped[name] = pd.Series(values, index=frame.index, dtype="object")
    escaped.columns = pd.Index([csv_cell(name) for name in frame.columns])
    text: str | None = escaped.to_csv(file, index=False, lineterminator="\n")
    return text
