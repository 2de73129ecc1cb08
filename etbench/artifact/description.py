"""The description of a built program, and the names of its files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from etbench.artifact.sources import Sources
from etbench.config import Generation, Recipe
from etbench.config.model_data import DataKind
from etbench.config.sections import Dynamic, MemoryFormat
from etbench.stats.bounds import Count, Duration, Share, Whole
from etbench.stats.layers import Numerics

__all__ = [
    "Artifact",
    "BuildRequest",
    "DataSource",
    "DataUse",
    "Delegation",
    "MixedBlock",
    "MixedBlocks",
    "Quantized",
    "Runtime",
    "TensorSpec",
    "TimedSize",
    "program_path",
    "references_path",
    "runtime_of",
    "shared_part",
]


Runtime = Literal["executorch", "pytorch", "onnxruntime"]
DataSource = DataKind | Literal["npz", "file"]


class BuildRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to a builder: a recipe, an empty folder for its files, and a file for its output."""

    recipe: Recipe
    folder: str
    log: str


class TensorSpec(Struct, frozen=True, kw_only=True):
    """Shape and dtype of one input or output."""

    shape: list[Count]
    dtype: str


class TimedSize(Struct, frozen=True, kw_only=True):
    """A further size of the inputs that is timed: the number of its reference batch, and the shapes."""

    reference: Count
    inputs: list[list[Count]]


class Delegation(Struct, frozen=True, kw_only=True):
    """How much of the graph the delegate took.

    `left_behind` counts the operators that stayed on the CPU kernels of the runtime, `delegated` those that
    the delegate took, most frequent first; quantize and dequantize count as operators. `reasons` has the
    partitioner's reasons for the operators left behind, if it reports any. `tensors_in` and `tensors_out`
    count the inputs and outputs of subgraphs, including those of the whole graph; `border_copies` counts
    the operators left behind that only copy or convert an input or output of a subgraph, without the copies
    that a delegate makes inside its subgraphs. These three counts are null in results of older versions.
    """

    subgraphs: Count
    delegated_nodes: Count
    total_nodes: Count
    left_behind: dict[str, Count]
    delegated: dict[str, Count] = {}
    reasons: dict[str, str] = {}
    tensors_in: Count | None = None
    tensors_out: Count | None = None
    border_copies: Count | None = None


class Quantized(Struct, frozen=True, kw_only=True):
    """What a precision turned into integers, and what it left in float.

    An operator counts as quantized if its inputs and weights come from integers; whether integers are also
    what multiplies them depends on the delegate: portable kernels convert back to float first. `macs` are the
    multiply-accumulates of one inference, along a dynamic axis with the largest size, null if they cannot be
    counted; `macs_share` is the share of them in quantized operators. `weights_share` is the share of the
    weights' elements that are stored as integers, so of their bytes in fp32. Shares are null if there is
    nothing to share. `operators` counts the quantized operators on floats by kind, `operators_in_float` the
    others, most frequent first. `layers_in_float` names the modules with multiply-accumulates or matrices of
    weights in float, with their share of the multiply-accumulates, the largest first; ``<model>`` is the
    whole model's own code.
    """

    macs: Count | None
    macs_share: Share | None
    weights_share: Share | None
    operators: dict[str, Count]
    operators_in_float: dict[str, Count]
    layers_in_float: dict[str, Share | None]


class MixedBlock(Struct, frozen=True, kw_only=True):
    """A block of the model, and whether it is `kept` in fp32.

    `modules` are the patterns of `precision.keep_fp32` for it. `alone_db` is the SQNR of the model of which
    only this block is in the precision, run by PyTorch; null if it changes nothing, or is not known.
    """

    name: str
    modules: list[str]
    alone_db: float | None
    kept: bool


class MixedBlocks(Struct, frozen=True, kw_only=True):
    """The blocks of a model in mixed precision, the most sensitive first, of which the first stay in fp32.

    `sqnr_db` is the parity of the mix before it is lowered, run by PyTorch on the reference inputs; null if
    it is not known. `wanted_db` is the parity that was asked for, null if it was a number of blocks.
    """

    blocks: list[MixedBlock]
    sqnr_db: float | None
    wanted_db: float | None = None

    @property
    def kept(self) -> list[str]:
        """The names of the blocks in fp32."""
        return [block.name for block in self.blocks if block.kept]


class DataUse(Struct, frozen=True, kw_only=True):
    """Which inputs a program was calibrated on, and on which it is compared with eager.

    `source` is what the inputs are: images, text, speech, prompts, a data set of the model (``own``), arrays
    (``npz``), the example that came with the model (``example``), values made up for given shapes
    (``made_up``), or the inputs of a finished program (``file``). `calibrated_on` counts batches and is 0 for
    a precision that is not calibrated, and `compared_on` counts those that parity is taken on. If there is
    only one batch of data, `derived` of them are derived from it: seeded values of the same shapes, dtypes
    and value statistics. A calibrated program is compared on its calibration data only if none could be
    derived (`compared_on_calibration`). `note` is why derived inputs were left out.
    """

    source: DataSource
    calibrated_on: Count
    compared_on: Count
    derived: Count = 0
    compared_on_calibration: bool = False
    note: str = ""


class Artifact(Struct, frozen=True, kw_only=True):
    """A built program: sizes in bytes, times in seconds.

    `arena_bytes` is the memory planned for activations outside of delegates. `constant_bytes` are the weights
    that the program's own operators use, `delegate_bytes` the data of delegates, including their weights;
    both are null in results of older versions. `batch` is null if the inputs differ in their first axis, so
    that it is not known which axis is the batch. `inputs` and `outputs` are flat. `input_names` are those of
    the inputs, as far as the model names them; a nested input has the name of the parameter with indices and
    keys, such as ``state_0``. `constants` are the arguments of the model that are not tensors, by name: they
    are part of the program. `float_dtypes` are the floating-point dtypes of the program's inputs and weights:
    fp32 leaves float64 as it is. These three are empty in results of older versions and for a program that
    was built elsewhere. `memory_format` is how its floating-point inputs with four axes lie in memory.
    `dynamic` has the largest sizes of the axes of which the program accepts any size, and `timed_sizes` the
    other sizes of the inputs that are timed, too. `references` counts the batches for which parity is
    computed, without those of other sizes. `calibration` describes the data from which a calibrated precision
    took its ranges; `numerics` shows where it loses accuracy, if requested. `not_repeatable` is how two runs
    of the eager model on one input differ, empty if they agree. `quantized` is what a precision of integers
    quantized; null for all others (fp32, and casts, which apply to the whole model) and in results of older
    versions. `generation` is for language models: how many tokens they read and generate; their inputs are
    those of a prompt. `refusal` is why there is no program, as it would be that of another precision; only
    the cache has such artifacts, so that it need not be found out again. `data_use` is null in results of
    older versions. `sources` are the user's code and data that the program was made from; null in results of
    older versions, and if they are not known: `sources_unknown` is the reason.
    """

    pte_bytes: Count
    sha256: str
    arena_bytes: Count
    constant_bytes: Count | None = None
    delegate_bytes: Count | None = None
    batch: Count | None
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    input_names: list[str] = []
    constants: dict[str, str] = {}
    float_dtypes: list[str] = []
    memory_format: MemoryFormat = "contiguous"
    dynamic: Dynamic = Dynamic()
    timed_sizes: list[TimedSize] = []
    references: Count
    weights: str
    data: str
    logits_axis: Whole | None
    delegation: Delegation
    build_s: dict[str, Duration]
    calibration: str = ""
    numerics: Numerics | None = None
    not_repeatable: str = ""
    quantized: Quantized | None = None
    mixed: MixedBlocks | None = None
    generation: Generation | None = None
    refusal: str = ""
    data_use: DataUse | None = None
    sources: Sources | None = None
    sources_unknown: str = ""


def program_path(folder: Path) -> Path:
    """Return the path of the program in an artifact's folder."""
    return folder / "model.pte"


def runtime_of(path: Path) -> Runtime:
    """Return which runtime a program's file is for; a file of no known format is left to ExecuTorch.

    PyTorch's formats are zip files. ONNX has no magic number: a model begins with the number of its format
    and, for what torch exports, the name of its producer.
    """
    if zipfile.is_zipfile(path):
        return "pytorch"
    with path.open("rb") as file:
        begins = file.read(3)
    return "onnxruntime" if begins[:1] == b"\x08" and begins[2:] == b"\x12" else "executorch"


def references_path(folder: Path) -> Path:
    """Return the path of the reference inputs and outputs in an artifact's folder."""
    return folder / "reference.safetensors"


def shared_part(recipe: Recipe) -> bytes:
    """Return the part of a recipe that is equal for two recipes if they can share one exported model."""
    return msgspec.json.encode([recipe.model, recipe.calibration], order="sorted")
