"""Convert files of older schemas to the current one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from etbench.results.schema import SCHEMA_VERSION, Result
from etbench.stats.interval import Interval
from etbench.stats.stability import assess
from etbench.stats.summary import LatencyMs, summarize

__all__ = ["FLAT", "UNKNOWN_ENVIRONMENT", "fill_in", "is_flat", "summary_fields", "upgrade"]

FLAT = (
    *("model_name", "model_type", "precision", "precision_short", "delegate", "repeat", "warmup"),
    "latency_ms",
)
UNKNOWN_ENVIRONMENT: dict[str, Any] = {
    **dict.fromkeys(("host", "os", "machine", "cpu", "python", "runner"), "unknown"),
    **dict.fromkeys(("physical_cores", "logical_cores", "available_cores", "memory_bytes"), 0),
    "libraries": {},
    "threads": None,
    "load_average": [],
}


def is_flat(raw: Mapping[str, Any]) -> bool:
    """Whether this is the flat form of older scripts, from before there was a schema version."""
    return "schema_version" not in raw and all(name in raw for name in FLAT)


def upgrade(raw: Mapping[str, Any], *, created_at: str) -> dict[str, Any]:
    """Return a flat file (version 0) in the current schema: a summary with the source ``flat``.

    Args:
        raw: the decoded JSON object, for which `is_flat` is true.
        created_at: when the file was written, ISO 8601.

    """
    figures = {name: raw[name] for name in FLAT}
    return summary_fields(figures, source="flat", created_at=created_at)


def summary_fields(figures: Mapping[str, Any], *, source: str, created_at: str) -> dict[str, Any]:
    """Complete the flat form, measured by another tool, to a result without rounds.

    Raises:
        ValidationError: if a latency is not above 0 ms.

    """
    latency = figures["latency_ms"]
    for name in ("avg", "p50"):
        value = latency.get(name) if isinstance(latency, Mapping) else None
        if isinstance(value, int | float) and not value > 0:
            raise msgspec.ValidationError(
                f"a latency ({name}) of {value} ms is not a measurement: it must be above 0"
            )
    identity = [source, *(str(figures[name]) for name in FLAT[:5])]
    return {
        **figures,
        "schema_version": SCHEMA_VERSION,
        "cell_id": hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12],
        "created_at": created_at,
        "status": "ok",
        "weights": "unknown",
        "requested": {
            "runs": figures["repeat"],
            "warmup": figures["warmup"],
            "rounds": 0,
            "max_seconds": 0.0,
        },
        "environment": UNKNOWN_ENVIRONMENT,
        "config": {},
        "source": source,
    }


def fill_in(result: Result) -> Result:
    """Compute from its rounds what older versions of etbench did not, or by other rules.

    These are location and interval, the bounds of the tail, the stability, and tokens per second. An interval
    that a file has stays as it is.
    """
    latency, known = result.latency_ms, result.stability
    if latency is None or not any(result.rounds) or (known is not None and known.tail is not None):
        return result
    facts = result.round_facts if all(result.rounds) else []
    taken = [samples for samples in result.rounds if samples]
    anew, interval = summarize(taken, inferences_per_sample=result.inferences_per_sample), _interval(latency)
    if interval is not None:
        bounds = {"p50_ci95_low": interval.low, "p50_ci95_high": interval.high}
        anew = msgspec.structs.replace(anew, **bounds)
    generated = result.generated
    if generated is not None:
        generated = msgspec.structs.replace(generated, decode_tokens_per_s=1e3 / anew.avg)
    return msgspec.structs.replace(
        result,
        latency_ms=anew,
        stability=assess(
            taken,
            other_cpu_shares=[one.load.other_cpu_share for one in facts],
            steal_shares=[one.load.steal_share for one in facts],
            has_tail=anew.p95_bound is not None,
            interval=interval,
        ),
        generated=generated,
    )


def _interval(latency: LatencyMs) -> Interval | None:
    low, location, high = latency.p50_ci95_low, latency.location, latency.p50_ci95_high
    if low is None or location is None or high is None:
        return None
    return Interval(location=location, low=low, high=high)
