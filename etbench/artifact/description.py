"""The description of a built program, and the names of its files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.config import Generation, Recipe
from etbench.config.sections import Dynamic
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
    """A request to a builder: a recipe, an empty folder for its files, and a file for its output."""

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
    the delegate took, most frequent first; quantize and dequantize count as operators. `reasons` has the
    partitioner's reasons for the operators left behind, if it reports any. `tensors_in` and `tensors_out`
    count the inputs and outputs of subgraphs, including those of the whole graph; `border_copies` counts
    the operators left behind that only copy or convert an input or output of a subgraph, without the copies
    that a delegate makes inside its subgraphs. These three counts are null in results of older versions.
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

    `arena_bytes` is the memory planned for activations outside of delegates. `constant_bytes` are the weights
    that the program's own operators use, `delegate_bytes` the data of delegates, including their weights;
    both are null in results of older versions. `inputs` and `outputs` are flat. `input_names` are those of
    the inputs, as far as the model names them; a nested input has the name of the parameter with indices and
    keys, such as ``state_0``. `constants` are the arguments of the model that are not tensors, by name: they
    are part of the program. `float_dtypes` are the floating-point dtypes of the program's inputs and weights:
    fp32 leaves float64 as it is. These three are empty in results of older versions and for a program that
    was built elsewhere. `dynamic` has the largest sizes of the axes of which the program accepts any size.
    `references` counts the batches for which parity is computed, without those of other sizes. `calibration`
    describes the data from which a calibrated precision took its ranges; `numerics` shows where it loses
    accuracy, if requested. `generation` is for language models: how many tokens they read and generate; their
    inputs are those of a prompt.
    """

    pte_bytes: int
    sha256: str
    arena_bytes: int
    constant_bytes: int | None = None
    delegate_bytes: int | None = None
    batch: int
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    input_names: list[str] = []
    constants: dict[str, str] = {}
    float_dtypes: list[str] = []
    dynamic: Dynamic = Dynamic()
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
    """Return the path of the program in an artifact's folder."""
    return folder / "model.pte"


def is_pytorch_program(path: Path) -> bool:
    """Return whether PyTorch runs the program (its formats are zip files), and not ExecuTorch."""
    return zipfile.is_zipfile(path)


def references_path(folder: Path) -> Path:
    """Return the path of the reference inputs and outputs in an artifact's folder."""
    return folder / "reference.safetensors"


def shared_part(recipe: Recipe) -> bytes:
    """Return the part of a recipe that is equal for two recipes if they can share one exported model."""
    return msgspec.json.encode([recipe.model, recipe.calibration], order="sorted")
