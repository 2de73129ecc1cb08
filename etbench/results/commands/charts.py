"""`charts`: pictures of precisions, delegates and speedups."""

from __future__ import annotations

import argparse

from etbench.results.commands.common import Commands, add_folders, out_folder, print_paths

__all__ = ["add"]


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("charts", help="draw precisions, delegates and speedups")
    add_folders(parser)
    parser.add_argument("--format", choices=["png", "svg", "pdf"], default="png", help="(default: png)")
    parser.set_defaults(run=_charts)


def _charts(args: argparse.Namespace) -> int:
    from etbench.results import charts
    from etbench.results.tables import load_results

    frame, out = load_results(args.paths), out_folder(args)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for draw in (charts.precision_bars, charts.delegate_bars, charts.speedup_bars):
        path = out / f"{draw.__name__}.{args.format}"
        draw(frame).save(path, **({"ppi": 144} if args.format == "png" else {}))
        written.append(path)
    return print_paths(written)
