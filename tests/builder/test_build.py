"""The builder process: a program, its references, and what is said about it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from running import CONF, TESTS, build_here

from etbench.artifact import program_path, references_path
from etbench.artifact.references import read_references, write_references
from etbench.builder import Artifact, build
from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.measure.passes.rounds import check
from etbench.preflight.compose import compose


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def _build(folder: Path, *overrides: str) -> tuple[Artifact, list[Event]]:
    folder.mkdir()
    events: list[Event] = []
    recipe = compose(list(overrides), config_dir=CONF).recipe
    return build(recipe, folder, log=folder.with_suffix(".log"), on_event=events.append), events


def test_an_artifact_says_what_was_built(tmp_path: Path) -> None:
    artifact, events = _build(tmp_path / "a", "model=tiny", "precision=int8")
    program = program_path(tmp_path / "a").read_bytes()
    assert artifact.pte_bytes == len(program)
    assert artifact.sha256 == hashlib.sha256(program).hexdigest()
    assert [spec.shape for spec in artifact.inputs] == [[1, 3, 8, 8]]
    assert [spec.shape for spec in artifact.outputs] == [[1, 5]]
    assert artifact.delegation.subgraphs >= 1
    assert 0 < artifact.delegation.delegated_nodes <= artifact.delegation.total_nodes
    assert set(artifact.build_s) == {event.stage for event in events if event.kind == "stage_finished"}
    inputs, outputs = read_references(tmp_path / "a")
    assert len(inputs) == len(outputs) == artifact.references == 1
    assert inputs[0][0].shape == (1, 3, 8, 8)
    (plain := tmp_path / "plain").touch()
    for path in (program_path, references_path):
        assert path(tmp_path / "a").stat().st_mode == plain.stat().st_mode, (
            "who shares a cache could not read it"
        )


def test_the_users_own_inputs_are_what_it_is_calibrated_on_and_compared_with(tmp_path: Path) -> None:
    own = np.random.default_rng(0).normal(size=(5, 1, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "own.npz", input=own)
    options = (f"calibration.npz={tmp_path / 'own.npz'}", "calibration.references=2")
    artifact, _ = _build(tmp_path / "a", "model=tiny", "precision=int8", *options)
    assert artifact.calibration == f"10 batches of {tmp_path / 'own.npz'}, which has 5; histogram observer"
    assert artifact.data == f"{tmp_path / 'own.npz'}, which has 5"
    inputs, _ = read_references(tmp_path / "a")
    assert [batch[0].tolist() for batch in inputs] == own[:2].tolist()


def test_the_log_gets_the_traceback_free_chatter_and_the_error_its_stage(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match="data-dependent") as caught:
        _build(tmp_path / "a", "model=unexportable")
    assert caught.value.stage == "export"
    assert not program_path(tmp_path / "a").exists()


def test_references_come_back_as_they_were_written(tmp_path: Path) -> None:
    inputs = [(torch.randn(2, 3), torch.arange(4)), (torch.randn(2, 3), torch.arange(4))]
    outputs = [[torch.randn(5)[::2]], [torch.tensor(1.0)]]
    write_references(tmp_path, inputs, outputs)
    read_inputs, read_outputs = read_references(tmp_path)
    for written, read in zip([*inputs, *outputs], [*read_inputs, *read_outputs], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(written, read, strict=True))


def test_an_operator_outside_of_the_core_set_is_lowered_without_the_check_only(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=r"bitwise_right_shift\S* is not in Core ATen opset") as caught:
        build_here(tmp_path / "checked", "model=right_shift")
    assert caught.value.stage == "lower"
    build_here(tmp_path / "unchecked", "model=right_shift", "delegate.check_ir=false")
    assert check(tmp_path / "unchecked", 1, None).parity.exact
