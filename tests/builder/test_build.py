"""The builder process: a program, its references, and what is said about it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from running import CONF, TESTS, build_here
from safetensors.torch import save_file
from tiny_models import ones_example

from etbench.artifact import DataUse, program_path, references_path
from etbench.artifact.arrays import first_compared
from etbench.artifact.references import read_references, write_references
from etbench.builder import Artifact, build, pipeline
from etbench.builder.pipeline import prepare
from etbench.errors import EtbenchError
from etbench.events import Event, Stages
from etbench.measure.passes.rounds import check, compare
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
    assert artifact.cost is not None
    assert artifact.cost.flops == 2 * (36 * 4 * 27 + 144 * 5)
    places = [(one.name, one.module, one.subgraph) for one in artifact.operators if one.flops]
    assert places == [("aten.convolution.default", "0", 0), ("aten.linear.default", "3", 0)]
    assert 0 < artifact.delegation.delegated_nodes <= artifact.delegation.total_nodes
    assert set(artifact.build_s) == {event.stage for event in events if event.kind == "stage_finished"}
    inputs, outputs = read_references(tmp_path / "a")
    assert len(inputs) == len(outputs) == 1 + artifact.references == 5
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
    data = f"{tmp_path / 'own.npz'}, which has 5 batches"
    assert artifact.calibration == f"3 batches of size 1 from {data}; histogram observer"
    assert artifact.data == data
    digests = artifact.data_use.calibration_inputs
    assert artifact.data_use == DataUse(
        source="npz", calibrated_on=3, compared_on=2, calibration_inputs=digests
    )
    assert len(digests) == 3
    inputs, _ = read_references(tmp_path / "a")
    assert [batch[0].tolist() for batch in inputs] == own[:2].tolist()


def test_a_program_that_was_calibrated_on_its_example_is_timed_with_it_and_compared_on_other_inputs(
    tmp_path: Path,
) -> None:
    int8 = build_here(tmp_path / "int8", "model=ones_example", "precision=int8")
    assert int8.data_use == DataUse(
        source="example",
        calibrated_on=1,
        compared_on=4,
        derived=4,
        calibration_inputs=int8.data_use.calibration_inputs,
    )
    inputs, outputs = read_references(tmp_path / "int8")
    assert torch.equal(inputs[0][0], torch.ones(1, 64)), "what is timed"
    assert first_compared(tmp_path / "int8") == 1
    other = check(tmp_path / "int8", 1, None).parity
    elsewhere = {f"output.{batch}.0": output + (batch == 0) for batch, (output,) in enumerate(outputs)}
    save_file(elsewhere, tmp_path / "outputs.safetensors")
    assert compare(tmp_path / "int8", tmp_path / "outputs.safetensors", None).parity.exact
    write_references(tmp_path / "int8", inputs[:1], outputs[:1])
    example = check(tmp_path / "int8", 1, None).parity
    assert example.sqnr_db > 30
    assert other.sqnr_db < 6
    torch.manual_seed(0)  # as when it was loaded
    module, normal = ones_example()[0], torch.randn(50, 1, 1, 64)
    with torch.no_grad():
        write_references(tmp_path / "int8", list(normal), [[module(x)] for (x,) in normal])
    on_normal = check(tmp_path / "int8", 1, None).parity
    assert other.sqnr_db == pytest.approx(on_normal.sqnr_db, abs=2), "the derived inputs are not kinder"
    fp32 = build_here(tmp_path / "fp32", "model=ones_example")
    assert fp32.data_use == DataUse(source="example", calibrated_on=0, compared_on=5, derived=4)
    assert first_compared(tmp_path / "fp32") == 0


@pytest.mark.parametrize(
    ("how", "note"),
    [
        ("raises", "4 of 4 derived inputs: eager raised IndexError: index out of range in self"),
        ("not finite", "4 of 4 derived inputs: eager gave values that are not finite"),
    ],
)
def test_derived_inputs_that_the_model_cannot_take_are_left_out_with_the_reason(how: str, note: str) -> None:
    recipe = compose(["model=rising", f"model.how={how}"], config_dir=CONF).recipe
    batches = prepare(recipe, Stages(lambda _: None)).reference.batches
    assert batches.single
    assert len(batches.references) == 1
    assert batches.note == note


def test_the_operations_of_a_model_are_counted_once_for_all_its_precisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[object] = []
    count = pipeline.count_work

    def stop(*_: object, **__: object) -> None:
        raise EtbenchError("far enough", stage="lower")

    monkeypatch.setattr(pipeline, "count_work", lambda *args: counted.append(args) or count(*args))
    monkeypatch.setattr(pipeline, "lower", stop)
    names = ("fp32", "fp16")
    recipes = [
        compose(["model=tiny", f"precision={name}", "delegate=portable"], config_dir=CONF).recipe
        for name in names
    ]
    prepared = prepare(recipes[0], Stages(lambda _: None))
    for recipe in recipes:
        with pytest.raises(EtbenchError, match="far enough"):
            pipeline.build_artifact(recipe, prepared, tmp_path, Stages(lambda _: None))
    assert len(counted) == 1
    assert prepared.work.flops == 2 * (36 * 4 * 27 + 144 * 5)


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
