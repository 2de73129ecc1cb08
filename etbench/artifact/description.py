"""The description of a built program, the names of its files, and the runtime that executes it."""

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


class Cost(Struct, frozen=True, kw_only=True):
    """What one inference costs at least, counted in the exported program, at the sizes that are timed.

    `flops` are those of products: convolutions, linear layers, attention and the like, two for each
    multiply-accumulate, as torch counts them before quantization; null if they cannot be counted.
    `without_formula` counts the operators on floats that torch has no formula for, such as activation
    functions: their work is not in `flops`. `weight_bytes` are the weights in the cell's precision, of which
    an integer of four bits counts as half a byte. `moved_bytes` adds the inputs and outputs: what must be
    read and written at least, if all other activations stay in the caches.
    """

    flops: Count | None
    weight_bytes: Count
    moved_bytes: Count
    without_formula: dict[str, Count] = {}

    @property
    def flops_per_byte(self) -> float | None:
        """The arithmetic intensity: `flops` per byte of `moved_bytes`."""
        return self.flops / self.moved_bytes if self.flops is not None and self.moved_bytes else None


class GraphOperator(Struct, frozen=True, kw_only=True):
    """An operator of the lowered graph: the module that it came from, and the shape of its output.

    `subgraph` is the number of the subgraph of a delegate that it is in, null outside of them. `flops` are
    null if the operator has no formula. `node` is its name in the graph, `inputs` are the positions of the
    operators whose outputs it reads, across the borders of subgraphs. `precision` has the dtypes of the
    values that it computes with: of integers, if a delegate gets them with their conversion to floats. These
    three are empty for a program that was built by an older version.
    """

    name: str
    module: str = ""
    shape: list[Count] = []
    flops: Count | None = None
    subgraph: Count | None = None
    node: str = ""
    inputs: list[Count] = []
    precision: str = ""


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
    derived (`compared_on_calibration`). `note` is why derived inputs were left out. `samples` is true if the
    data came with etbench, because the user gave none. `calibration_pictures` are the checksums of the files
    that a program was calibrated on, the first half of their SHA-256, and `calibration_inputs` those of
    single inputs, if they were not pictures.
    """

    source: DataSource
    calibrated_on: Count
    compared_on: Count
    derived: Count = 0
    compared_on_calibration: bool = False
    note: str = ""
    samples: bool = False
    calibration_pictures: list[str] = []
    calibration_inputs: list[str] = []


class Artifact(Struct, frozen=True, kw_only=True):
    """A built program: sizes in bytes, times in seconds.

    For a program of another runtime than ExecuTorch, `delegation` is null and `arena_bytes` is 0, since that
    runtime reports neither. `arena_bytes` is the memory planned for activations outside of delegates.
    `constant_bytes` are the weights that the program's own operators use, `delegate_bytes` the data of
    delegates, including their weights; both are null in results of older versions. `batch` is null if the
    inputs differ in their first axis, so that it is not known which axis is the batch. `inputs` and `outputs`
    are flat. `input_names` are those of the inputs, as far as the model names them; a nested input has the
    name of the parameter with indices and keys, such as ``state_0``. `constants` are the arguments of the
    model that are not tensors, by name: they are part of the program. `float_dtypes` are the floating-point
    dtypes of the program's inputs and weights: fp32 leaves float64 as it is. These three are empty in results
    of older versions and for a program that was built elsewhere. `memory_format` is how its floating-point
    inputs with four axes lie in memory. `dynamic` has the largest sizes of the axes of which the program
    accepts any size, and `timed_sizes` the other sizes of the inputs that are timed, too. `references` counts
    the batches for which parity is computed, without those of other sizes. `calibration` describes the data
    from which a calibrated precision took its ranges; `numerics` shows where it loses accuracy, if requested.
    `not_repeatable` is how two runs of the eager model on one input differ, empty if they agree. `quantized`
    is what a precision of integers quantized; null for all others (fp32, and casts, which apply to the whole
    model) and in results of older versions. `generation` is for language models: how many tokens they read
    and generate; their inputs are those of a prompt. `refusal` is why there is no program, as it would be
    that of another precision; only the cache has such artifacts, so that it need not be found out again.
    `data_use` is null in results of older versions. `sources` are the user's code and data that the program
    was made from; null in results of older versions, and if they are not known: `sources_unknown` is the
    reason. `weights_sha256` is a checksum of the model's weights in fp32, equal for its programs of all
    precisions and runtimes; it is empty for a program that was built elsewhere. `quantization` is whose
    scales a program of integers has: those of its precision (``same``), or ``own`` ones that another runtime
    chose on the same calibration data, for the `own_reason`. Both are empty in results of older versions.
    `cost` is null in results of older versions and for a program that was built elsewhere. `operators` are
    those of the lowered graph, in the order of execution; only the result of a profiled cell repeats them.
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
    weights_sha256: str = ""
    data: str
    logits_axis: Whole | None
    delegation: Delegation | None
    build_s: dict[str, Duration]
    calibration: str = ""
    numerics: Numerics | None = None
    not_repeatable: str = ""
    quantized: Quantized | None = None
    quantization: Literal["", "same", "own"] = ""
    own_reason: str = ""
    mixed: MixedBlocks | None = None
    generation: Generation | None = None
    refusal: str = ""
    data_use: DataUse | None = None
    sources: Sources | None = None
    sources_unknown: str = ""
    cost: Cost | None = None
    operators: list[GraphOperator] = []


def program_path(folder: Path) -> Path:
    """Return the path of the program in an artifact's folder."""
    return folder / "model.pte"


def is_code(path: Path) -> bool:
    """Return whether loading a program executes what is in its file, as the zip files of PyTorch do."""
    return zipfile.is_zipfile(path)


def references_path(folder: Path) -> Path:
    """Return the path of the reference inputs and outputs in an artifact's folder."""
    return folder / "reference.safetensors"


def program_files(folder: Path) -> dict[str, Path]:
    """Return the files in an artifact's folder that a round needs, by name."""
    return {path.name: path for path in (program_path(folder), references_path(folder))}


def shared_part(recipe: Recipe) -> bytes:
    """Return the part of a recipe that is equal for two recipes if they can share one exported model."""
    return msgspec.json.encode([recipe.model, recipe.calibration, recipe.python], order="sorted")
