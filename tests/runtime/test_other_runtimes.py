"""Programs of ONNX Runtime, OpenVINO and LiteRT: right outputs, their threads, their operators, no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from running import build_here, environment
from runtimes import EXECUTORS, OWN_THREADS, TFLITE
from safetensors.numpy import load_file, save_file

from etbench.artifact import is_code, program_path, references_path
from etbench.artifact.arrays import read_arrays
from etbench.errors import EtbenchError
from etbench.evaluate.program import BuiltProgram
from etbench.measure.pass_results import Profile
from etbench.measure.passes.profiling import profile_program
from etbench.measure.passes.rounds import check
from etbench.runtime.program import load, preload, runtime_used

CONVERTED = ("onnxruntime", "openvino_native")  # litert's converter runs elsewhere; the tests have its files

# Answers as a process of a round does, where nothing of torch can be imported.
WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "executorch", "torchao", "torchvision", "transformers"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
sys.argv = ["round_process", "parity"]
from etbench.measure.worker.round_process import main
main()
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the artifacts of `tiny`, ``{delegate}_{precision}``."""
    folder, weights = tmp_path_factory.mktemp("programs"), set()
    for precision in ("fp32", "int8"):
        for delegate in CONVERTED:
            artifact = build_here(
                folder / f"{delegate}_{precision}",
                *("model=tiny", f"precision={precision}", f"delegate={delegate}"),
            )
            assert artifact.quantization == ("same" if precision == "int8" else "")
            weights.add(artifact.weights_sha256)
        _with_program(folder / f"litert_{precision}", TFLITE[precision], folder / f"onnxruntime_{precision}")
    assert len(weights) == 1, "all have the same weights"
    return folder


def _with_program(folder: Path, program: Path, like: Path) -> None:
    """Make an artifact of another program, with references that are its own outputs in fp32."""
    folder.mkdir()
    shutil.copy(program, program_path(folder))
    inputs, _ = read_arrays(like)
    shutil.copy(TFLITE["fp32"], folder / "fp32.tflite")
    tensors = {f"input.{number}.0": array for number, (array,) in enumerate(inputs)}
    fp32 = EXECUTORS["litert"](folder / "fp32.tflite", 1)
    tensors |= {f"output.{number}.0": fp32.call([array])[0] for number, (array,) in enumerate(inputs)}
    save_file(tensors, references_path(folder))


def _target(delegate: str) -> str:
    executor = EXECUTORS[delegate]
    return f"{executor.__module__}.{executor.__name__}"


@pytest.mark.build
@pytest.mark.parametrize("delegate", EXECUTORS)
def test_a_program_returns_what_the_eager_model_returns(delegate: str, programs: Path) -> None:
    folder = programs / f"{delegate}_fp32"
    assert not is_code(program_path(folder))
    preload(_target(delegate))
    method = load(folder, 1, _target(delegate))
    tensors = load_file(references_path(folder))
    (found,) = method.call([tensors["input.0.0"]])
    np.testing.assert_allclose(found, tensors["output.0.0"], rtol=1e-5, atol=1e-6)
    (again,) = method.get_outputs(clone_outputs=True)
    assert np.array_equal(again, found)
    method.call([np.random.default_rng(0).random((1, 3, 8, 8), np.float32)], clone_outputs=False)
    (changed,) = method.get_outputs(clone_outputs=True)
    assert not np.array_equal(changed, found), "outputs that were copied stay as they are"
    assert [spec.shape for spec in method.inputs] == [[1, 3, 8, 8]]
    assert [(spec.shape, spec.dtype) for spec in method.outputs] == [([1, 5], "float32")]


@pytest.mark.build
@pytest.mark.parametrize("delegate", EXECUTORS)
@pytest.mark.parametrize(("precision", "floor_db"), [("fp32", 100), ("int8", 10)])
def test_the_check_tells_parity_runtime_and_the_threads_that_computed(
    delegate: str, precision: str, floor_db: float, programs: Path
) -> None:
    done = check(programs / f"{delegate}_{precision}", 1, None, _target(delegate))
    assert done.parity.exact or done.parity.sqnr_db > floor_db
    assert (done.threads, done.busy_threads) == (1, 1)
    assert done.runtime == runtime_used(_target(delegate))
    assert done.runtime.version
    assert done.runtimes == []


@pytest.mark.build
def test_more_threads_than_were_asked_for_are_counted(programs: Path) -> None:
    done = check(programs / "onnxruntime_fp32", 1, None, OWN_THREADS)
    assert (done.threads, done.busy_threads) == (1, 3)


@pytest.mark.build
def test_the_operators_are_timed_by_the_runtimes_own_profiler(programs: Path) -> None:
    def profiled(delegate: str, precision: str) -> Profile:
        return profile_program(programs / f"{delegate}_{precision}", 1, _target(delegate))

    for delegate in CONVERTED:
        for precision in ("fp32", "int8"):
            profile = profiled(delegate, precision)
            assert any("Conv" in one.name for one in profile.operators), profile.operators
            assert {one.kind for one in profile.operators} == {"runtime"}
            assert profile.inferences >= 3
    with pytest.raises(EtbenchError, match="no profiler"):
        profiled("litert", "fp32")


@pytest.mark.build
@pytest.mark.parametrize("delegate", EXECUTORS)
def test_a_measuring_process_needs_no_torch(delegate: str, programs: Path) -> None:
    task = {
        "task": "check",
        "folder": str(programs / f"{delegate}_int8"),
        "threads": 1,
        "executor": _target(delegate),
        "logits_axis": None,
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        input=json.dumps(task).encode(),
        capture_output=True,
        env=environment(),
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    (answer,) = [one["body"] for one in answers if one["message_type"] == "answer"]
    assert answer["runtime"]["name"] == runtime_used(_target(delegate)).name


@pytest.mark.build
def test_files_of_other_runtimes_are_taken_as_they_are(programs: Path, tmp_path: Path) -> None:
    shutil.copy(program_path(programs / "onnxruntime_fp32"), tmp_path / "net.onnx")
    shutil.copy(TFLITE["int8"], tmp_path / "net.tflite")
    with tarfile.open(program_path(programs / "openvino_native_fp32")) as archive:
        archive.extractall(tmp_path, filter="data")
    for file, delegate in (
        ("net.onnx", "onnxruntime"),
        ("net.tflite", "litert"),
        ("model.xml", "openvino_native"),
        ("net.onnx", "openvino_native"),
    ):
        folder = tmp_path / f"{file}_{delegate}"
        path = tmp_path / file
        artifact = build_here(folder, "model=file", f"model.path={path}", f"delegate={delegate}")
        assert [(spec.shape, spec.dtype) for spec in artifact.inputs] == [([1, 3, 8, 8], "float32")]
        assert [(spec.shape, spec.dtype) for spec in artifact.outputs] == [([1, 5], "float32")]
        assert "photographs" in artifact.data
        assert len(load(folder, 1, _target(delegate)).call(read_arrays(folder)[0][0])) == 1


def test_an_evaluation_calls_it_as_it_calls_a_program_of_executorch() -> None:
    import torch

    program = BuiltProgram(EXECUTORS["litert"](TFLITE["fp32"], 1), [torch.zeros(1, 3, 8, 8)])
    batch = np.random.default_rng(0).random((1, 3, 8, 8))
    (found,) = program(batch)
    assert (found.shape, found.dtype) == ((1, 5), np.float32)
    assert not np.array_equal(found, program(batch * 2)[0])


@pytest.mark.parametrize("delegate", EXECUTORS)
def test_a_file_that_is_no_model_is_refused(delegate: str, tmp_path: Path) -> None:
    program_path(tmp_path).write_bytes(b"\x08\x0a\x12and nothing else")
    with pytest.raises(EtbenchError, match="refuses the program") as caught:
        load(tmp_path, 1, _target(delegate))
    assert caught.value.stage == "load_program"


def test_an_executor_that_does_not_exist_or_is_something_else_is_named(tmp_path: Path) -> None:
    for target, reason in (
        ("etbench.runtime.onnx_model.Missing", "Missing"),
        ("etbench.runtime.onnx_model.SETTINGS", "not a subclass"),
    ):
        with pytest.raises(EtbenchError, match=reason):
            load(tmp_path, 1, target)
