"""A sweep with something of everything a report has to say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from report_cells import EVIL, steady

from etbench.measure.pass_results import Operator, Profile
from etbench.results.schema import Result
from etbench.stats import assess


@pytest.fixture
def everything(make_result: Callable[..., Result], failed: Result) -> list[Result]:
    """Two models, and a cell each that is noisy, failed, skipped, imported, profiled, of an evil name."""
    made = [
        make_result(model, precision, delegate, rounds=rounds, stability=assess(rounds), **more)
        for model, precision, delegate, rounds, more in (
            ("resnet18", "fp32", "xnnpack", steady(10.0), {"pte_bytes": 40_000_000, "sqnr_db": 120.0}),
            ("resnet18", "int8", "xnnpack", steady(4.0), {"pte_bytes": 10_000_000, "sqnr_db": 30.0}),
            ("resnet18", "fp32", "portable", steady(4000.0), {"pte_bytes": 40_000_000, "sqnr_db": 120.0}),
            ("mobilenet_v2", "fp32", "xnnpack", steady(2.0), {"pte_bytes": 14_000_000, "sqnr_db": 110.0}),
            (
                *("mobilenet_v2", "int8", "xnnpack"),
                [[1.0], [1.3], [0.9], [1.5], [1.1], [1.4]],
                {"pte_bytes": 4_000_000, "sqnr_db": 12.0},
            ),
        )
    ]
    operators = [Operator(name="conv", kind="delegated", instruction=0, mean_ms=1.0, share=1.0)]
    profile = Profile(execute_ms=1.0, elsewhere_ms=0.0, inferences=5, operators=operators)
    return [
        *made,
        failed,
        make_result(
            *("gpt2", "fp16", "xnnpack"),
            status="skipped",
            reason="fp16 is not tried yet",
            **dict.fromkeys(("latency_ms", "artifact", "parity")),
            rounds=[],
            repeat=0,
        ),
        make_result("imported", source="flat", rounds=[], latency_ms=made[0].latency_ms, artifact=None),
        make_result(EVIL, rounds=steady(3.0), stability=assess(steady(3.0)), profile=profile),
    ]
