"""A built program: its description, its files, its references, and how it generates text."""

from __future__ import annotations

from etbench.artifact.description import (
    Artifact,
    BuildRequest,
    Cost,
    DataSource,
    DataUse,
    Delegation,
    GraphOperator,
    MixedBlock,
    MixedBlocks,
    Quantized,
    TensorSpec,
    TimedSize,
    is_code,
    program_files,
    program_path,
    references_path,
    shared_part,
)

__all__ = [
    "Artifact",
    "BuildRequest",
    "Cost",
    "DataSource",
    "DataUse",
    "Delegation",
    "GraphOperator",
    "MixedBlock",
    "MixedBlocks",
    "Quantized",
    "TensorSpec",
    "TimedSize",
    "is_code",
    "program_files",
    "program_path",
    "references_path",
    "shared_part",
]
