"""What is known about a built program, and the names of its files."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from etbench.config import Recipe
from etbench.stats.layers import Numerics

__all__ = ["Artifact", "BuildRequest", "Delegation", "TensorSpec", "program_path", "references_path"]


class BuildRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the builder process is asked for."""

    recipe: Recipe
    folder: str


class TensorSpec(Struct, frozen=True, kw_only=True):
    """Shape and dtype of one input or output."""

    shape: list[int]
    dtype: str


class Delegation(Struct, frozen=True, kw_only=True):
    """How much of the graph the delegate took.

    `left_behind` counts the operators that stayed on portable kernels, `delegated` those that went, most
    frequent first. `border_tensors` pass between a subgraph and an operator outside; `border_copies` are the
    copies and changes of layout next to one.
    """

    subgraphs: int
    delegated_nodes: int
    total_nodes: int
    left_behind: dict[str, int]
    delegated: dict[str, int] = {}
    border_tensors: int = 0
    border_copies: int = 0


class Artifact(Struct, frozen=True, kw_only=True):
    """A built program: sizes in bytes, times in seconds.

    `arena_bytes` is the memory planned for activations outside of delegates. `inputs` and `outputs`
    are flat; `references` counts the batches that parity is taken over. `calibration` says what a calibrated
    precision took its ranges from; `numerics` where it loses accuracy, if that was asked for.
    """

    pte_bytes: int
    sha256: str
    arena_bytes: int
    batch: int
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    references: int
    weights: str
    data: str
    logits_axis: int | None
    delegation: Delegation
    build_s: dict[str, float]
    calibration: str = ""
    numerics: Numerics | None = None


def program_path(folder: Path) -> Path:
    """Where the program lies in an artifact's folder."""
    return folder / "model.pte"


def references_path(folder: Path) -> Path:
    """Where the reference inputs and outputs lie in an artifact's folder."""
    return folder / "reference.safetensors"
