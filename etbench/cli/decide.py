"""`decide`: name the precision and the delegate of each model to ship, and why."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.common import json_text, read_all, read_files
from etbench.errors import EtbenchError

if TYPE_CHECKING:
    from etbench.results.decision.rules import Rules

__all__ = ["configure", "run"]

NONE = "none"  # in place of bounds


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "It recommends the cell of each model with the best objective among those that keep all bounds, if "
        "the measurements show that it is the best. A bound is a column, an operator, a value with a unit "
        "and, for a relative one, what it is relative to: 'sqnr_db>=20', 'pte_bytes<=20MB', "
        "'eval_top1>=-0.5pp vs fp32', 'latency_p50_ms<=0.5x vs fp32'. Without --bound, the bounds are those "
        "of the sweep; by default, each accuracy (eval_…) may be at most one point below fp32. The exit "
        "status is 1 if a model has no cell that keeps the bounds, 4 if an answer is too close to call or "
        "the accuracy is unknown, 0 otherwise."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument(
        "--objective",
        metavar="COLUMN",
        help="what should be best: a column of results.csv, or eval_… (default: that of the sweep)",
    )
    parser.add_argument(
        "--bound",
        action="append",
        default=[],
        metavar="COLUMN>=VALUE",
        help="what must hold; replaces the bounds of the sweep; may be repeated; "
        "--bound none: no bounds at all",
    )
    parser.add_argument(
        "--where", metavar="CONDITION", help="only these cells, such as 'delegate=xnnpack and pte_bytes<20MB'"
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="DIR", help="results that bounds `vs baseline` are relative to"
    )
    parser.add_argument(
        "--format",
        choices=["table", "markdown", "json"],
        default="table",
        help="output format (default: table)",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.decision.across_models import across_models
    from etbench.results.decision.decide import decide, exit_status
    from etbench.results.decision.where import matching
    from etbench.results.decision.words import decision_markdown
    from etbench.results.files.upgrade import fill_in
    from etbench.terminal.decision import print_decision

    found = [(fill_in(result), path) for path, result in read_files(args.paths)]
    results = [result for result, _ in found]
    if args.where:
        results = matching(args.where, results)
    paths = {id(result): path for result, path in found}
    rules = _rules(args, [result.config for result in results])
    baseline = map(fill_in, read_all([args.baseline])) if args.baseline else ()
    files = [paths[id(one)] for one in results]
    answers = decide(results, rules, baseline=baseline, files=files)
    fronts = across_models(results, answers, files=files)
    if args.format == "json":
        print(json_text({"rules": rules, "answers": answers, "across_models": fronts}))
    elif args.format == "markdown":
        print(decision_markdown(answers, rules, fronts))
    else:
        print_decision(answers, rules, fronts)
    return exit_status(answers)


def _rules(args: argparse.Namespace, configs: Sequence[dict[str, object]]) -> Rules:
    from etbench.results.decision.rules import Rules, declared

    objective, bounds = declared(configs)
    if args.bound:
        bounds = {} if args.bound == [NONE] else dict(map(_bound, args.bound))
    return Rules.of(args.objective or objective, bounds)


def _bound(text: str) -> tuple[str, str]:
    """Split ``sqnr_db>=20`` into the column and the rest."""
    for place, letter in enumerate(text):
        if letter in "<>":
            return text[:place].strip(), text[place:]
    raise EtbenchError(f"--bound {text!r}: write it as in 'sqnr_db>=20'", stage="decide")
