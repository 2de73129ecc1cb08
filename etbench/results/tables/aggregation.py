"""All tables of any number of result files."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path

import pandas as pd

from etbench.escaping import terminal_text
from etbench.results.files.store import UnreadableError
from etbench.results.tables.accuracy import compare_accuracy
from etbench.results.tables.delegation import DELEGATION_COLUMNS, delegation_rows
from etbench.results.tables.evaluation import evaluated, evaluation_names
from etbench.results.tables.frames import (
    IDENTITY,
    compare_delegates,
    compare_precisions,
    frame_of_rows,
    pivot,
    rank,
)
from etbench.results.tables.metrics import COLUMNS, RAW
from etbench.results.tables.notices import notices
from etbench.results.tables.profiles import HEADER, operator_rows
from etbench.results.tables.rows import Row, stream_rows
from etbench.results.tables.sizes import SIZE_COLUMNS, size_rows
from etbench.results.tables.spreadsheet import CsvWriter, write_frame
from etbench.results.tables.varied import VARIED_COLUMNS, varied_words
from etbench.system.files import replacing

__all__ = ["FIGURES", "aggregate", "write_rows"]

NAMES = [column.name for column in COLUMNS]
FIGURES = [name for name in NAMES if name not in RAW]
ACCURACY = ("evaluation", "evaluation_items")
DETAILS = ("operators", "delegation", "sizes")  # lists, written to their own tables
_figures = itemgetter(*map(NAMES.index, FIGURES))
_identity = itemgetter(*map(NAMES.index, IDENTITY))
_accuracy = itemgetter(*map(NAMES.index, ACCURACY))
_overrides = itemgetter(NAMES.index("overrides"))
_details = itemgetter(*map(NAMES.index, DETAILS))
_log = logging.getLogger(__name__)


def aggregate(paths: Iterable[str | Path], out: Path, *, remember: bool = True) -> list[Path]:
    """Write all tables of these results as CSV files and return their paths.

    `results.csv`, `precision_comparison.csv`, `delegate_comparison.csv`, `ranking.csv`, `pivot.csv`,
    `accuracy.csv` if an accuracy was evaluated, `delegation.csv` if a program was built, `profile.csv` if a
    cell was profiled, `sizes.csv` if a program has dynamic axes, and `results.parquet` if pyarrow is
    installed. Files that are left out, repeated cells and mixed conditions are logged.

    Args:
        paths: files, or folders that are searched for ``.json`` files.
        out: folder of the tables, created if it does not exist.
        remember: keep an index in each folder, and read only files that are new or changed since.

    """
    out.mkdir(parents=True, exist_ok=True)
    files, rows, written = write_rows(stream_rows(paths, remember=remember), out)
    frame = frame_of_rows(rows)
    del rows
    for notice in notices(frame, files):
        _log.warning("%s", terminal_text(notice))
    flat = pivot(frame)
    flat.columns = pd.Index([f"{'_'.join(map(str, pair))}_p50_ms" for pair in flat.columns])
    accuracy = compare_accuracy(frame)
    tables = {
        "precision_comparison": compare_precisions(frame),
        "delegate_comparison": compare_delegates(frame),
        "ranking": rank(frame),
        "pivot": flat.reset_index(),
    } | ({} if accuracy.empty else {"accuracy": accuracy})
    for name, table in tables.items():
        with replacing(path := out / f"{name}.csv") as file:
            write_frame(table, file)
        written.append(path)
    if find_spec("pyarrow") is not None:
        with replacing(path := out / "results.parquet") as file:
            frame.drop(columns=RAW).to_parquet(file, index=False)
        written.append(path)
    return written


def write_rows(
    found: Iterable[tuple[Path, Row | UnreadableError]], out: Path
) -> tuple[list[Path], list[Row], list[Path]]:
    """Write the operators of each row as soon as they are read, and the rows once their columns are known.

    Returns:
        The files of the rows, the rows without their operators, and the tables written.

    """
    files, rows = [], []
    results, profile, delegation, sizes = (
        out / f"{name}.csv" for name in ("results", "profile", "delegation", "sizes")
    )
    with ExitStack() as stack:
        writers: dict[Path, CsvWriter] = {}

        def writer(path: Path, header: Iterable[str]) -> CsvWriter:
            if path not in writers:
                writers[path] = stack.enter_context(_csv(path, header))
            return writers[path]

        for path, row in found:
            if isinstance(row, UnreadableError):
                _log.warning("left out %s", terminal_text(row.message))
                continue
            identity, (operators, taken, sized) = _identity(row), _details(row)
            if operators:
                writer(profile, HEADER).writerows(operator_rows(identity, operators))
            if taken:
                lines = delegation_rows(identity, taken, operators)
                writer(delegation, DELEGATION_COLUMNS).writerows(lines)
            if sized:
                writer(sizes, SIZE_COLUMNS).writerows(size_rows(identity, sized))
            files.append(path)
            rows.append(_without_details(row))
        accuracy = [evaluated(*_accuracy(row)) for row in rows]
        names = evaluation_names(accuracy)
        varied = varied_words(list(map(_identity, rows)), list(map(_overrides, rows)))
        write = writer(results, [*FIGURES, *names, *VARIED_COLUMNS])
        for row, own, words in zip(rows, accuracy, varied, strict=True):
            write.writerow([*_figures(row), *map(own.get, names), *words])
    return files, rows, [results, *(path for path in writers if path != results)]


def _without_details(row: Row) -> Row:
    return tuple(None if name in DETAILS else value for name, value in zip(NAMES, row, strict=True))


@contextmanager
def _csv(path: Path, header: Iterable[str]) -> Iterator[CsvWriter]:
    """Yield a CSV writer with this header; the file replaces an older one at the end."""
    with replacing(path) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        yield CsvWriter(text, header)
        text.flush()
        text.detach()
