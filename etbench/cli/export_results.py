"""`export`: print results as ExecuTorch's v3 benchmark records."""

from __future__ import annotations

import argparse
from pathlib import Path

from etbench.cli.common import OK, print_paths, read_all

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="output file (default: standard output)"
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    import msgspec

    from etbench.results.files.foreign import to_v3
    from etbench.system.files import replace_file

    text = msgspec.json.format(msgspec.json.encode(to_v3(read_all(args.paths))), indent=2).decode()
    if args.out is None:
        print(text)
        return OK
    replace_file(args.out, f"{text}\n".encode())
    return print_paths([args.out])
