"""`history`: show how the latency of each cell changed over many sweeps, and what else changed then."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from etbench.cli.arguments import share
from etbench.cli.common import OK, check_results, json_text, print_faults
from etbench.errors import EtbenchError
from etbench.escaping import markdown_row
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, say
from etbench.text import percent

if TYPE_CHECKING:
    import pandas as pd

    from etbench.results.history import CellHistory, ChangePoint

__all__ = ["configure", "run"]

LEGEND = (
    "level: mean of the runs since the last change; new / old: ratio of the levels, with its 95 % interval"
)
COLUMNS = (
    Column("cell", wraps=True),
    *(Column("runs", rank=3), Column("first", rank=1), Column("last", rank=2)),
    *(Column("level ms"), Column("new / old"), Column("95 %")),
    Column("between, and what else changed", wraps=True),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "A change of level is reported if it stands out from how the runs of the cell vary and follow each "
        "other: after twelve runs, and with four runs on both sides of the change. In at most one of twenty "
        "sets of histories without a change, one is reported by mistake while they are searched after every "
        "run and grow to a hundred runs. Result files that were read before are taken from the index in "
        "DIR/.etbench, unless they have changed."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument(
        "--min-change",
        type=share,
        default=0.03,
        metavar="3%",
        help="changes of level up to this are not reported (default: 3%%)",
    )
    parser.add_argument(
        "--across",
        choices=["machines"],
        help="join the runs of a cell on different machines; by default each machine has its own history",
    )
    parser.add_argument(
        "--format",
        choices=["table", "json", "markdown"],
        default="table",
        help="output format (default: table)",
    )
    parser.add_argument("-o", "--out", type=Path, help="folder for history.csv and history.png")


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.history import cell_histories
    from etbench.results.tables.frames import load_results

    check_results(args.paths)
    frame = load_results(args.paths, remember=True)
    least_ratio = 1 + args.min_change
    histories = cell_histories(frame, least_ratio=least_ratio, across_machines=args.across == "machines")
    if not histories:
        raise EtbenchError(f"no measured cell in {', '.join(map(str, args.paths))}", stage="history")
    if args.format == "json":
        print(json_text(histories))
    elif args.format == "markdown":
        print(_markdown(histories, least_ratio))
    else:
        _print_table(histories, least_ratio)
    return OK if args.out is None else _write(histories, frame, args.out)


def _write(histories: list[CellHistory], frame: pd.DataFrame, out: Path) -> int:
    """Write the table and the chart into a folder; return 1 if the chart could not be drawn."""
    from etbench.results.charts.history import MOST, history_lines
    from etbench.results.charts.pictures import where_and_when, write_pictures
    from etbench.results.history import history_table
    from etbench.results.tables.spreadsheet import write_frame
    from etbench.system.files import replacing

    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "history.csv") as file:
        write_frame(history_table(histories), file)
    drawn, measured = {"history": history_lines(histories)}, where_and_when(frame)
    written, faults = write_pictures(drawn, out, ["png"], measured=measured)
    for path in (out / "history.csv", *written):
        print(path, file=sys.stderr)
    if written and len(histories) > MOST:
        left_out = f"history.png has {MOST} of {len(histories)} cells, those with changes first"
        print(left_out, file=sys.stderr)
    return print_faults(faults)


def _print_table(histories: Sequence[CellHistory], least_ratio: float) -> None:
    console = plain_console()
    say(console, Text(LEGEND, style="dim"))
    print_table(console, COLUMNS, _rows(histories, least_ratio), more="`--format markdown`")


def _markdown(histories: Sequence[CellHistory], least_ratio: float) -> str:
    names = [column.header for column in COLUMNS]
    rule = ["---" if column.wraps else "--:" for column in COLUMNS]
    rows = map(markdown_row, _rows(histories, least_ratio))
    return "\n".join([markdown_row(names), f"|{'|'.join(rule)}|", *rows])


def _rows(histories: Sequence[CellHistory], least_ratio: float) -> Iterable[tuple[str, ...]]:
    """Yield one row per cell, and another for each change after the first."""
    for history in histories:
        unstable = sum(run.unstable for run in history.runs)
        about = (
            history.name,
            f"{len(history.runs)}{f' ({unstable} unstable)' if unstable else ''}",
            *(_day(history.runs[place].created_at) for place in (0, -1)),
            _level(history.runs[-1].level_ms),
        )
        if not history.changes:
            yield *about, "", "", _unchanged(history, least_ratio)
        for number, change in enumerate(history.changes):
            yield *(about if not number else [""] * len(about)), *_change(change)


def _level(level_ms: float | None) -> str:
    return "-" if level_ms is None else f"{level_ms:.4g}"


def _unchanged(history: CellHistory, least_ratio: float) -> str:
    if history.answer == "too few runs":
        return "too few runs to judge"
    if history.smallest_ratio is None:
        return "the runs vary too much to judge"
    least, smallest = (percent(ratio - 1) for ratio in (least_ratio, history.smallest_ratio))
    return f"no change above {least}; one of {smallest} would have been found"


def _change(change: ChangePoint) -> tuple[str, str, str]:
    what = "; ".join(change.what) or "no other recorded change"
    when = f"{_minute(change.before)} to {_minute(change.after)}"
    return f"{change.ratio:.3f}", f"{change.low:.3f} to {change.high:.3f}", f"{when}: {what}"


def _day(created_at: str) -> str:
    return created_at[:10]


def _minute(created_at: str) -> str:
    return created_at[:16].replace("T", " ")
