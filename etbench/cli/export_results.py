"""`export`: results as ExecuTorch's v3 benchmark records, or as result files for publication."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.common import OK, file_stem, json_text, print_paths, read_all
from etbench.errors import EtbenchError

if TYPE_CHECKING:
    from etbench.results.schema import Result

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument(
        "--format",
        choices=["v3", "results"],
        default="v3",
        help="v3: ExecuTorch's benchmark records; results: result files without programs and logs "
        "(default: v3)",
    )
    parser.add_argument(
        "--anonymous",
        action="store_true",
        help="leave out host names, addresses of devices, and paths that are not below the current folder or "
        "an installed package; a checksum takes their place, so that results stay comparable",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="PATH",
        help="output file, or the folder of the result files (default: standard output)",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.files.anonymous import anonymous
    from etbench.results.files.foreign import to_v3
    from etbench.system.files import replace_file

    if args.format == "results" and args.out is None:
        raise EtbenchError("--format results writes a folder: add --out DIR", stage="export")
    results = read_all(args.paths)
    if args.anonymous:
        results = list(map(anonymous, results))
    if args.format == "results":
        return print_paths(_write_all(results, args.out))
    text = json_text(to_v3(results))
    if args.out is None:
        print(text)
        return OK
    replace_file(args.out, f"{text}\n".encode())
    return print_paths([args.out])


def _write_all(results: Iterable[Result], folder: Path) -> Iterator[Path]:
    """Write each result into a folder, without the program and log that it names."""
    import msgspec

    from etbench.results.files.store import write_result

    for result in results:
        alone = msgspec.structs.replace(result, pte_file=None, log_file=None)
        yield write_result(alone, folder, file_stem(result))
