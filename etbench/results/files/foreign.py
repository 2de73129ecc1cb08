"""Read the files of other benchmarks as results, and write results as ExecuTorch's v3 records.

A v3 record is one metric of one model on one runner, as ExecuTorch's `extract_benchmark_results.py` writes
it for the PyTorch OSS benchmark database: `benchmark`, `model {name, backend}`, `metric {name,
benchmark_values}`, `runners`. Google Benchmark's JSON has `context` and `benchmarks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from etbench.results.files.store import UnreadableError, read_result, written_at
from etbench.results.files.upgrade import UNKNOWN_ENVIRONMENT, summary_fields
from etbench.results.schema import Result
from etbench.results.schema.meaning import meaning_fault
from etbench.system.reading import read_file
from etbench.system.strict_json import decode_json, plain_fault

__all__ = ["import_file", "to_v3"]

MB = 1 << 20
TO_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
PRECISIONS = {"fp32": "fp32", "fp16": "fp16", "bf16": "bf16", "int8": "int8", "q8": "int8", "8da4w": "8da4w"}
LATENCY, MEDIAN = "avg_inference_latency(ms)", "p50_inference_latency(ms)"
LOAD, MEMORY, FAILURE = "model_load_time(ms)", "peak_inference_mem_usage(mb)", "FAILURE_REPORT"


def import_file(path: Path) -> list[Result]:
    """Read one file of any known format as results.

    Raises:
        UnreadableError: if it has none of the known formats; the message lists them.

    """
    try:
        raw = decode_json(read_file(path))
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UnreadableError(path, f"not valid JSON: {error}") from error
    if isinstance(raw, (dict, list)) and (fault := plain_fault(raw)):
        raise UnreadableError(path, fault)
    written = written_at(path)
    try:
        if isinstance(raw, dict) and "benchmarks" in raw and "context" in raw:
            found = _from_google(raw, written)
        elif (
            isinstance(raw, list) and raw and all("metric" in record and "model" in record for record in raw)
        ):
            found = _from_v3(raw, written)
        else:
            return [read_result(path)]
        results = [msgspec.convert(fields, Result) for fields in found]
    except UnreadableError as error:
        forms = "a result of etbench, the flat form, v3 records, Google Benchmark"
        raise UnreadableError(path, f"not in a format that can be read ({forms}): {error.message}") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UnreadableError(path, f"a field is missing or has the wrong type: {error!r:.200}") from error
    if fault := next(filter(None, map(meaning_fault, results)), None):
        raise UnreadableError(path, fault)
    return results


def to_v3(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return the v3 records of results: latency, load and memory of each measured cell, and failures."""
    return [
        _record(result, name, value)
        for result in results
        for name, value in _figures(result).items()
        if value is not None
    ]


def _figures(result: Result) -> dict[str, float | None]:
    if result.latency_ms is None or result.status == "wrong":  # the time of another program is no figure
        return {FAILURE: 0} if result.status in ("failed", "wrong") else {}
    memory = result.memory.peak_bytes / MB if result.memory and result.memory.peak_bytes else None
    return {
        LATENCY: result.latency_ms.avg,
        MEDIAN: result.latency_ms.p50,
        LOAD: result.load_ms,
        MEMORY: memory,
    }


def _record(result: Result, metric: str, value: float) -> dict[str, Any]:
    facts = result.environment
    return {
        "benchmark": {
            "name": "ExecuTorch",
            "mode": "inference",
            "dtype": result.precision_short,
            "extra_info": {
                "tool": "etbench",
                "created_at": result.created_at,
                "cell_id": result.cell_id,
                "samples": str(result.repeat),
            },
        },
        "model": {"name": result.model_name, "type": result.model_type, "backend": result.delegate},
        "metric": {
            "name": metric,
            "benchmark_values": [value],
            "target_value": 0,
            "extra_info": {"method": "load" if metric == LOAD else "forward"},
        },
        "runners": [
            {
                "name": facts.host,
                "type": facts.os,
                "avail_mem_in_gb": "",
                "total_mem_in_gb": facts.memory_bytes / 2**30,
            }
        ],
    }


def _from_v3(records: Sequence[Mapping[str, Any]], written: str) -> list[dict[str, Any]]:
    cells: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for record in records:
        benchmark, model = record.get("benchmark", {}), record["model"]
        backend, precision = _split(model.get("backend", ""), benchmark.get("dtype", ""))
        runner = (record.get("runners") or [{}])[0]
        created = benchmark.get("extra_info", {}).get("created_at", written)
        key = (
            model["name"],
            model.get("type", ""),
            precision,
            backend,
            created,
            runner.get("name", "unknown"),
        )
        cells.setdefault(key, {})[record["metric"]["name"]] = record
    results = []
    for (name, kind, precision, backend, created, host), metrics in cells.items():
        figure = {metric: _mean(record) for metric, record in metrics.items() if metric != FAILURE}
        samples = len(metrics[LATENCY]["metric"]["benchmark_values"]) if LATENCY in metrics else 0
        fields = _summary(
            (name, kind, precision, backend),
            {"avg": figure[LATENCY], "p50": figure.get(MEDIAN)} if LATENCY in figure else None,
            source="executorch_v3",
            created_at=created,
            repeat=samples,
            host=host,
        )
        fields["load_ms"] = figure.get(LOAD)
        if LATENCY not in figure:
            failed = FAILURE in metrics
            fields["status"] = "failed" if failed else "skipped"
            fields["reason"] = "the job failed" if failed else f"no {LATENCY} among the records"
        results.append(fields)
    return results


def _from_google(raw: Mapping[str, Any], written: str) -> list[dict[str, Any]]:
    context = raw["context"]
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for run in raw["benchmarks"]:
        runs.setdefault(run.get("run_name", run["name"]), []).append(run)
    results = []
    for name, entries in runs.items():
        # A repetition is a mean over its iterations, so single inferences are unknown.
        times = [
            run["real_time"] * TO_MS[run.get("time_unit", "ns")]
            for run in entries
            if not run.get("error_occurred") and run.get("aggregate_name", "mean") == "mean"
        ]
        parts = [*name.split("/"), "unknown", "unknown"]
        own = name.count("/") == 2
        identity = (
            (parts[0], "unknown", parts[1], parts[2]) if own else (name, "unknown", "unknown", "unknown")
        )
        fields = _summary(
            identity,
            {"avg": fmean(times)} if times else None,
            source="google_benchmark",
            created_at=context.get("date", written),
            repeat=sum(run.get("iterations", 0) for run in entries if run.get("run_type") != "aggregate"),
            host=context.get("host_name", "unknown"),
        )
        if not times:
            messages = [run.get("error_message", "") for run in entries]
            fields |= {
                "status": "failed",
                "reason": "; ".join(filter(None, messages)) or "no time was recorded",
            }
        results.append(fields)
    return results


def _summary(
    identity: tuple[str, str, str, str],
    latency: Mapping[str, float | None] | None,
    *,
    source: str,
    created_at: str,
    repeat: int,
    host: str,
) -> dict[str, Any]:
    name, kind, precision, delegate = identity
    figures = {
        "model_name": name,
        "model_type": kind,
        "precision": precision.upper(),
        "precision_short": precision,
        "delegate": delegate,
        "repeat": repeat,
        "warmup": 0,
        "latency_ms": latency,
    }
    fields = summary_fields(figures, source=source, created_at=created_at)
    return fields | {"environment": UNKNOWN_ENVIRONMENT | {"host": host}}


def _split(backend: str, dtype: str) -> tuple[str, str]:
    """Split ``xnnpack_q8`` into delegate and precision; ``unknown`` if there is no precision."""
    head, _, tail = backend.rpartition("_")
    if dtype:
        return backend, PRECISIONS.get(dtype, dtype)
    return (head, PRECISIONS[tail]) if head and tail in PRECISIONS else (backend or "unknown", "unknown")


def _mean(record: Mapping[str, Any]) -> float:
    return fmean(record["metric"]["benchmark_values"])
