"""Every metric of a result, declared once: column, meaning, unit, and which direction is better.

To add one, add a `Column` here, and the field that it reads to `etbench.results.schema`. Tables, charts and
documentation read them here; the table on the terminal has its own choice (`etbench.terminal.summary_table`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from etbench.artifact import Delegation
from etbench.artifact.quantized_words import float_layers
from etbench.config.env import env_words
from etbench.host.fingerprint import machine_name, software
from etbench.measure.pass_results import ItemAnswers, Operator
from etbench.results.schema import Result
from etbench.results.tables.delegation import delegation_time_share
from etbench.results.tables.sizes import Size, sizes_of
from etbench.results.tables.varied import overrides_of
from etbench.text import shape_text

__all__ = ["COLUMNS", "DERIVED", "METRIC", "RAW", "Column"]

METRIC = "latency_p50_ms"  # what cells are ranked and compared by, unless something else is named

Direction = Literal["lower", "higher", ""]


@dataclass(frozen=True)
class Column:
    """A column of `results.csv`; its unit is the end of its name."""

    name: str
    meaning: str
    read: Callable[[Result], Any]
    better: Direction = ""
    raw: bool = False  # input of other tables, not a column of a file
    holds: Any = None  # the type of a raw value

    @property
    def type(self) -> Any:
        """The type of its values, including None."""
        if self.raw:
            return self.holds
        if not self.better:
            return str | int | float | bool | None
        return (int if self.name.endswith("_bytes") else float) | None

    @property
    def dtype(self) -> str | None:
        """The pandas dtype of a numeric column, even if no cell has a value; None for other columns."""
        if not self.better:
            return None
        return "Int64" if self.name.endswith("_bytes") else "float64"


def _latency(field: str) -> Callable[[Result], float | None]:
    return lambda result: getattr(result.latency_ms, field) if result.latency_ms else None


def _of_samples(field: str) -> Callable[[Result], float | None]:
    """Return a reader of a figure that is None if samples are means of several inferences, which hide it."""
    read = _latency(field)
    return lambda result: read(result) if result.inferences_per_sample == 1 else None


def _tail(name: str) -> Callable[[Result], float | None]:
    """Return a reader of a percentile that is None if the samples do not bound it."""
    bounded, percentile = _latency(f"{name}_bound"), _latency(name)
    return lambda result: None if bounded(result) is None else percentile(result)


def _p50(result: Result) -> float | None:
    """Return the median, or the mean of an imported summary that has no median; `center` names which."""
    latency = result.latency_ms
    if latency is None:
        return None
    return latency.p50 if latency.p50 is not None else latency.avg


def _center(result: Result) -> str | None:
    if result.latency_ms is None:
        return None
    return "median" if result.latency_ms.p50 is not None else "mean"


def _of(part: str, field: str) -> Callable[[Result], Any]:
    names = part.split(".")

    def read(result: Result) -> Any:
        owner: Any = result
        for name in names:
            owner = getattr(owner, name) if owner is not None else None
        return getattr(owner, field) if owner is not None else None

    return read


def _inputs(result: Result) -> str | None:
    """Return the input shapes, such as ``1x3x224x224``."""
    if result.artifact is None:
        return None
    return " ".join(shape_text(spec.shape) for spec in result.artifact.inputs)


def _codes(result: Result) -> str | None:
    return " ".join(finding.code for finding in result.findings or []) or None


def _libraries(result: Result) -> str:
    """Return the versions, such as ``torch 2.13.0, executorch 1.5.1``."""
    return ", ".join([f"{name} {version}" for name, version in result.environment.libraries.items()])


def _versions(result: Result) -> str:
    return ", ".join([f"{name} {version}" for name, version in software(result.environment).items()])


def _commit(result: Result) -> str | None:
    commit, dirty = result.environment.commit, result.environment.dirty
    return f"{commit}-dirty" if commit and dirty else commit


def _share(result: Result) -> float | None:
    delegation = result.delegation
    return (
        delegation.delegated_nodes / delegation.total_nodes if delegation and delegation.total_nodes else None
    )


def _time_share(result: Result) -> float | None:
    profile = result.profile
    return delegation_time_share(profile.operators, profile.execute_ms) if profile else None


def _gflops_per_s(result: Result) -> float | None:
    """Return the operations per second at the median; None if one inference is not what was counted."""
    flops, p50_ms = _flops(result), _p50(result)
    return flops / p50_ms / 1e6 if flops is not None and p50_ms else None


def _flops(result: Result) -> float | None:
    cost = result.artifact.cost if result.artifact else None
    return None if cost is None or cost.flops is None else float(cost.flops)


def _layers_in_float(result: Result) -> str | None:
    quantized = result.artifact.quantized if result.artifact else None
    return float_layers(quantized) if quantized else None


def _blocks_in_float(result: Result) -> int | None:
    mixed = result.artifact.mixed if result.artifact else None
    return len(mixed.kept) if mixed else None


def _border_tensors(result: Result) -> int | None:
    """Return how many tensors enter or leave subgraphs."""
    delegation = result.delegation
    if delegation is None or delegation.tensors_in is None or delegation.tensors_out is None:
        return None
    return delegation.tensors_in + delegation.tensors_out


COLUMNS = (
    Column("model", "model", lambda result: result.model_name),
    Column("model_type", "kind of model", lambda result: result.model_type),
    Column("precision", "precision", lambda result: result.precision_short),
    Column("delegate", "delegate", lambda result: result.delegate),
    Column("status", "ok, wrong, built, skipped or failed", lambda result: result.status),
    Column("findings", "codes of what is wrong or doubtful, the worst first", _codes),
    Column("inputs", "shapes of the inputs", _inputs),
    Column("latency_p50_ms", "median latency (the mean if `center` is `mean`)", _p50, "lower"),
    Column("latency_location_ms", "median of the round medians", _latency("location"), "lower"),
    Column("latency_ci95_low_ms", "lower bound of its 95 % interval", _latency("p50_ci95_low"), "lower"),
    Column("latency_ci95_high_ms", "upper bound of its 95 % interval", _latency("p50_ci95_high"), "lower"),
    Column("latency_mean_ms", "mean latency", _latency("avg"), "lower"),
    Column("latency_p95_ms", "95th percentile of latency, if the samples bound it", _tail("p95"), "lower"),
    Column("p95_bound", "upper bound of that percentile (one-sided, 95 %)", _latency("p95_bound"), "lower"),
    Column("latency_p99_ms", "99th percentile of latency, if the samples bound it", _tail("p99"), "lower"),
    Column("p99_bound", "upper bound of that percentile (one-sided, 95 %)", _latency("p99_bound"), "lower"),
    Column("latency_min_ms", "fastest inference", _of_samples("min"), "lower"),
    Column("latency_max_ms", "slowest inference", _of_samples("max"), "lower"),
    Column("latency_std_ms", "sample standard deviation of latency", _of_samples("std_dev"), "lower"),
    Column(
        "throughput_per_s",
        "items per second, at the median; none if the batch is not known",
        lambda r: r.throughput_per_s,
        "higher",
    ),
    Column("load_ms", "time to load the program and the method", lambda result: result.load_ms, "lower"),
    Column("first_inference_ms", "first inference", lambda result: result.first_inference_ms, "lower"),
    Column("load_program_ms", "time to load the program", _of("load.warm", "program_ms"), "lower"),
    Column("load_method_ms", "time to load the method", _of("load.warm", "method_ms"), "lower"),
    Column("cold_program_ms", "time to load the program from disk", _of("load.cold", "program_ms"), "lower"),
    Column("cold_method_ms", "time to load the method from disk", _of("load.cold", "method_ms"), "lower"),
    Column("cold_first_ms", "first inference from disk", _of("load.cold", "first_inference_ms"), "lower"),
    Column(
        "cold_start_ms",
        "time from the start of the native runner to its first result, from disk",
        _of("load.cold", "start_to_first_ms"),
        "lower",
    ),
    Column("pte_bytes", "size of the .pte", _of("artifact", "pte_bytes"), "lower"),
    Column("arena_bytes", "memory planned for activations", lambda result: result.planned_bytes, "lower"),
    Column("constant_bytes", "weights outside delegates", _of("artifact", "constant_bytes"), "lower"),
    Column("delegate_bytes", "graphs and weights of delegates", _of("artifact", "delegate_bytes"), "lower"),
    Column(
        "flops",
        "operations of an inference in products (two per multiply-accumulate), before quantization",
        _flops,
        "lower",
    ),
    Column("gflops_per_s", "these operations per second, at the median", _gflops_per_s, "higher"),
    Column("weight_bytes", "weights in the cell's precision", _of("artifact.cost", "weight_bytes"), "lower"),
    Column(
        "flops_per_byte",
        "operations per byte of the weights, inputs and outputs (arithmetic intensity)",
        _of("artifact.cost", "flops_per_byte"),
        "higher",
    ),
    Column(
        "peak_memory_bytes",
        "peak memory above the level before the program is loaded",
        _of("memory", "peak_over_baseline_bytes"),
        "lower",
    ),
    Column("process_memory_bytes", "peak memory of the whole process", _of("memory", "peak_bytes"), "lower"),
    Column("private_memory_bytes", "private dirty memory", _of("memory", "private_dirty_bytes"), "lower"),
    Column("joules_per_inference", "energy above idle", _of("energy", "joules_per_inference"), "lower"),
    Column(
        "sqnr_db",
        "signal-to-noise ratio of the worst output against eager fp32; `inf` if all are equal",
        _of("parity", "fidelity_db"),
        "higher",
    ),
    Column("cosine", "cosine similarity with eager fp32", _of("parity", "cosine"), "higher"),
    Column("max_abs_error", "largest absolute error", _of("parity", "max_abs"), "lower"),
    Column("top1_agreement", "share of equal top-1 classes", _of("parity", "top1_agreement"), "higher"),
    Column(
        "time_to_first_token_ms",
        "time from a language model's prompt to its first token",
        _of("generated", "time_to_first_token_ms"),
        "lower",
    ),
    Column(
        "prefill_tokens_per_s",
        "prompt tokens processed per second",
        _of("generated", "prefill_tokens_per_s"),
        "higher",
    ),
    Column(
        "decode_tokens_per_s",
        "tokens generated per second",
        _of("generated", "decode_tokens_per_s"),
        "higher",
    ),
    Column(
        "token_agreement",
        "share of tokens equal to those of eager fp32",
        _of("parity", "token_agreement"),
        "higher",
    ),
    Column(
        "quantized_macs_share",
        "share of the multiply-accumulates that are quantized, if the precision quantizes",
        _of("artifact.quantized", "macs_share"),
        "higher",
    ),
    Column(
        "quantized_weights_share",
        "share of the weights (of their bytes in fp32) that are stored as integers",
        _of("artifact.quantized", "weights_share"),
        "higher",
    ),
    Column("blocks_in_float", "blocks that a mixed precision keeps in fp32, how many", _blocks_in_float),
    Column("layers_in_float", "largest layers that the precision left in float", _layers_in_float),
    Column("delegated_share", "share of the graph's operators that are delegated", _share, "higher"),
    Column("delegated_time_share", "share of the profiled time spent in the delegate", _time_share, "higher"),
    Column("subgraphs", "number of subgraphs given to the delegate", _of("delegation", "subgraphs")),
    Column("border_tensors", "number of tensors that enter or leave subgraphs", _border_tensors),
    Column("border_copies", "copies left at subgraph borders", _of("delegation", "border_copies")),
    Column(
        "samples",
        "samples: timed inferences, or means of several",
        lambda result: result.repeat if result.latency_ms else None,
    ),
    Column(
        "inferences_per_sample",
        "inferences that a sample is the mean of, if one is too short to time",
        lambda result: result.inferences_per_sample if result.latency_ms else None,
    ),
    Column("rounds", "number of rounds, each a fresh process", lambda result: len(result.rounds) or None),
    Column(
        "stability",
        "how well the level is known: `stable` to ±5 %, `noisy` to ±15 %, `unstable` worse",
        _of("stability", "verdict"),
    ),
    Column("warmup", "warmup inferences per round", lambda result: result.warmup),
    Column("truncated", "true if max_seconds left no time for all runs", lambda result: result.truncated),
    Column("turn_id", "equal for cells that were interleaved", lambda result: result.turn_id),
    Column("own_blocks", "true if too slow to be interleaved with fast cells", lambda r: r.own_blocks),
    Column("threads", "threads of the runtime", lambda result: result.environment.threads),
    Column(
        "busy_threads",
        "threads that took CPU time while the program ran, if that is known",
        lambda result: result.environment.busy_threads,
    ),
    Column("runtime", "what executed the program", lambda result: result.environment.runtime),
    Column("runtime_version", "its version", lambda result: result.environment.runtime_version),
    Column(
        "quantization",
        "`same`: the precision's own scales; `own`: the runtime quantized the model itself; empty if nothing "
        "is quantized",
        _of("artifact", "quantization"),
    ),
    Column("runner", "runner that called it", lambda result: result.environment.runner),
    Column(
        "env",
        "interpreter that built and ran the program: `current`, or another one by its name or path",
        lambda result: env_words(result.config) if result.source == "etbench" else None,
    ),
    Column("weights", "where the weights came from", lambda result: result.weights),
    Column("weights_sha256", "checksum of the model's weights in fp32", _of("artifact", "weights_sha256")),
    Column("host", "host", lambda result: result.environment.host),
    Column("cpu", "processor", lambda result: result.environment.cpu),
    Column(
        "machine",
        "CPU and a checksum of the hardware and the operating system (host and CPU in results of older "
        "versions); only cells of one machine are compared",
        lambda result: machine_name(result.environment),
    ),
    Column("python", "version of Python", lambda result: result.environment.python),
    Column("kernel", "release of the kernel", lambda result: result.environment.kernel),
    Column("libraries", "versions of the libraries", _libraries),
    Column("commit", "git commit of the working directory; `-dirty`: with changes", _commit),
    Column("pte_sha256", "SHA-256 checksum of the .pte", _of("artifact", "sha256")),
    Column("created_at", "date and time of the run", lambda result: result.created_at),
    Column("cell_id", "identifier of the cell", lambda result: result.cell_id),
    Column(
        "source", "tool that measured; any other than `etbench` is imported", lambda result: result.source
    ),
    Column("center", "`median`, or `mean` if an imported summary has no median", _center),
    Column(
        "reason",
        "why it was not measured, or is wrong",
        lambda result: result.why_not or None,
    ),
    Column(
        "round_medians_ms",
        "median of the round of each block",
        lambda result: result.round_medians_ms,
        raw=True,
        holds=dict[int, float],
    ),
    Column(
        "versions",
        "versions that separate runs must have in common",
        _versions,
        raw=True,
        holds=str,
    ),
    Column(
        "operators",
        "operators with their times",
        lambda result: result.profile and result.profile.operators,
        raw=True,
        holds=list[Operator] | None,
    ),
    Column(
        "delegation",
        "which operators the delegate runs",
        lambda result: result.delegation,
        raw=True,
        holds=Delegation | None,
    ),
    Column("sizes", "latency and parity at each size", sizes_of, raw=True, holds=list[Size] | None),
    Column(
        "evaluation",
        "figures of the accuracy function, see `etbench.results.tables.evaluation`",
        lambda result: result.evaluation,
        raw=True,
        holds=dict[str, float | None] | None,
    ),
    Column(
        "evaluation_items",
        "which items are right",
        lambda result: result.evaluation_items,
        raw=True,
        holds=dict[str, ItemAnswers],
    ),
    Column(
        "overrides",
        "overrides of the cell that can distinguish it, see `etbench.results.tables.varied`",
        lambda result: overrides_of(result.command),
        raw=True,
        holds=dict[str, str],
    ),
)
RAW = [column.name for column in COLUMNS if column.raw]

# Columns that the other tables have in addition to those of results.csv: name, meaning, better direction.
DERIVED: tuple[tuple[str, str, Direction], ...] = (
    ("base", "baseline: the precision or delegate that the cell is compared with", ""),
    ("latency_p50_ms_base", "median latency of the baseline", "lower"),
    ("speedup", "latency of the baseline divided by that of the cell; above 1 is faster", "higher"),
    (
        "speedup_ci95_low",
        "lower bound of its 95 % interval; empty if there are too few rounds for one, or if `how` is not "
        "`in turn`",
        "higher",
    ),
    ("speedup_ci95_high", "upper bound of its 95 % interval", "higher"),
    (
        "how",
        "`in turn`: interleaved with the baseline and compared block by block; `separate`: measured at "
        "another time, so that there is no interval: two runs do not show how far apart runs of one program "
        "are; `summaries`: imported, without rounds",
        "",
    ),
    ("basis", "what the speedup is a ratio of: `median`, or `mean` where a summary has no median", ""),
    ("size_ratio", "size of the .pte divided by that of the baseline", "lower"),
    (
        "rank",
        "position by median latency among all cells, whether or not the difference is significant",
        "lower",
    ),
    ("rank_in_model", "that position among the cells of its model", "lower"),
    ("{precision}_{delegate}_p50_ms", "median latency of this pair, a column of pivot.csv", "lower"),
    ("position", "position of the operator in the order of execution", ""),
    ("operator", "operator, or part of a delegate", ""),
    (
        "kind",
        "`portable`, `delegated`, `delegate`: the time of a call beyond its reported operators, or "
        "`runtime`: of a runtime other than ExecuTorch",
        "",
    ),
    (
        "instruction",
        "index of the program's instruction; delegated operators have that of their subgraph",
        "",
    ),
    ("mean_ms", "mean time per inference", "lower"),
    ("share", "share of the time of an inference", "lower"),
    ("setting", "threads, runner and overrides, if the sweep varied them", ""),
    ("location_ms", "median of the round medians of a run", "lower"),
    ("low_ms", "lower bound of its 95 % interval", "lower"),
    ("high_ms", "upper bound of its 95 % interval", "lower"),
    ("level_ms", "mean of the runs between two changes", "lower"),
    ("weight", "how much a run counts in the search for changes, 0 to 1; less if its interval is wide", ""),
    ("unstable", "true for an unstable run", ""),
    ("change", "level after a change divided by the level before", "lower"),
    ("change_low", "lower bound of its 95 % interval", "lower"),
    ("change_high", "upper bound of its 95 % interval", "lower"),
    ("what", "what else changed when the level changed", ""),
)
