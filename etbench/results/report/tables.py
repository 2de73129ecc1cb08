"""The tables of the report, from frames."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pandas as pd

from etbench.artifact import Delegation
from etbench.results.report.accuracy import accuracy_headings, marked
from etbench.results.report.grid import CELL, Grid, Heading, grid
from etbench.results.schema import Result
from etbench.results.tables.frames import against, measured_cells, profile, rank
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.numbers import in_percent, number
from etbench.results.tables.pareto import mark_pareto
from etbench.results.tables.sizes import SIZE_COLUMNS, size_rows
from etbench.text import counted

__all__ = [
    "cell_grid",
    "coverage_grid",
    "latency_grid",
    "operator_grid",
    "pareto_grid",
    "ranking_grid",
    "size_grid",
    "speedup_grid",
    "stability_grid",
]


def _mb(size_bytes: float) -> str:
    return number(size_bytes / 1e6)


BAD = {"wrong": 0, "failed": 1}  # the order of cells that cannot be used
P50 = Heading(METRIC, "p50 ms", number)
SQNR = Heading("sqnr_db", "SQNR dB", number)
SIZE = Heading("pte_bytes", ".pte MB", _mb)
INTERVAL = [
    Heading("latency_ci95_low_ms", "95 % from", number),
    Heading("latency_ci95_high_ms", "to", number),
]
P95 = [Heading("latency_p95_ms", "p95 ms", number), Heading("p95_bound", "at most", number)]
DELEGATED = Heading("delegated_share", "delegated %", in_percent)
QUANTIZED = [
    Heading("quantized_macs_share", "quantized % of multiply-accumulates", in_percent),
    Heading("quantized_weights_share", "quantized % of weights", in_percent),
]
ALL = [
    *CELL,
    Heading("status", "status"),
    P50,
    *INTERVAL,
    *P95,
    SQNR,
    Heading("top1_agreement", "top-1 %", in_percent),
    Heading("time_to_first_token_ms", "first token ms", number),
    Heading("prefill_tokens_per_s", "prefill tokens/s", number),
    Heading("decode_tokens_per_s", "decode tokens/s", number),
    Heading("token_agreement", "equal tokens %", in_percent),
    SIZE,
    Heading("peak_memory_bytes", "peak MB", _mb),
    Heading("load_ms", "load ms", number),
    Heading("joules_per_inference", "J per inference", number),
    DELEGATED,
    *QUANTIZED,
    Heading("samples", "samples", number),
    Heading("rounds", "rounds", number),
    Heading("stability", "stability"),
    Heading("weights", "weights"),
    Heading("findings", "findings"),
    Heading("reason", "reason"),
]


def cell_grid(frame: pd.DataFrame) -> Grid:
    """List every cell, those that are wrong or failed first."""
    bad = frame["status"].map(BAD).fillna(len(BAD))
    ordered = frame.assign(bad=bad).sort_values(["bad", "subject", "precision", "delegate"])
    place = ALL.index(SQNR) + 1
    cells = grid(marked(ordered), [*ALL[:place], *accuracy_headings(frame), *ALL[place:]], "All cells")
    return msgspec.structs.replace(cells, bad=list(range(int(frame["status"].isin(BAD).sum()))))


def latency_grid(frame: pd.DataFrame) -> Grid:
    """List the latency of every measured cell."""
    spread = [
        Heading("latency_mean_ms", "mean ms", number),
        *P95,
        Heading("latency_p99_ms", "p99 ms", number),
        Heading("p99_bound", "at most", number),
        Heading("center", "p50 is"),
    ]
    return grid(measured_cells(frame), [*CELL, P50, *INTERVAL, *spread], "Latency")


def pareto_grid(frame: pd.DataFrame) -> Grid:
    """List the cells that have latency, SQNR and size, and mark the Pareto-optimal ones."""
    marked = mark_pareto(frame).sort_values(["subject", METRIC], kind="stable")
    marked["optimal"] = marked["pareto_optimal"].map({True: "yes", False: ""})
    return grid(marked, [*CELL, P50, SQNR, SIZE, Heading("optimal", "optimal")], "Pareto-optimal cells")


def speedup_grid(frame: pd.DataFrame, by: str, base: str) -> Grid:
    """List every cell with its baseline."""
    pairs = against(frame, by, base)
    pairs["size_ratio"] = pairs["pte_bytes"].astype("float64") / pairs["pte_bytes_base"].astype("float64")
    headings = [
        *CELL,
        P50,
        Heading(f"{METRIC}_base", f"{base} p50 ms", number),
        Heading("speedup", "speedup", number),
        Heading("speedup_ci95_low", "95 % from", number),
        Heading("speedup_ci95_high", "to", number),
        Heading("how", "measured"),
        Heading("basis", "ratio of"),
        Heading("size_ratio", "size ÷ baseline", number),
        SQNR,
        *accuracy_headings(pairs),
    ]
    return grid(marked(pairs), headings, f"Compared with {base}")


def ranking_grid(frame: pd.DataFrame, top: int) -> Grid:
    """List the cells with the lowest median latency, with its interval."""
    ranked = rank(frame.assign(model=frame["subject"])).rename(columns={"model": "subject"}).head(top)
    within = Heading("rank_in_model", "in model", number)
    accuracy = accuracy_headings(frame)
    headings = [Heading("rank", "rank", number), *CELL, P50, *INTERVAL, SQNR, *accuracy, SIZE, within]
    return grid(
        marked(ranked) if accuracy else ranked,
        headings,
        f"The {counted(min(top, len(ranked)), 'cell')} with the lowest median latency",
    )


def stability_grid(frame: pd.DataFrame, results: Sequence[Result]) -> Grid:
    """List the stability of the rounds of each cell."""
    rows = [
        {
            "verdict": one.verdict,
            "between": one.between_rounds,
            "drift": one.drift,
            "outlying": len(one.outlying_rounds),
            "other": one.other_cpu_share,
            "steal": one.steal_share,
            "reasons": "; ".join(one.reasons),
        }
        for one in (result.stability for result in results)
        if one is not None
    ]
    judged = frame[[result.stability is not None for result in results]].reset_index(drop=True)
    headings = [
        *CELL,
        Heading("verdict", "stability"),
        Heading("rounds", "rounds", number),
        P50,
        *INTERVAL,
        Heading("between", "between rounds %", in_percent),
        Heading("drift", "drift %", in_percent),
        Heading("outlying", "outlying", number),
        Heading("other", "other CPU %", in_percent),
        Heading("steal", "steal %", in_percent),
        Heading("reasons", "reasons"),
    ]
    return grid(judged.join(pd.DataFrame(rows)), headings, "Stability")


def coverage_grid(frame: pd.DataFrame, most: int = 5) -> Grid:
    """List how much of each program a delegate runs, what it left behind and why, and what is quantized."""
    programs = frame["delegation"]
    covered = frame.assign(
        nodes=programs.map(lambda found: found.total_nodes, na_action="ignore"),
        left=programs.map(lambda found: _left_behind(found, most), na_action="ignore"),
    )
    headings = [
        *CELL,
        DELEGATED,
        Heading("subgraphs", "subgraphs", number),
        Heading("nodes", "nodes", number),
        Heading("border_tensors", "tensors across subgraph borders", number),
        Heading("left", "left behind, most frequent first"),
        *QUANTIZED,
        Heading("layers_in_float", "layers in float"),
    ]
    return grid(covered[covered["delegated_share"].notna()], headings, "Delegation coverage")


def _left_behind(found: Delegation, most: int) -> str:
    counts = sorted(found.left_behind.items(), key=lambda pair: -pair[1])[:most]
    reasons = found.reasons
    return ", ".join(
        f"{count} {name}" + (f" ({reasons[name]})" if name in reasons else "") for name, count in counts
    )


def operator_grid(frame: pd.DataFrame, top: int) -> Grid:
    """List the operators that take longest in each profiled cell."""
    operators = profile(frame.assign(model=frame["subject"])).rename(columns={"model": "subject"})
    cell = ["subject", "precision", "delegate"]
    ordered = operators.sort_values("mean_ms", ascending=False, kind="stable")
    longest = ordered.groupby(cell, sort=False).head(top).sort_values(cell, kind="stable")
    headings = [
        *CELL,
        Heading("operator", "operator"),
        Heading("position", "position", number),
        Heading("kind", "kind"),
        Heading("mean_ms", "mean ms", number),
        Heading("share", "share %", in_percent),
    ]
    return grid(longest, headings, f"The {top} operators that take longest")


def size_grid(frame: pd.DataFrame) -> Grid:
    """List the latency and parity of programs with dynamic axes at each size of their inputs."""
    cells = frame[frame["sizes"].notna()]
    identity = ["subject", "precision", "delegate"]
    rows = [
        row
        for *names, sizes in cells[[*identity, "sizes"]].itertuples(index=False)
        for row in size_rows(names, sizes)
    ]
    columns = [*identity, *list(SIZE_COLUMNS)[len(identity) :]]
    headings = [
        *CELL,
        Heading("inputs", "inputs"),
        P50,
        *INTERVAL,
        Heading("samples", "samples", number),
        SQNR,
    ]
    return grid(pd.DataFrame(rows, columns=columns), headings, "Sizes of the inputs")
