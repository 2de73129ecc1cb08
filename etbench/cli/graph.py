"""`graph`: write the graph of a cell's program for Model Explorer, and a picture of its parts."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.common import json_text, print_paths, say_on_stderr
from etbench.errors import EtbenchError

if TYPE_CHECKING:
    from etbench.artifact import GraphOperator
    from etbench.results.schema import Result

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "For Model Explorer, it writes the operators with what reads what (graph.json), and a file of node "
        "data for each thing that was measured: time, where it runs, precision, noise. partitions.svg shows "
        "the parts of the program: what the delegate took, and what stayed outside and why. What was not "
        "measured is left out, and named with the override that measures it."
    )
    parser.add_argument(
        "result", metavar="RESULT", type=Path, help="result file of one cell; profile=true measures the times"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder for the files (default: RESULT with the suffix .graph)",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.files.store import GRAPH_SUFFIX, read_result
    from etbench.results.graph.model_explorer import graph_collection, node_data
    from etbench.results.graph.picture import picture
    from etbench.results.graph.program import program_graph
    from etbench.system.files import folder_fault, replace_file

    if args.result.is_dir():
        raise EtbenchError(f"{args.result}: a folder; name one result file in it", stage="graph")
    folder = args.out or args.result.with_suffix(GRAPH_SUFFIX)
    if why := folder_fault(folder, os.W_OK | os.X_OK):
        raise EtbenchError(f"{folder}: {why}; name another folder with --out", stage="graph")
    result = read_result(args.result)
    graph = program_graph(result, _cached_operators(result))
    data = node_data(graph)
    bodies = {"graph.json": json_text(graph_collection(graph))}
    bodies |= {f"{name}.json": json_text(one) for name, one in data.items()}
    bodies["partitions.svg"] = picture(graph)
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in bodies.items():
        replace_file(folder / name, body.encode())
    for line in graph.missing.values():
        say_on_stderr(line)
    measures = ",".join(f"{folder / name}.json" for name in data)
    command = ["model-explorer", str(folder / "graph.json"), f"--node_data_paths={measures}"]
    say_on_stderr(f"open it with: {shlex.join(command)}")
    return print_paths(folder / name for name in bodies)


def _cached_operators(result: Result) -> list[GraphOperator]:
    """Return the operators of a result's program if the cache still has it; a profiled cell needs none."""
    from etbench.builder.cache import Cache, cache_folder, recipe_key
    from etbench.config import parse

    artifact = result.artifact
    if artifact is None or artifact.operators:
        return []
    try:
        key = recipe_key(parse(result.config).recipe)
    except (EtbenchError, OSError):  # written by another version, or a file of the recipe is gone
        return []
    found = Cache(cache_folder(None), 0, None).find(key)[0] if key else None
    return found.operators if found is not None and found.sha256 == artifact.sha256 else []
