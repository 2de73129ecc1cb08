"""Run an ONNX model with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from running import build_here
from safetensors.torch import load_file

from etbench.artifact import program_path, references_path, runtime_of
from etbench.errors import EtbenchError
from etbench.runtime.executors import threads_of
from etbench.runtime.program import load


@pytest.mark.build
def test_a_model_in_onnx_returns_what_the_eager_model_returns(tmp_path: Path) -> None:
    build_here(tmp_path / "built", "model=tiny", "delegate=onnxruntime")
    assert runtime_of(program_path(tmp_path / "built")) == "onnxruntime"
    method = load(tmp_path / "built", threads=1)
    assert threads_of(method) == 1
    tensors = load_file(references_path(tmp_path / "built"))
    (found,) = method.call([tensors["input.0.0"]])
    torch.testing.assert_close(found, tensors["output.0.0"])
    (again,) = method.get_outputs(clone_outputs=False)
    assert torch.equal(again, found)
    other = torch.rand_like(tensors["input.0.0"])
    (changed,) = method.call([other], clone_outputs=False)
    assert not torch.equal(changed, found), "outputs that were copied stay as they are"


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    program_path(tmp_path).write_bytes(b"\x08\x0a\x12and nothing else")
    with pytest.raises(EtbenchError, match="ONNX Runtime refuses the program"):
        load(tmp_path, threads=1)
