"""`diff`: where the difference between the latencies of two cells lies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.arguments import count
from etbench.cli.common import OK, UNDECIDED, json_text, read_files, say_on_stderr
from etbench.errors import EtbenchError

if TYPE_CHECKING:
    from etbench.drawing import Picture
    from etbench.results.diff.difference import Difference
    from etbench.results.schema import Result

__all__ = ["configure", "run"]

PICTURES: dict[str, Picture] = {".svg": "svg", ".png": "png", ".pdf": "pdf"}
Found = tuple[Path, "Result"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "If both programs are in the cache, their operators are "
        "profiled now, interleaved; otherwise the profiles in the results are shown, and no cause "
        "is named. A part is a cause if the interval of its change excludes zero, with 95 % for all parts "
        "together. The exit status is 0 if a cause is named, or both are the same program; 4 if none is (0 "
        "with --allow-undecided); 2 for bad usage, or if the cells cannot be compared."
    )
    parser.add_argument("a", metavar="A", type=Path, help="result file or folder of the first cell")
    parser.add_argument(
        "b", metavar="B", type=Path, nargs="?", help="result file or folder of the second cell (default: A)"
    )
    parser.add_argument(
        "--a",
        dest="words_a",
        metavar="WORDS",
        help="which cell of A: words of its name, such as 'mobilenet_v2 int8', or a condition as of --where",
    )
    parser.add_argument("--b", dest="words_b", metavar="WORDS", help="which cell of B")
    parser.add_argument(
        "--where", metavar="CONDITION", help="only cells of A and B such as 'model=resnet18 and threads=1'"
    )
    parser.add_argument(
        "--measure",
        action=argparse.BooleanOptionalAction,
        help="profile both programs now, also those kept beside their results; an error if they are not at "
        "hand (default: profile them if both are in the cache)",
    )
    parser.add_argument(
        "--blocks", type=count, default=15, help="number of blocks that are measured (default: 15)"
    )
    parser.add_argument(
        "--max-seconds", type=float, default=120.0, help="no block begins after this time (default: 120)"
    )
    parser.add_argument("--allow-undecided", action="store_true", help="exit with 0 instead of 4")
    parser.add_argument(
        "--format",
        choices=["table", "markdown", "json"],
        default="table",
        help="output format (default: table)",
    )
    parser.add_argument(
        "--chart", type=_picture, metavar="FILE", help="also draw the waterfall to a .svg, .png or .pdf file"
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.engine.diff import difference_between
    from etbench.results.diff.words import diff_markdown

    a = _chosen(args.a, args.words_a, args.where, "A")
    b = _chosen(args.b or args.a, args.words_b, args.where, "B")
    if a[0].resolve() == b[0].resolve():
        raise EtbenchError(
            f"A and B are the same result, {a[0]}; choose two cells with --a and --b", stage="diff"
        )
    found = difference_between(
        a, b, measure=args.measure, blocks=args.blocks, max_seconds=args.max_seconds, say=say_on_stderr
    )
    if args.format == "json":
        print(json_text(found))
    elif args.format == "markdown":
        print(diff_markdown(found))
    else:
        _print(found)
    if args.chart:
        _draw(found, args.chart)
    decided = bool(found.causes) or found.same_program
    return OK if decided or args.allow_undecided else UNDECIDED


def _chosen(path: Path, words: str | None, where: str | None, side: str) -> Found:
    """Return the only result in a file or folder that fits.

    Raises:
        EtbenchError: if none or several do; it names them.

    """
    from etbench.results.decision.where import matching

    found = read_files([path])
    fitting = [result for _, result in found]
    if where:
        fitting = matching(where, fitting)
    if words and any(sign in words for sign in "<>="):
        fitting = matching(words, fitting)
    elif words:
        fitting = [result for result in fitting if all(word in _names(result) for word in words.split())]
    if len(fitting) == 1:
        return next((path, result) for path, result in found if result is fitting[0])
    listed = ", ".join(sorted({_stem(result) for result in fitting or [one for _, one in found]}))
    how = f"choose one with --{side.lower()}, such as --{side.lower()} int8"
    many = f"{len(fitting)} cells fit" if fitting else f"no cell fits {words!r}; there are"
    raise EtbenchError(f"{side}: {path}: {many}: {listed}; {how}", stage="diff")


def _names(result: Result) -> set[str]:
    return {result.model_name, result.precision_short, result.delegate, result.cell_id, _stem(result)}


def _stem(result: Result) -> str:
    return f"{result.model_name}_{result.precision_short}_{result.delegate}"


def _print(found: Difference) -> None:
    from etbench.results.diff.words import HEADER, answer, remarks, waterfall_rows
    from etbench.terminal.fitting import Column, print_table
    from etbench.terminal.streams import plain_console, say

    console = plain_console()
    say(console, answer(found))
    columns = [
        Column(name, rank={"A ms": 2, "B ms": 2}.get(name, 0), wraps=place in (0, 5), left=place in (0, 5))
        for place, name in enumerate(HEADER)
    ]
    print_table(console, columns, waterfall_rows(found), more="`etbench diff --format markdown`")
    for line in remarks(found):
        say(console, line)


def _draw(found: Difference, path: Path) -> None:
    from etbench.drawing import Drawer
    from etbench.results.charts.waterfall import waterfall
    from etbench.system.files import replace_file

    with Drawer() as drawer:
        form = PICTURES[path.suffix]
        replace_file(path, drawer.draw(waterfall(found).to_dict(), form, name="waterfall"))


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text}: expected a file that ends with {', '.join(PICTURES)}")
    return path
