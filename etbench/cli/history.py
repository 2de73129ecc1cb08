"""`history`: show how the latency of each cell changed over many sweeps, and what else changed then."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from etbench.cli.common import OK, check_results
from etbench.errors import EtbenchError
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, say

if TYPE_CHECKING:
    from etbench.results.history import CellHistory, ChangePoint

__all__ = ["configure", "run"]

COLUMNS = (
    Column("cell", wraps=True),
    *(Column("runs", rank=3), Column("first", rank=1), Column("last", rank=2)),
    *(Column("level ms"), Column("new / old"), Column("95 %")),
    Column("between, and what else changed", wraps=True),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "A change of level is reported if it is larger than the drift of the machine between runs; in one of "
        "twenty histories without a change, this is a false alarm. Result files that were read before are "
        "taken from the index in DIR/.etbench, unless they have changed."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument("--format", choices=["table", "json", "markdown"], default="table")
    parser.add_argument("-o", "--out", type=Path, help="folder for history.csv and history.png")


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    import msgspec

    from etbench.results.history import cell_histories, history_table
    from etbench.results.tables.frames import load_results

    check_results(args.paths)
    frame = load_results(args.paths, remember=True)
    histories = cell_histories(frame)
    if not histories:
        raise EtbenchError(f"no measured cell in {', '.join(map(str, args.paths))}", stage="history")
    if args.format == "json":
        print(msgspec.json.format(msgspec.json.encode(histories), indent=2).decode())
    elif args.format == "markdown":
        print(_markdown(histories))
    else:
        _print_table(histories)
    if args.out is not None:
        from etbench.results.charts.history import history_lines

        args.out.mkdir(parents=True, exist_ok=True)
        history_table(histories).to_csv(args.out / "history.csv", index=False)
        history_lines(frame).save(args.out / "history.png", ppi=144)
        for name in ("history.csv", "history.png"):
            print(args.out / name, file=sys.stderr)
    return OK


def _print_table(histories: Sequence[CellHistory]) -> None:
    console = plain_console()
    legend = "level: median of round medians between two changes; ratio with its 95 % interval"
    say(console, Text(legend, style="dim"))
    print_table(console, COLUMNS, _rows(histories), more="`--format markdown`")


def _markdown(histories: Sequence[CellHistory]) -> str:
    names = [column.header for column in COLUMNS]
    rule = ["---" if column.wraps else "--:" for column in COLUMNS]
    rows = ([text.replace("|", "\\|") for text in row] for row in _rows(histories))
    return "\n".join(
        [f"| {' | '.join(names)} |", f"|{'|'.join(rule)}|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def _rows(histories: Sequence[CellHistory]) -> Iterable[tuple[str, ...]]:
    """Yield one row per cell, and another for each change after the first."""
    from etbench.stats.changes import MIN_RUNS

    for history in histories:
        counted = [run for run in history.runs if run.counted]
        left = len(history.runs) - len(counted)
        about = (
            history.name,
            f"{len(history.runs)}{f' ({left} unstable)' if left else ''}",
            *(_day(history.runs[place].created_at) for place in (0, -1)),
            f"{counted[-1].level_ms:.4g}" if counted else "-",
        )
        if not history.changes:
            enough = len(counted) >= 2 * MIN_RUNS
            yield *about, "", "", "no change" if enough else "too few stable runs"
        for number, change in enumerate(history.changes):
            yield *(about if not number else [""] * len(about)), *_change(change)


def _change(change: ChangePoint) -> tuple[str, str, str]:
    what = "; ".join(change.what) or "no other recorded change"
    when = f"{_minute(change.before)} to {_minute(change.after)}"
    return f"{change.ratio:.3f}", f"{change.low:.3f} to {change.high:.3f}", f"{when}: {what}"


def _day(created_at: str) -> str:
    return created_at[:10]


def _minute(created_at: str) -> str:
    return created_at[:16].replace("T", " ")
