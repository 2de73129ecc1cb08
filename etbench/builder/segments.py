"""What the bytes of a program file are for, read from the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# No public function of executorch 1.5 reads a program without its weights; `tests/builder/test_segments.py`
# fails if these two change.
from executorch.exir._serialize._program import _flatbuffer_to_program, _get_extended_header
from executorch.exir.schema import DataLocation
from msgspec import Struct

__all__ = ["Segments", "read_program", "read_segments"]

HEAD_BYTES = 64


class Segments(Struct, frozen=True, kw_only=True):
    """Bytes of a program file: the weights of its own operators, and the data of delegates.

    The data of a delegate are its processed graphs and its named data, in which XNNPACK stores its weights.
    """

    constant_bytes: int
    delegate_bytes: int


def read_program(path: Path) -> Any:
    """Read the head of a program file as executorch's own `Program`, without the segments."""
    with path.open("rb") as file:
        header = _get_extended_header(file.read(HEAD_BYTES))
        file.seek(0)
        return _flatbuffer_to_program(file.read(header.program_size if header else -1))


def read_segments(path: Path) -> Segments:
    """Return what the segments of a program file are for."""
    program = read_program(path)
    return Segments(constant_bytes=_constant_bytes(program), delegate_bytes=_delegate_bytes(program))


def _constant_bytes(program: Any) -> int:
    inline = sum(len(buffer.storage) for buffer in program.constant_buffer)
    segment = program.constant_segment
    if segment is None or not len(segment.offsets) or not program.segments:
        return inline
    return inline + int(program.segments[segment.segment_index].size)


def _delegate_bytes(program: Any) -> int:
    processed = [delegate.processed for plan in program.execution_plan for delegate in plan.delegates]
    inline = {graph.index for graph in processed if graph.location == DataLocation.INLINE}
    segments = {graph.index for graph in processed if graph.location == DataLocation.SEGMENT}
    segments |= {named.segment_index for named in program.named_data or []}
    return sum(len(program.backend_delegate_data[index].data) for index in inline) + sum(
        int(program.segments[index].size) for index in segments
    )
