"""The evaluation pass: call the user's function with the built program and record its figures."""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import Any

from etbench.artifact.references import read_references
from etbench.artifact.sources import Sources
from etbench.builder.recording import Recorder
from etbench.config.component import instantiate
from etbench.errors import EtbenchError
from etbench.evaluate.program import BuiltProgram
from etbench.measure.pass_results import Evaluation
from etbench.runtime.program import load

__all__ = ["evaluate_program"]


def evaluate_program(folder: Path, threads: int, target: str, options: dict[str, Any]) -> Evaluation:
    """Call the function that `target` names with the program and its options.

    Raises:
        EtbenchError: of stage ``load_program`` if the runtime refuses the program, ``evaluate`` if the
            function is not available, or returns something other than a dict of numbers.

    """
    program = BuiltProgram(load(folder, threads), read_references(folder)[0][0])
    recorder = Recorder()
    with recorder.reading() as reads:
        found = instantiate(target, {"program": program} | options, stage="evaluate")
    numbers = isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(value, Real) for name, value in found.items()
    )
    if not numbers:
        raise EtbenchError(
            f"{target} returned {found!r:.200}",
            stage="evaluate",
            hint="return a dict of figures by name, such as {'top1': 0.76}",
        )
    sources = recorder.sources([target], [reads])
    return Evaluation(
        figures={name: float(value) for name, value in found.items()},
        sources=sources if isinstance(sources, Sources) else None,
    )
