"""`report`: write one HTML file with text, charts and tables, or a comment for a pull request."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from etbench.cli.arguments import count
from etbench.cli.common import print_paths, read_and_left_out
from etbench.text import path_text

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "The HTML page is one file that needs no network; `--format markdown` writes the same text as a "
        "comment for a pull request."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE",
        help="output file (default: report.html in the first DIR; standard output for Markdown)",
    )
    parser.add_argument("--format", choices=["html", "markdown"], default="html", help="(default: html)")
    parser.add_argument("--title", help="title of the report (default: the name of the first DIR)")
    parser.add_argument("--top", type=count, default=10, help="number of cells in the ranking (default: 10)")


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.builder.cache import cache_folder
    from etbench.results.report import gather, html_page, markdown_comment, write_page

    found, unreadable = read_and_left_out(args.paths)
    first = Path(os.path.realpath(args.paths[0]))  # unlike `Path.resolve`, also of a link to itself
    report = gather(
        (result for _, result in found),
        [path for path, _ in found],
        title=args.title or path_text(first.name if first.is_dir() else first.stem),
        left_out=[error.message for error in unreadable],
        top=args.top,
    )
    if args.format == "markdown" and args.out is None:
        print(markdown_comment(report), end="")
        return 0
    folder = first if first.is_dir() else first.parent
    if args.format == "markdown":
        page = markdown_comment(report)
    else:
        page = html_page(report, cache=cache_folder(None))
    return print_paths([write_page(page, args.out or folder / "report.html")])
