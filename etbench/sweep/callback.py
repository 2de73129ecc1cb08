"""A Hydra callback that completes a run or sweep under any launcher: summary, tables, exit status."""

from __future__ import annotations

import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from etbench.errors import EtbenchError
from etbench.exit_status import FAILED
from etbench.results.comparison.interleaved import family_verdicts
from etbench.results.comparison.outcome import Outcome, decision_counts, outcome_of
from etbench.results.schema import CellComparison, Result
from etbench.sweep import ray_launcher
from etbench.sweep.manifest import Manifest, close_manifest, has_manifest
from etbench.sweep.new_results import NewResultsCallback
from etbench.sweep.resume_hint import resume_hint
from etbench.system.os_errors import os_error_text
from etbench.terminal.console import print_summary
from etbench.terminal.pipe import outliving_the_reader
from etbench.terminal.streams import print_line

__all__ = ["ResultsCallback", "sweep_outcome"]

OWN_LAUNCHER = "hydra_plugins.etbench_launcher.EtbenchLauncher"  # writes the manifest itself, with all cells


class ResultsCallback(NewResultsCallback):
    """Prints the summary and sets the exit status.

    It may exit, so it must be the first of the callbacks: Hydra calls them in reverse order at the end.
    """

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        """Create the manifest for launchers that run cell by cell: their jobs do not know this command."""
        super().on_multirun_start(config, **more)
        if config.hydra.launcher._target_ == ray_launcher.LAUNCHER:
            ray_launcher.prepare(config.hydra.launcher)
        if config.hydra.launcher._target_ != OWN_LAUNCHER and not config.sweep.resume:
            Manifest.of([], growing=True).write(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **more: Any) -> None:
        """Write tables and report, and print how to get them if that is interrupted."""
        what = "the sweep was interrupted before its tables were written"
        with resume_hint(Path(config.hydra.sweep.dir), what, only_interrupted=True):
            super().on_multirun_end(config, **more)

    def close(self, folder: Path, results: Sequence[tuple[Path, Result]]) -> None:
        """Print the summary of the cells and the outcome, and exit with its status."""
        with _failing_aloud(folder):
            with outliving_the_reader():
                print_summary(result for _, result in results)
            _exit_by([result for _, result in results])

    def close_sweep(self, folder: Path, results: Sequence[tuple[Path, Result]], config: DictConfig) -> None:
        """Also write tables and report."""
        with _failing_aloud(folder):
            if has_manifest(folder):
                close_manifest(folder)
            with outliving_the_reader():
                print_summary(result for _, result in results)
                _print_decision([result for _, result in results], folder)
            if results:
                _write_tables(folder, config)
            _exit_by([result for _, result in results], config.get("compare_to"))


@contextmanager
def _failing_aloud(folder: Path) -> Iterator[None]:
    """Exit with 1 if a summary, table or verdict cannot be made; Hydra would print a warning and continue."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError | EtbenchError):  # such as that of a full disk: clear as it is
            traceback.print_exc()
        why = os_error_text(error) if isinstance(error, OSError) else error
        _say(f"results are in {folder}; their tables could not be written: {why}")
        sys.exit(FAILED)


def _print_decision(results: Sequence[Result], folder: Path) -> None:
    """Print which cell of each model to ship, if there is a choice; one line if none is known."""
    from etbench.results.decision.across_models import across_models
    from etbench.results.decision.decide import decide, has_choice
    from etbench.results.decision.rules import recorded_rules
    from etbench.results.decision.words import why_unknown
    from etbench.terminal.decision import print_decision

    if not has_choice(results):
        return
    rules = recorded_rules([result.config for result in results])
    answers = decide(results, rules)
    if reasons := why_unknown(answers):
        candidates = f"etbench decide {shlex.quote(str(folder))}"
        print_line(f"no recommendation: {'; '.join(reasons)}; to list the candidates: {candidates}")
    else:
        print_decision(answers, rules, across_models(results, answers), unmeasured=False)


def _exit_by(results: Sequence[Result], compare_to: str | None = None) -> None:
    """Print the outcome of a comparison with a baseline, and exit with the status that applies."""
    cells = family_verdicts(results)
    outcome = sweep_outcome(results, cells, compare_to)
    if cells or any(result.config.get("compare_to") for result in results):
        _say(f"{outcome.heading}: {decision_counts(cells)}")
    if outcome.status:
        sys.exit(outcome.status)


def sweep_outcome(
    results: Sequence[Result], cells: Sequence[CellComparison], compare_to: str | None = None
) -> Outcome:
    """Return what a run or sweep amounts to.

    Args:
        results: of all its cells.
        cells: the comparisons of those that have a baseline.
        compare_to: of the whole sweep, for cells that an earlier part of it measured without a baseline.

    """
    reasons: set[str] = {result.status for result in results if result.status in ("failed", "wrong")}
    reasons |= {cell.decision for cell in cells if cell.decision != "passed"}
    if not results:
        reasons.add("failed")
    for result in results:
        own = result.config.get("compare_to")
        base = own if own and isinstance(own, str) else compare_to
        if base and result.status == "ok" and result.in_turn is None:
            reasons.add("undecided")
        if base and result.status in ("skipped", "built"):
            from etbench.engine.baseline import has_measured  # rarely needed

            if has_measured(base, result):
                reasons.add("missing")
    allowed = bool(results) and all(result.config.get("allow_undecided") for result in results)
    return outcome_of(reasons, ["undecided"] if allowed else [])


def _write_tables(folder: Path, config: DictConfig) -> None:
    """Write the tables and the report of a folder and print their names."""
    from etbench.results.tables.aggregation import aggregate

    paths = aggregate([folder], folder, remember=False)
    if config.report.enabled:
        from etbench.builder.cache import cache_folder
        from etbench.results.report import write_report

        cache = cache_folder(config.cache.dir) if config.cache.enabled else None
        paths.append(write_report(folder, cache=cache))
    _say(f"results and tables ({', '.join(path.name for path in paths)}) are in {folder}")


def _say(text: str) -> None:
    with outliving_the_reader():
        print_line(text)
