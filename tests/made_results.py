"""Results with known numbers, made through the real structs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from etbench.artifact import Artifact, Delegation, TensorSpec
from etbench.events import Failure
from etbench.host.environment import Environment
from etbench.results.checks import judged
from etbench.results.schema import Requested, Result
from etbench.stats import Parity, summarize

MakeResult = Callable[..., Result]

ENVIRONMENT = Environment(
    host="here",
    os="Linux",
    machine="x86_64",
    cpu="a CPU",
    system="Debian GNU/Linux 12",
    kernel="6.1.0",
    physical_cores=2,
    logical_cores=4,
    available_cores=2,
    memory_bytes=1 << 30,
    python="3.11.7",
    libraries={"torch": "2.13.0"},
    threads=2,
    load_average=[0.0, 0.0, 0.0],
)


@pytest.fixture
def make_result() -> MakeResult:
    """A function that makes an ok result of one model, precision and delegate; `p50` in ms."""

    def make(
        model: str = "resnet18",
        precision: str = "fp32",
        delegate: str = "xnnpack",
        *,
        p50: float = 10.0,
        pte_bytes: int = 1_000,
        sqnr_db: float | None = 100.0,
        shape: tuple[int, ...] = (1, 3, 224, 224),
        **more: Any,
    ) -> Result:
        rounds = more.pop("rounds", [[p50 * 0.9, p50, p50 * 1.2]])
        fields: dict[str, Any] = {
            "model_name": model,
            "model_type": "cv",
            "precision": precision.upper(),
            "precision_short": precision,
            "delegate": delegate,
            "repeat": 3,
            "warmup": 1,
            "latency_ms": summarize(rounds) if rounds else None,
            "cell_id": f"{hash((model, precision, delegate)) & 0xFFFFFFFFFFFF:012x}",
            "created_at": "2026-01-01T00:00:00+00:00",
            "status": "ok",
            "weights": "random",
            "requested": Requested(runs=3, warmup=1, rounds=1, max_seconds=10.0),
            "rounds": rounds,
            "load_ms": 1.0,
            "artifact": Artifact(
                pte_bytes=pte_bytes,
                sha256="0" * 64,
                arena_bytes=10,
                batch=1,
                inputs=[TensorSpec(shape=list(shape), dtype="float32")],
                outputs=[TensorSpec(shape=[1, 1000], dtype="float32")],
                references=4,
                weights="random",
                data="noise of a test",
                logits_axis=1,
                delegation=Delegation(subgraphs=1, delegated_nodes=3, total_nodes=4, left_behind={"add": 1}),
                build_s={"lower": 1.0},
            ),
            "parity": Parity(
                sqnr_db=sqnr_db,
                cosine=0.99,
                max_abs=0.1,
                top1_agreement=1.0,
                exact=False,
                reference_std=1.0,
                degenerate=False,
            ),
            "environment": ENVIRONMENT,
            "config": {"model": {"name": model}},
        }
        return judged(Result(**(fields | more)))

    return make


@pytest.fixture
def failed(make_result: MakeResult) -> Result:
    """A cell that failed while lowering."""
    failure = Failure(stage="lower", kind="RuntimeError", message="no such op", hint="", traceback="…")
    return make_result(
        "gpt2",
        "int8",
        status="failed",
        failure=failure,
        latency_ms=None,
        artifact=None,
        parity=None,
        rounds=[],
        repeat=0,
    )
