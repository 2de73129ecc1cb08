"""A built program: its description, its files, its references, and how it generates text."""

from __future__ import annotations

from etbench.artifact.description import (
    Artifact,
    BuildRequest,
    DataSource,
    DataUse,
    Delegation,
    MixedBlock,
    MixedBlocks,
    Quantized,
    TensorSpec,
    TimedSize,
    program_path,
    references_path,
    runtime_of,
    shared_part,
)

__all__ = [
    "Artifact",
    "BuildRequest",
    "DataSource",
    "DataUse",
    "Delegation",
    "MixedBlock",
    "MixedBlocks",
    "Quantized",
    "TensorSpec",
    "TimedSize",
    "program_path",
    "references_path",
    "runtime_of",
    "shared_part",
]
