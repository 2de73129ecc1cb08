"""Make reference batches and calibration batches of photographs, sentences or the user's own inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image
from torch import Tensor

from etbench.artifact import DataSource
from etbench.calibration.arrays import read_arrays
from etbench.calibration.derived import content, derived_inputs
from etbench.calibration.items import MOST_ITEMS, input_digests, picture_digest
from etbench.config import Calibration
from etbench.config.model_data import unused_data
from etbench.data import crops, image_paths, photographs, sample, sentences
from etbench.errors import EtbenchError
from etbench.models.inputs import ImageInputs, Inputs, PromptInputs, TextInputs, contiguous
from etbench.text import counted

__all__ = ["Batches", "read_batches"]

Batch = tuple[Tensor, ...]
ONE_VALUE = "the example's integers are all equal, so no other inputs can be derived from it"


@dataclass(frozen=True)
class Batches:
    """Inputs of real data, or of what came with the model.

    No calibration batch is among the references, except for a model with a single batch of data: that one
    is the first reference and the only calibration batch, and the other references are derived from it.

    Args:
        references: for comparing the program with eager; the first is also used for export and timing.
        calibration: for the observers of static int8.
        description: where the batches come from, for the result.
        source: the same as one word.
        single: whether there is only one batch of data.
        note: why no other inputs could be derived from a single batch.
        samples: whether the data came with etbench.
        pictures: the files of the calibration batches, if they are pictures.

    """

    references: Sequence[Batch]
    calibration: Sequence[Batch]
    description: str
    source: DataSource
    single: bool = False
    note: str = ""
    samples: bool = False
    pictures: Sequence[Path] = ()

    @property
    def picture_digests(self) -> list[str]:
        """Checksums of the pictures of the calibration batches."""
        return sorted({picture_digest(path) for path in self.pictures[:MOST_ITEMS]})

    @property
    def input_digests(self) -> list[str]:
        """Checksums of the single inputs of the calibration batches, if they are not pictures."""
        if self.pictures:
            return []
        found = {one for batch in self.calibration[:MOST_ITEMS] for one in input_digests(batch)}
        return sorted(found)[:MOST_ITEMS]

    @property
    def derived(self) -> int:
        """How many of the references are derived from the single batch."""
        return len(self.references) - 1 if self.single else 0


@dataclass(frozen=True)
class _Found:
    """Batches as they were read, those for reference first."""

    references: list[Batch]
    calibration: list[Batch]
    description: str
    source: DataSource
    samples: bool = False
    pictures: list[Path] = field(default_factory=list)


def read_batches(calibration: Calibration, inputs: Inputs, names: Sequence[str] = ()) -> Batches:
    """Read data of the kind that the model takes.

    Args:
        calibration: what to read, and how many batches.
        inputs: what the model takes.
        names: of the model's inputs, which `calibration.npz` uses for its arrays.

    Raises:
        EtbenchError: of stage ``calibrate`` if the user's folder or file cannot be used, or would not be.

    """
    if unused := unused_data(calibration, inputs.kind):
        message, remedy = unused
        raise EtbenchError(message, stage="calibrate", hint=remedy)
    found = _arrays(calibration, inputs, names) if calibration.npz else _usual(calibration, inputs)
    references = _different([contiguous(batch) for batch in found.references])
    own = {content(batch) for batch in references}
    others = [contiguous(batch) for batch in found.calibration]
    others = [batch for batch in others if content(batch) not in own]
    if not others:
        half = len(references) // 2
        references, others = references[:half], references[half:]
    batches = Batches(
        references, others, found.description, found.source, samples=found.samples, pictures=found.pictures
    )
    if references:
        return batches
    derived = derived_inputs(others[0], calibration.references, calibration.seed)
    note = "" if derived else ONE_VALUE
    return replace(batches, references=[others[0], *derived], calibration=others[:1], single=True, note=note)


def _usual(calibration: Calibration, inputs: Inputs) -> _Found:
    """Return batches of the kind of data that the model takes."""
    split = calibration.references
    if isinstance(inputs, PromptInputs):
        prompts = inputs.draw(split + calibration.batches, calibration.seed)
        return _Found([*prompts[:split]], [*prompts[split:]], inputs.description, "prompts")
    if isinstance(inputs, ImageInputs):
        squares, source, pictures = _crops(calibration, inputs.batch)
        found = _encoded(inputs, squares, split * inputs.batch, source)
        return replace(found, samples=not calibration.images, pictures=pictures)
    if isinstance(inputs, TextInputs):
        return _text(calibration, inputs)
    return _split(calibration, [inputs.tensors, *inputs.more], inputs.description, inputs.kind)


def _crops(calibration: Calibration, batch: int) -> tuple[list[Image.Image], str, list[Path]]:
    """Return squares of the pictures, those for reference first, where they come from, and the others' files.

    No picture is used for both reference and calibration, unless that would take half of the pictures.
    """
    compared, count = batch * calibration.references, batch * (calibration.references + calibration.batches)
    folder = calibration.images
    paths = image_paths(Path(folder) if folder else None)
    taken = sample(paths, count, calibration.seed)
    images = dict(zip(taken, photographs(taken), strict=True))
    if len(taken) >= 2 * compared:
        taken = [*taken[:compared], *islice(cycle(taken[compared:]), count - compared)]
    taken = list(islice(cycle(taken), count))
    used = min(len(paths), count)
    what = counted(len(paths), "image") if folder else counted(len(paths), "photograph")
    what = what if used == len(paths) else f"{used} of {what}"
    what = f"{count} crops of {what}" if count > used else what
    squares = crops([images[path] for path in taken], count, seed=calibration.seed)
    return squares, f"{what} of {folder or 'scikit-learn (CC BY 2.0)'}", list(dict.fromkeys(taken[compared:]))


def _text(calibration: Calibration, inputs: TextInputs) -> _Found:
    """Return batches of sentences, of which at most half are for reference."""
    file = calibration.text
    lines = list(dict.fromkeys(sentences(Path(file) if file else None)))
    compared = min(inputs.batch * calibration.references, len(lines) // 2)
    used = min(len(lines), compared + inputs.batch * calibration.batches)
    items = _filled(lines[:compared], inputs.batch)
    split = len(items)
    items += _filled(lines[compared:used], inputs.batch)
    what = counted(len(lines), "line") if used == len(lines) else f"{used} of {counted(len(lines), 'line')}"
    whose = f"{what} of {file}" if file else "sentences of public-domain books"
    return replace(_encoded(inputs, items, split, whose), samples=not file)


def _filled(items: list[str], batch: int) -> list[str]:
    """Repeat the first items until all batches are full."""
    return list(islice(cycle(items), -(-len(items) // batch) * batch))


def _encoded(inputs: ImageInputs | TextInputs, items: list[Any], split: int, source: str) -> _Found:
    batches = [inputs.encode(items[at : at + inputs.batch]) for at in range(0, len(items), inputs.batch)]
    split //= inputs.batch
    return _Found(batches[:split], batches[split:], f"{source}; {inputs.description}", inputs.kind)


def _arrays(calibration: Calibration, inputs: Inputs, names: Sequence[str]) -> _Found:
    """Return the batches of the user's file, in order."""
    few = msgspec.structs.replace(calibration, references=1, batches=1)
    example = _usual(few, inputs)
    own = read_arrays(Path(str(calibration.npz)), names, (example.references or example.calibration)[0])
    count = counted(len(own), "batch")
    return _split(calibration, own, f"{calibration.npz}, which has {count}", "npz")


def _split(calibration: Calibration, own: list[Batch], description: str, source: DataSource) -> _Found:
    """Split batches of the user; if they are fewer than asked for, at most half of them are for reference."""
    enough = len(own) >= calibration.references + calibration.batches
    split = calibration.references if enough else min(calibration.references, len(own) // 2)
    return _Found(own[:split], own[split : split + calibration.batches], description, source)


def _different(batches: list[Batch]) -> list[Batch]:
    """Return each batch once."""
    return list({content(batch): batch for batch in batches}.values())
