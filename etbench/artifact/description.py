"""What is known about a built program, and the names of its files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.config import Generation, Recipe
from etbench.stats.layers import Numerics

__all__ = [
    "Artifact",
    "BuildRequest",
    "Delegation",
    "TensorSpec",
    "is_pytorch_program",
    "program_path",
    "references_path",
    "shared_part",
]


class BuildRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a builder is asked for: a recipe, an empty folder for its files, a file for what it prints."""

    recipe: Recipe
    folder: str
    log: str


class TensorSpec(Struct, frozen=True, kw_only=True):
    """Shape and dtype of one input or output."""

    shape: list[int]
    dtype: str


class Delegation(Struct, frozen=True, kw_only=True):
    """How much of the graph the delegate took.

    `left_behind` counts the operators that stayed on the CPU kernels of the runtime, `delegated` those that
    went, most frequent first; quantizing and dequantizing count as operators. `reasons` has what the
    partitioner said of those left behind, where it says so. `tensors_in` and `tensors_out` are handed to
    and by subgraphs, the inputs and outputs of the whole graph among them; `border_copies` are operators
    left behind that only copy or convert what a subgraph gives or takes. What a delegate copies inside its
    subgraphs it does not tell. All three are null in results of older versions.
    """

    subgraphs: int
    delegated_nodes: int
    total_nodes: int
    left_behind: dict[str, int]
    delegated: dict[str, int] = {}
    reasons: dict[str, str] = {}
    tensors_in: int | None = None
    tensors_out: int | None = None
    border_copies: int | None = None


class Artifact(Struct, frozen=True, kw_only=True):
    """A built program: sizes in bytes, times in seconds.

    `arena_bytes` is the memory planned for activations outside of delegates. `constant_bytes` are the
    weights that the program's own operators use, `delegate_bytes` what belongs to delegates, their weights
    included; null in results of older versions. `inputs` and `outputs` are flat; `references` counts
    the batches that parity is taken over. `calibration` says what a calibrated precision took its ranges
    from; `numerics` where it loses accuracy, if that was asked for. `generation` is of language models, how
    long the texts are that they read and write; their inputs are those of a prompt.
    """

    pte_bytes: int
    sha256: str
    arena_bytes: int
    constant_bytes: int | None = None
    delegate_bytes: int | None = None
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
    generation: Generation | None = None


def program_path(folder: Path) -> Path:
    """Where the program lies in an artifact's folder."""
    return folder / "model.pte"


def is_pytorch_program(path: Path) -> bool:
    """Tell a program that PyTorch runs (its formats are zip files) from one of ExecuTorch."""
    return zipfile.is_zipfile(path)


def references_path(folder: Path) -> Path:
    """Where the reference inputs and outputs lie in an artifact's folder."""
    return folder / "reference.safetensors"


def shared_part(recipe: Recipe) -> bytes:
    """Return what two recipes have in common when one loaded and exported model serves both."""
    return msgspec.json.encode([recipe.model, recipe.calibration], order="sorted")
