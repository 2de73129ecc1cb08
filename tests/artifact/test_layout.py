"""The native runner is told where its inputs lie in a safetensors file, whose header it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from etbench.artifact import references_path
from etbench.artifact.layout import stored_inputs
from etbench.artifact.references import read_references, write_references
from etbench.errors import EtbenchError


def test_the_bytes_of_each_input_are_where_the_layout_says(tmp_path: Path) -> None:
    batches = [
        (torch.arange(6, dtype=torch.float32).reshape(2, 3), torch.tensor(7)),
        (torch.tensor([True, False]), torch.ones(0, 4, dtype=torch.float16)),
    ]
    write_references(tmp_path, batches, [(torch.zeros(2),)] * 2)
    body = references_path(tmp_path).read_bytes()
    found = {tensor.name: tensor for tensor in stored_inputs(tmp_path, stage="time")}
    assert set(found) == {"input.0.0", "input.0.1", "input.1.0", "input.1.1"}
    assert [found[name].dtype for name in sorted(found)] == ["F32", "I64", "BOOL", "F16"]
    for batch, tensors in enumerate(batches):
        for number, tensor in enumerate(tensors):
            stored = found[f"input.{batch}.{number}"]
            assert stored.shape == tuple(tensor.shape)
            there = body[stored.offset_bytes : stored.offset_bytes + stored.size_bytes]
            assert there == tensor.numpy().tobytes()


def test_inputs_get_the_memory_format_and_the_native_runner_is_told_which(tmp_path: Path) -> None:
    shapes = [(2, 3, 4, 5), (1, 3, 1, 2), (2, 1, 4, 5), (2, 3, 1, 1), (2, 3, 4), (0, 3, 4, 5)]
    batch = [torch.randn(shape) for shape in shapes] + [torch.ones(2, 3, 4, 5, dtype=torch.int64)]
    write_references(tmp_path, [batch], [], memory_format="channels_last")
    ((*read,), *_), outputs = read_references(tmp_path)
    assert outputs == []
    told = {one.name: one.channels_last for one in stored_inputs(tmp_path, stage="time")}
    for number, (tensor, given) in enumerate(zip(read, batch, strict=True)):
        assert torch.equal(tensor, given)
        assert (tensor.stride() == given.stride()) is tensor.is_contiguous()
        assert told[f"input.0.{number}"] is not tensor.is_contiguous(), shapes[number : number + 1]
    assert [told[f"input.0.{number}"] for number in range(len(batch))] == [True, True, *[False] * 5]


@pytest.mark.parametrize(
    ("body", "reason", "kind"),
    [
        (None, "No such file or directory", "FileNotFoundError"),
        (b"", "it is cut off within its header", "EOFError"),
        ((100).to_bytes(8, "little") + b"{}", "it is cut off within its header", "EOFError"),
        (b"\xff" * 8 + b"{}", "it is cut off within its header", "EOFError"),
        ((2).to_bytes(8, "little") + b"[]", "Expected `object`, got `array`", "ValidationError"),
        ((16).to_bytes(8, "little") + b'{"input.0.0":{}}', "missing required field", "ValidationError"),
    ],
    ids=["absent", "empty", "cut off", "huge", "no object", "no entry"],
)
def test_a_file_that_cannot_be_read_is_a_failure_of_the_stage_at_hand(
    body: bytes | None, reason: str, kind: str, tmp_path: Path
) -> None:
    if body is not None:
        references_path(tmp_path).write_bytes(body)
    with pytest.raises(EtbenchError) as caught:
        stored_inputs(tmp_path, stage="parity")
    assert (caught.value.stage, caught.value.kind) == ("parity", kind)
    assert caught.value.message.startswith(
        f"the reference inputs cannot be read: {references_path(tmp_path)}: "
    )
    assert reason in caught.value.message
