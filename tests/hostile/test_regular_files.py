"""A FIFO or a device under the name of a file that a cell reads is refused at once, with its kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from etbench.artifact.description import references_path
from etbench.artifact.layout import stored_inputs
from etbench.artifact.references import read_given, read_references
from etbench.calibration.arrays import read_arrays
from etbench.config.program_head import backends_of
from etbench.data import photographs
from etbench.data.text import sentences
from etbench.errors import EtbenchError
from etbench.models.exported import program
from etbench.preflight.file_checks import npz_fault, path_fault, text_fault, weights_fault
from etbench.results.files.baselines import location_fault

READERS: dict[str, Callable[[Path], object]] = {
    "calibration.npz": lambda path: read_arrays(path, [], []),
    "calibration.text": sentences,
    "calibration.images": lambda path: photographs([path]),
    "model.path of an export": lambda path: program(path=str(path)),
    "model.reference": read_given,
    "cached references": lambda path: read_references(path.parent),
    "cached references of the native runner": lambda path: stored_inputs(path.parent, stage="time"),
}
PLANTED: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(params=PLANTED)
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """The kind of a file, and its path, which is that of cached references."""
    PLANTED[request.param](path := references_path(tmp_path))
    return request.param, path


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_does_not_wait(reader: str, planted: tuple[str, Path]) -> None:
    kind, path = planted
    with pytest.raises((OSError, EtbenchError), match=f"{kind}, not a regular file"):
        READERS[reader](path)


def test_a_program_that_is_no_file_names_no_backend(planted: tuple[str, Path]) -> None:
    assert backends_of(planted[1]) is None


def test_a_cell_that_names_one_is_refused_before_any_work(planted: tuple[str, Path], tmp_path: Path) -> None:
    kind, path = planted
    reason = f"={path}: {kind}, not a regular file"
    assert path_fault("model.path", str(path)) == f"model.path{reason}"
    assert npz_fault("calibration.npz", str(path)) == f"calibration.npz{reason}"
    assert text_fault("calibration.text", str(path)) == f"calibration.text{reason}"
    assert weights_fault(str(path)) == f"model.weights{reason}"
    assert location_fault(str(path), tmp_path) == reason[1:]
