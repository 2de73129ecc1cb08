"""The accuracy hook: what it gets, what becomes of its figures, and of its failures."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import tiny_models
import torch
from running import CONF, TESTS

from etbench.config import Cell
from etbench.engine.run import run_cells
from etbench.errors import ConfigError
from etbench.evaluate import BuiltProgram
from etbench.preflight.command_line import check_command_line
from etbench.preflight.compose import compose
from etbench.results import to_frame
from etbench.results.schema import Result

HOOKS = {
    "spread": ("evaluate._target_=accuracy_hooks.spread", "evaluate.scale=2"),
    "fp16": ("evaluate._target_=accuracy_hooks.spread", "evaluate.scale=2", "precision=fp16"),
    "top1": ("evaluate=top1", "evaluate.data={data}"),
    "broken": ("evaluate._target_=accuracy_hooks.broken",),
    "list": ("evaluate._target_=accuracy_hooks.no_figures",),
    "shape": ("evaluate._target_=accuracy_hooks.wrong_shape",),
}


def _cell(*overrides: str) -> Cell:
    command = ("model=tiny", "repeat=quick", "passes.load=1", *overrides)
    return compose(command, config_dir=CONF)


def _labelled(path: Path) -> np.ndarray:
    """Write 16 items, four of them with a label that the eager model does not give; return its outputs."""
    torch.manual_seed(0)
    module, _ = tiny_models.tiny()
    items = torch.randn(16, 3, 8, 8)
    with torch.no_grad():
        logits = module.eval()(items).numpy()
    labels = logits.argmax(axis=1)
    labels[::4] = (labels[::4] + 1) % 5
    np.savez(path, inputs=items.numpy(), labels=labels)
    return logits


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """One small program with each of the hooks; the programs are built once."""
    folder = tmp_path_factory.mktemp("evaluate")
    _labelled(folder / "data.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS))
        cells = [_cell(*(text.format(data=folder / "data.npz") for text in hook)) for hook in HOOKS.values()]
        outcomes = run_cells(cells, out_dir=folder / "out")
    return {name: outcome.result for name, outcome in zip(HOOKS, outcomes, strict=True) if outcome}


@pytest.mark.parametrize("name", ["spread", "fp16"])
def test_the_hook_runs_the_program_in_its_precision_and_its_figures_are_in_the_result(
    name: str, results: dict[str, Result]
) -> None:
    torch.manual_seed(0)
    module, _ = tiny_models.tiny()
    with torch.no_grad():
        output = module.eval()(torch.ones(1, 3, 8, 8))
    found = results[name].evaluation
    assert found is not None
    assert found["spread"] == pytest.approx(2 * float(output.max() - output.min()), rel=1e-2)
    assert found["nothing"] is None
    assert "evaluate" in results[name].stage_s
    frame = to_frame([results[name]])
    assert frame["eval_spread"].item() == found["spread"]
    assert frame["eval_nothing"].isna().item()


def test_top1_returns_which_labels_the_program_finds(results: dict[str, Result]) -> None:
    assert results["top1"].evaluation == {"top1": 0.75}
    answers = results["top1"].evaluation_items["top1"]
    assert (answers.count, answers.right) == (16, 12)
    assert answers.booleans is not None
    assert answers.booleans.tolist() == [False, True, True, True] * 4
    broken = msgspec.structs.replace(answers, correct=answers.correct[:-4])
    assert broken.booleans is None
    assert msgspec.structs.replace(answers, right=11).booleans is None


def test_what_the_hook_reads_is_in_the_result(results: dict[str, Result]) -> None:
    hook, built_in = results["spread"].evaluation_sources, results["top1"].evaluation_sources
    assert hook is not None and built_in is not None
    assert [file.path for file in hook.code] == ["accuracy_hooks.py"]
    assert hook.data == []
    assert built_in.code == []
    assert [Path(file.path).name for file in built_in.data] == ["data.npz"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "the data set is not what it was"),
        ("list", "accuracy_hooks.no_figures returned ['a list']"),
        ("shape", "does not accept [((7, 7), 'float32')]; it takes [((1, 3, 8, 8), 'float32')]"),
    ],
)
def test_a_hook_that_fails_is_the_failure_of_its_cell_before_it_is_timed(
    name: str, words: str, results: dict[str, Result]
) -> None:
    result = results[name]
    assert (result.status, result.rounds) == ("failed", [])
    assert result.failure is not None
    assert result.failure.stage == "evaluate"
    assert words in result.failure.message
    assert "Traceback" in result.failure.traceback


def test_a_data_set_that_is_not_there_is_a_fault_and_a_hook_is_part_of_the_identity() -> None:
    with pytest.raises(ConfigError, match=r"evaluate\.data=/no/such\.npz: no such file"):
        check_command_line(["evaluate=top1", "evaluate.data=/no/such.npz"])
    with pytest.raises(ConfigError, match=r"evaluate\.data is required: model=mobilenet_v2 has no"):
        check_command_line(["evaluate=top1"])
    with pytest.raises(ConfigError, match=r"evaluate\.data=labels\.npz: no such file"):
        check_command_line(["evaluate=top1", "evaluate.data=labels.npz"])
    with pytest.raises(ConfigError, match=r"as a function: module 'etbench\.data\.digits' has no 'heldout'"):
        check_command_line(["evaluate=top1", "evaluate.data=etbench.data.digits.heldout"])
    with pytest.raises(ConfigError, match=r"evaluate\.batch: no accuracy is evaluated; choose a function"):
        check_command_line(["evaluate.batch=4"])
    with pytest.raises(ConfigError, match=r"bound of eval_top1: '>=98': a share is at most 1; write '>=98%'"):
        check_command_line(["model=digits", "evaluate=top1", "decision.bounds={eval_top1: '>=98'}"])
    with pytest.raises(ConfigError, match="bound of eval_top1: no accuracy is evaluated"):
        check_command_line(["decision.bounds={eval_top1: '>=0.9'}"])
    with pytest.raises(ConfigError, match="did you mean 'scale'"):
        _cell("evaluate._target_=accuracy_hooks.spread", "evaluate.scael=2")
    plain, evaluated = _cell(), _cell("evaluate._target_=accuracy_hooks.broken")
    assert plain.cell_id != evaluated.cell_id
    assert plain.recipe == evaluated.recipe


def test_options_of_the_function_need_no_plus_and_the_data_of_a_model_need_no_option(
    tmp_path: Path,
) -> None:
    sweep = ["-m", "evaluate._target_=accuracy_hooks.spread", "evaluate.scale=2,3"]
    assert check_command_line(sweep)[-1] == "++evaluate.scale=2,3"
    shown = ["--cfg", "job", "evaluate._target_=accuracy_hooks.spread", "evaluate.scale=2"]
    assert check_command_line(shown)[-1] == "++evaluate.scale=2"
    cell = compose(["model=digits", "evaluate=top1"])
    assert cell.evaluate.data == "etbench.data.digits.held_out"
    assert compose(cell.command).cell_id == cell.cell_id
    np.savez(tmp_path / "own.npz", x=np.zeros((2, 1, 8, 8)), labels=np.zeros(2, int))
    other = compose(["model=digits", "evaluate=top1", f"evaluate.data={tmp_path / 'own.npz'}"])
    assert other.evaluate.data == str(tmp_path / "own.npz")


def test_arrays_are_given_in_the_memory_format_of_the_program() -> None:
    class Method:
        def call(self, inputs: list[torch.Tensor], *, clone_outputs: bool) -> list[torch.Tensor]:
            assert clone_outputs
            return [torch.tensor([one.is_contiguous(memory_format=torch.channels_last) for one in inputs])]

    images, ids = torch.randn(2, 3, 4, 5), torch.ones(2, 7)
    for example, expected in ((images.to(memory_format=torch.channels_last), True), (images, False)):
        (found,) = BuiltProgram(Method(), (example, ids))(images.numpy(), ids.numpy())
        assert found.tolist() == [expected, False]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Data that do not fit an accuracy or a model, and some that do."""
    for name in ("classes/a/1.png", "no_pictures/a/notes.txt", "no_classes/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"only its name is checked")
    items = np.zeros((4, 3), np.float32)
    arrays: dict[str, dict[str, np.ndarray]] = {
        "fits": {"x": items, "labels": np.zeros(4, int)},
        "with_batches": {"x": items.reshape(2, 2, 3), "labels": np.zeros(4, int)},
        "fewer": {"x": items, "labels": np.zeros(3, int)},
        "no_labels": {"x": items},
        "two_inputs": {"x": items, "y": items, "labels": np.zeros(4, int)},
        "no_items": {"x": items[:0], "labels": np.zeros(0, int)},
    }
    for name, content in arrays.items():
        np.savez(tmp_path / f"{name}.npz", **content)
    with (tmp_path / "too_large.pt").open("wb") as file:
        file.truncate(2**40)
    return tmp_path


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("classes", None),
        ("fits.npz", None),
        ("with_batches.npz", None),
        ("no_pictures", "contain no picture"),
        ("no_classes", "contains no folder"),
        ("fewer.npz", "3 labels, but 'x' has the shape (4, 3)"),
        ("no_labels.npz", "contains x; give an .npz with `labels`"),
        ("two_inputs.npz", "contains x, y, labels"),
        ("no_items.npz", "at least one item"),
        ("no_classes/1.png", "not a file of arrays"),
    ],
)
def test_labelled_data_that_do_not_fit_are_refused_before_the_build(
    data: str, fault: str | None, files: Path
) -> None:
    argv = ["evaluate=top1", f"evaluate.data={files / data}"]
    if fault is None:
        check_command_line(argv)
        return
    with pytest.raises(ConfigError) as refused:
        check_command_line(argv)
    (found,) = refused.value.faults
    assert found.startswith(f"evaluate.data={files / data}: ")
    assert fault in found


def test_pictures_are_refused_for_a_model_of_text(files: Path) -> None:
    with pytest.raises(ConfigError, match="not fed with pictures"):
        check_command_line(["model=distilbert", "evaluate=top1", f"evaluate.data={files / 'classes'}"])


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        ("no_classes/1.png", "not a checkpoint"),
        ("no_classes", "contains no weights"),
        ("too_large.pt", "1,099,511,627,776 bytes, and this machine has"),
        ("fits.npz", None),  # a zip file, as torch.save writes them; what is in it is not read
    ],
)
def test_weights_that_are_no_checkpoint_are_refused_before_the_build(
    weights: str, fault: str | None, files: Path
) -> None:
    argv = [f"model.weights={files / weights}"]
    if fault is None:
        check_command_line(argv)
    else:
        with pytest.raises(ConfigError, match=fault):
            check_command_line(argv)
