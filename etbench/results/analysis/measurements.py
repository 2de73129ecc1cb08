"""What was measured, as long frames: one row per sample, per round, or per operator."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from etbench.results.analysis.cells import Paths, identified, read_cells
from etbench.results.schema import Result
from etbench.results.tables.rounds import ROUND_COLUMNS, round_table

__all__ = ["OF_OPERATORS", "OF_ROUNDS", "OF_SAMPLES", "operators", "rounds", "samples"]

# The columns after `WHOSE`, and their meaning.
OF_SAMPLES = {
    "round": "number of the round, from 0: a fresh process each",
    "block": "number of its block: rounds of one block were interleaved; missing in older results",
    "sample": "number of the sample in its round, from 0",
    "ms": "time of one inference, or the mean of several (`inferences_per_sample` of the round)",
}
OF_ROUNDS = {
    "round": "number of the round, from 0: a fresh process each",
    **ROUND_COLUMNS,
    "block": "number of its block: rounds of one block were interleaved; missing in older results",
    "started_s": "start of the round, in seconds after that of the first block",
    "load_ms": "time to load the program and the method in this round",
    "first_inference_ms": "first inference of this round",
    "warmup": "warmup inferences of this round",
    "inferences_per_sample": "inferences that a sample is the mean of",
    "other_cpu_share": "share of the CPU time that other processes took; missing if it is not known",
    "steal_share": "share of the CPU time that the hypervisor took away",
    "frequency_mhz": "mean frequency of the CPUs at the end of the round",
    "temperature_c": "highest temperature at the end of the round",
}
OF_OPERATORS = {
    "position": "position of the operator in the order of execution",
    "operator": "operator, or part of a delegate",
    "kind": "`portable`, `delegated`, `delegate`: the time of a call beyond its reported operators, or "
    "`runtime`: of a runtime other than ExecuTorch",
    "instruction": "index of the program's instruction; delegated operators have that of their subgraph",
    "mean_ms": "mean time per inference, with the profiler on",
    "share": "share of the time of an inference",
}
FACTS = ("block", "started_s", "load_ms", "first_inference_ms", "warmup", "inferences_per_sample")
LOAD = ("other_cpu_share", "steal_share", "frequency_mhz", "temperature_c")
COUNTS = ("block", "warmup", "inferences_per_sample")


def samples(paths: Paths) -> pd.DataFrame:
    """Return one row per sample of these results, in the order of time, with `WHOSE` and `OF_SAMPLES`.

    Samples of one round are not independent of each other; compare cells with `compare`, or by rounds.
    """
    results, files = read_cells(paths)
    taken = [result.rounds for result in results]
    lengths = [np.array(list(map(len, own)), dtype=np.int64) for own in taken]
    counts = [int(own.sum()) for own in lengths]
    every = np.concatenate([*lengths, np.zeros(0, dtype=np.int64)])
    numbers = np.concatenate([*(np.arange(len(own)) for own in lengths), np.zeros(0, dtype=np.int64)])
    starts = np.cumsum(every) - every
    blocks = pd.array(list(chain.from_iterable(map(_blocks, results))), dtype="Int64")
    rows = _repeated(identified(results, files), counts)
    return rows.assign(
        round=np.repeat(numbers, every),
        block=blocks.take(np.repeat(np.arange(len(every)), every)),
        sample=np.arange(int(every.sum())) - np.repeat(starts, every),
        ms=np.fromiter(chain.from_iterable(chain.from_iterable(taken)), dtype=np.float64),
    )


def rounds(paths: Paths) -> pd.DataFrame:
    """Return one row per round of these results, in the order of time, with `WHOSE` and `OF_ROUNDS`."""
    results, files = read_cells(paths)
    table = round_table(results, files)
    whose = _repeated(identified(results, files), [len(result.rounds) for result in results])
    facts = pd.DataFrame(
        list(chain.from_iterable(map(_facts, results))), columns=[*FACTS, *LOAD], dtype="float64"
    )
    facts = facts.astype(dict.fromkeys(COUNTS, "Int64"))
    return pd.concat([whose, table[["round", *ROUND_COLUMNS]], facts], axis=1)


def operators(paths: Paths) -> pd.DataFrame:
    """Return one row per operator of the profiled results, in the order of execution.

    The columns are `WHOSE` and `OF_OPERATORS`; results without `profile=true` have no rows.
    """
    results, files = read_cells(paths)
    found = [result.profile.operators if result.profile else [] for result in results]
    rows = [
        (place, one.name, one.kind, one.instruction, one.mean_ms, one.share)
        for own in found
        for place, one in enumerate(own)
    ]
    table = pd.DataFrame(rows, columns=list(OF_OPERATORS))
    table = table.astype(
        dict.fromkeys(("operator", "kind"), "str")
        | dict.fromkeys(("position", "instruction"), "int64")
        | dict.fromkeys(("mean_ms", "share"), "float64")
    )
    return pd.concat([_repeated(identified(results, files), list(map(len, found))), table], axis=1)


def _repeated(whose: pd.DataFrame, counts: list[int]) -> pd.DataFrame:
    """Return each row as many times as it has counts."""
    return whose.take(np.repeat(np.arange(len(whose)), counts)).reset_index(drop=True)


def _blocks(result: Result) -> list[int | None]:
    """Return the block of each round."""
    return [row[0] for row in _facts(result)]


def _facts(result: Result) -> list[tuple[Any, ...]]:
    """Return `FACTS` and `LOAD` of each round; None for those of older results."""
    if len(result.round_facts) != len(result.rounds):
        return [(None,) * (len(FACTS) + len(LOAD))] * len(result.rounds)
    return [
        (*(getattr(facts, name) for name in FACTS), *(getattr(facts.load, name) for name in LOAD))
        for facts in result.round_facts
    ]
