"""`trace`: write a result as a trace that Perfetto and chrome://tracing open."""

from __future__ import annotations

import argparse
from pathlib import Path

from etbench.cli.common import json_text, print_paths
from etbench.errors import EtbenchError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "It has the rounds with what else the machine did, the load of a process and, if the cell was "
        "profiled, the operators of an inference with those inside the delegate."
    )
    parser.add_argument("result", metavar="RESULT", type=Path, help="result file")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="output file (default: RESULT with the suffix .trace)"
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.files.store import read_result
    from etbench.results.trace import chrome_trace
    from etbench.system.files import replace_file

    if args.result.is_dir():
        raise EtbenchError(f"{args.result}: a folder; name one result file in it", stage="trace")
    trace = chrome_trace(read_result(args.result))
    if not trace["traceEvents"]:
        raise EtbenchError(f"{args.result}: nothing was timed, so there is nothing to trace", stage="trace")
    path = args.out or args.result.with_suffix(".trace")
    replace_file(path, json_text(trace).encode())
    return print_paths([path])
