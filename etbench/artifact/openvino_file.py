"""OpenVINO's two files, the graph and its weights, as one uncompressed tar; imports no OpenVINO."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ModelFiles", "map_model", "pack_model"]

GRAPH, WEIGHTS = "model.xml", "model.bin"


class ModelFiles(NamedTuple):
    """The text of a graph, and its weights as they are mapped from the file."""

    xml: bytes
    weights: NDArray[Any]


def pack_model(xml: Path, weights: Path, path: Path) -> None:
    """Write a graph and its weights into one file; ``tar -xf`` gives both back."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, source in ((GRAPH, xml), (WEIGHTS, weights)):
            member = tarfile.TarInfo(name)  # no times and owners: equal models give equal bytes
            member.size = source.stat().st_size
            with source.open("rb") as file:
                archive.addfile(member, file)


def map_model(path: Path) -> ModelFiles | None:
    """Return the content of such a file, with the weights mapped; None if it is another file."""
    try:
        with tarfile.open(path, "r:") as archive:
            members = {member.name: member for member in archive.getmembers()}
            graph, weights = members[GRAPH], members[WEIGHTS]
            opened = archive.extractfile(graph)
            assert opened is not None  # it is a file
            xml = opened.read()
    except (tarfile.TarError, KeyError):
        return None
    if not weights.size:
        return ModelFiles(xml, np.zeros(0, np.uint8))
    # Private to this process: OpenVINO takes no array that cannot be written to, and does not write to it.
    mapped = np.memmap(path, np.uint8, "c", offset=weights.offset_data, shape=(weights.size,))
    return ModelFiles(xml, mapped)
