"""The evaluation pass: call the user's function with the built program and record its figures."""

from __future__ import annotations

import hashlib
from numbers import Real
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from etbench.artifact import DataUse
from etbench.artifact.arrays import read_generation, read_notes
from etbench.artifact.references import read_references
from etbench.artifact.sources import Sources
from etbench.builder.recording import Recorder
from etbench.config.component import instantiate
from etbench.config.sections import IMAGE_SUFFIXES
from etbench.errors import EtbenchError
from etbench.evaluate.items import PerItem
from etbench.evaluate.program import BuiltProgram, CalibrationItems
from etbench.measure.pass_results import Evaluation, ItemAnswers
from etbench.models.inputs import Normalization
from etbench.runtime.program import load

__all__ = ["evaluate_program", "item_answers"]


def evaluate_program(
    folder: Path,
    threads: int,
    target: str,
    options: dict[str, Any],
    executor: str | None = None,
    use: DataUse | None = None,
) -> Evaluation:
    """Call the function that `target` names with the program and its options.

    `use` names the data that the program was calibrated on, which may be among those that it is judged on.

    Raises:
        EtbenchError: of stage ``load_program`` if the runtime refuses the program, ``evaluate`` if the
            function is not available, or returns something other than a dict of numbers and `PerItem`.

    """
    normalization = Normalization.from_notes(read_notes(folder))
    calibrated_on = CalibrationItems(
        frozenset(use.calibration_pictures if use else ()), frozenset(use.calibration_inputs if use else ())
    )
    example = read_references(folder)[0][0]
    program = BuiltProgram(
        load(folder, threads, executor),
        example,
        normalization,
        calibrated_on,
        generation=read_generation(folder),
    )
    recorder = Recorder()
    with recorder.reading() as reads:
        found = instantiate(target, {"program": program} | options, stage="evaluate")
    program.meets(Path(path) for path in reads.files if Path(path).suffix.lower() in IMAGE_SUFFIXES)
    if not isinstance(found, dict) or not all(map(_is_figure, found.items())):
        raise EtbenchError(
            f"{target} returned {found!r:.200}",
            stage="evaluate",
            hint="return a dict of figures by name, such as {'top1': 0.76}; a figure is a number or an "
            "etbench.evaluate.PerItem",
        )
    answers = {name: item_answers(name, one) for name, one in found.items() if isinstance(one, PerItem)}
    figures = {name: float(one) for name, one in found.items() if name not in answers}
    functions = [option for option in options.values() if isinstance(option, str)]
    sources = recorder.sources([target, *functions], [reads])
    return Evaluation(
        figures={name: answers[name].share if name in answers else figures[name] for name in found},
        items=answers,
        sources=sources if isinstance(sources, Sources) else None,
        calibration_items=len(program.met),
    )


def _is_figure(named: tuple[Any, Any]) -> bool:
    name, value = named
    named_well = isinstance(name, str) and bool(name.strip()) and name.isprintable()
    return named_well and isinstance(value, Real | PerItem)


def item_answers(name: str, one: PerItem) -> ItemAnswers:
    """Return which items are right, and a checksum of the items.

    Raises:
        EtbenchError: of stage ``evaluate`` if there are no items, not as many labels, or no booleans.

    """
    correct, labels = np.asarray(one.correct), np.asarray(one.labels)
    if correct.ndim != 1 or not len(correct) or correct.dtype != np.bool_ or len(labels) != len(correct):
        raise EtbenchError(
            f"{name}: `correct` is {correct.dtype} of shape {correct.shape}, `labels` have {labels.shape}",
            stage="evaluate",
            hint="give one boolean and one label per item, and at least one item",
        )
    content = hashlib.sha256()
    for part in (labels, one.items):
        if isinstance(part, np.ndarray) and part.dtype != object:
            content.update(f"{part.dtype} {part.shape} ".encode())
            content.update(np.ascontiguousarray(part).data)
        else:
            content.update(msgspec.json.encode(part, enc_hook=repr))
    return ItemAnswers.of(correct, content.hexdigest())
