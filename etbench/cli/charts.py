"""`charts`: draw every chart as an image file."""

from __future__ import annotations

import argparse

from etbench.cli.common import add_folders, out_folder, print_faults, print_paths, read_all
from etbench.errors import EtbenchError

__all__ = ["configure", "run"]

FORMATS = ("png", "svg", "pdf")


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "Writes one file per chart, except for charts without data. The exit status is 1 if a chart could "
        "not be drawn; the others are still written."
    )
    add_folders(parser)
    parser.add_argument(
        "--format",
        type=_formats,
        default=["png"],
        metavar="png,svg,pdf",
        help="one or more formats, separated by commas (default: png)",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.charts import draw_all
    from etbench.results.charts.pictures import where_and_when, write_pictures
    from etbench.results.tables.frames import to_frame

    results, out = read_all(args.paths), out_folder(args)
    charts = draw_all(results)
    if not charts:
        raise EtbenchError("there is nothing to draw: no cell was measured", stage="charts")
    out.mkdir(parents=True, exist_ok=True)
    measured = where_and_when(to_frame(results))
    written, faults = write_pictures(charts, out, args.format, measured=measured)
    print_paths(written)
    return print_faults(faults)


def _formats(text: str) -> list[str]:
    chosen = text.split(",")
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown format {unknown[0]!r}; choose from {', '.join(FORMATS)}")
    return chosen
