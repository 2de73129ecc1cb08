"""`import` and `export`: files of other benchmarks in, ExecuTorch's v3 records out."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from etbench.cli.common import OK, Commands, print_left_out, print_paths, read_all
from etbench.errors import EtbenchError
from etbench.results.files.foreign import import_file, to_v3
from etbench.results.files.store import UnreadableError, write_result

__all__ = ["add"]


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    parser = commands.add_parser(
        "import",
        help="turn files of other benchmarks into result files",
        description="Reads the flat JSON of older scripts, ExecuTorch's v3 records and Google Benchmark's "
        "JSON; a benchmark of Google's that is named model/precision/delegate is taken apart.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("-o", "--out", type=Path, default=Path("imported"), help="(default: imported)")
    parser.set_defaults(run=_import)
    parser = commands.add_parser("export", help="print results as ExecuTorch's v3 benchmark records")
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="(default: standard output)")
    parser.set_defaults(run=_export)


def _import(args: argparse.Namespace) -> int:
    results, left_out = [], []
    for file in args.files:
        try:
            results += import_file(file)
        except UnreadableError as error:
            left_out.append(error)
    print_left_out(left_out)
    if not results:
        raise EtbenchError("nothing was imported", stage="import")
    return print_paths(
        write_result(result, args.out, _stem(result.model_name, result.precision_short, result.delegate))
        for result in results
    )


def _stem(*parts: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "_" for char in "_".join(parts))


def _export(args: argparse.Namespace) -> int:
    text = msgspec.json.format(msgspec.json.encode(to_v3(read_all(args.paths))), indent=2).decode()
    if args.out is None:
        print(text)
        return OK
    args.out.write_text(text + "\n", encoding="utf-8")
    return print_paths([args.out])
