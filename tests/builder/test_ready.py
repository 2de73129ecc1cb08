"""Programs that were built elsewhere: ready ones as they are, and exported ones that go on from there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from running import build_here, etbench
from tiny_models import tiny

from etbench.artifact import program_path
from etbench.artifact.references import read_references
from etbench.config.program_head import backends_of
from etbench.errors import EtbenchError
from etbench.results.files.store import read_result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `net.pte` for XNNPACK, `net.pt2`, and `net.npz`: an input and the right output."""
    folder = tmp_path_factory.mktemp("made")
    build_here(folder / "built", "model=tiny")
    program_path(folder / "built").rename(folder / "net.pte")
    (inputs, *_), (outputs, *_) = read_references(folder / "built")
    np.savez(folder / "net.npz", **{"input.0.0": inputs[0].numpy(), "output.0.0": outputs[0].numpy()})
    torch.save(inputs, folder / "no.npz")
    module, example = tiny()
    torch.export.save(torch.export.export(module.eval(), (example,), strict=False), folder / "net.pt2")
    return folder


def test_a_ready_program_is_taken_as_it_is(made: Path, tmp_path: Path) -> None:
    artifact = build_here(tmp_path / "a", "model=pte", f"model.path={made / 'net.pte'}")
    assert program_path(tmp_path / "a").read_bytes() == (made / "net.pte").read_bytes()
    assert [spec.shape for spec in artifact.inputs] == [[1, 3, 8, 8]]
    assert [spec.shape for spec in artifact.outputs] == [[1, 5]]
    assert "photographs" in artifact.data
    assert artifact.references == 0
    assert artifact.delegation.delegated == {"XnnpackBackend": artifact.delegation.subgraphs}
    assert set(artifact.build_s) == {"load", "load_program", "reference", "write"}


def test_its_cell_says_what_is_in_it_and_that_there_is_nothing_to_compare_with(
    made: Path, tmp_path: Path
) -> None:
    assert backends_of(made / "net.pte") == ["XnnpackBackend"]
    command = ("model=pte", f"model.path={made / 'net.pte'}", "repeat=quick", "hydra.run.dir=out")
    done = etbench(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there is no reference to compare with" in done.stdout
    result = read_result(tmp_path / "out" / "net_as_built_xnnpack.json")
    assert (result.status, result.delegate, result.precision_short) == ("ok", "xnnpack", "as_built")
    assert result.latency_ms.p50 > 0
    assert result.parity.sqnr_db is None
    done = etbench(*command, f"model.reference={made / 'net.npz'}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (other,) = (tmp_path / "out").glob("net_as_built_xnnpack-*.json")
    assert read_result(other).parity.sqnr_db > 80


SPOILT = {
    "of another version": (lambda body: body[:4] + b"ET11" + body[8:], "0x23 InvalidProgram: the file is"),
    "truncated": (lambda body: body[: len(body) // 2], "0x23 InvalidProgram: .* is truncated"),
    "a few bytes": (lambda body: body[:20], "0x12 InvalidArgument: the file is too short"),
    "empty": (lambda _: b"", "0x"),
    "something else": (lambda _: b"no program at all" * 99, "0x23 InvalidProgram"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_program_ends_at_load_program_with_the_code_in_words(
    how: str, made: Path, tmp_path: Path
) -> None:
    spoil, words = SPOILT[how]
    (tmp_path / "net.pte").write_bytes(spoil((made / "net.pte").read_bytes()))
    with pytest.raises(EtbenchError, match="the runtime refuses the program") as caught:
        build_here(tmp_path / "a", "model=pte", f"model.path={tmp_path / 'net.pte'}")
    assert caught.value.stage == "load_program"
    assert re.search(words, caught.value.hint)


def test_a_backend_that_is_not_here_ends_at_load_program_too(made: Path, tmp_path: Path) -> None:
    body = (made / "net.pte").read_bytes().replace(b"XnnpackBackend", b"MarsianBackend")
    (tmp_path / "net.pte").write_bytes(body)
    done = etbench("model=pte", "model.path=net.pte", "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 1
    result = read_result(tmp_path / "out" / "net_as_built_MarsianBackend.json")
    assert (result.status, result.failure.stage) == ("failed", "load_program")
    assert "0x20 NotFound: the program needs a backend" in result.failure.hint


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch about its own export
def test_an_input_that_is_no_tensor_is_named_by_its_place_among_the_inputs(tmp_path: Path) -> None:
    from executorch.exir import to_edge

    class Scaled(torch.nn.Linear):
        def forward(self, tensor: torch.Tensor, factor: int) -> torch.Tensor:
            return super().forward(tensor) * factor

    exported = torch.export.export(Scaled(2, 2).eval(), (torch.ones(1, 2), 3), strict=False)
    (tmp_path / "net.pte").write_bytes(to_edge(exported).to_executorch().buffer)
    with pytest.raises(EtbenchError, match="input 1 of the program is not a tensor but Int"):
        build_here(tmp_path / "a", "model=pte", f"model.path={tmp_path / 'net.pte'}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.pte", "cannot be read"),
        ("no.npz", "cannot be read"),
        ("wrong.npz", "found 0 batches of inputs.*tensors: x"),
    ],
)
def test_a_reference_of_another_form_is_an_error_of_load(
    name: str, message: str, made: Path, tmp_path: Path
) -> None:
    np.savez(made / "wrong.npz", x=np.zeros(3))
    source = ("model=pte", f"model.path={made / 'net.pte'}", f"model.reference={made / name}")
    with pytest.raises(EtbenchError, match=message) as caught:
        build_here(tmp_path / "a", *source)
    assert caught.value.stage == "load"


def test_an_exported_program_is_quantized_and_lowered(made: Path, tmp_path: Path) -> None:
    source = ("model=exported", f"model.path={made / 'net.pt2'}")
    artifact = build_here(tmp_path / "a", *source, "precision=int8")
    assert artifact.inputs[0].shape == [1, 3, 8, 8]
    assert artifact.references == 4, "it takes photographs"
    assert artifact.delegation.delegated_nodes > 0
    (cut_off := tmp_path / "cut_off.pt2").write_bytes((made / "net.pt2").read_bytes()[:-100])
    with pytest.raises(EtbenchError, match="cannot read the exported program") as caught:
        build_here(tmp_path / "b", "model=exported", f"model.path={cut_off}")
    assert caught.value.stage == "load"
