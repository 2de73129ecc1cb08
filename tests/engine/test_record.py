"""What a result says of its rounds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from etbench.engine.record import _truncated


@pytest.mark.parametrize(
    ("counts", "stopped_by", "truncated"),
    [
        ([3, 10, 10, 10, 10], "rounds", False),  # the first round shows that the others need more
        ([3, 10, 10], "max_seconds", True),
        ([3, *[1] * 11], "decided", True),  # rounds were shortened so that enough of them fit
        ([10] * 5, "max_seconds", False),
    ],
)
def test_a_result_is_truncated_if_time_was_too_short_for_its_runs(
    counts: list[int], stopped_by: str, truncated: bool
) -> None:
    rounds = [SimpleNamespace(samples_ms=[1.0] * count) for count in counts]
    series = SimpleNamespace(rounds=rounds, stopped_by=stopped_by)
    assert _truncated(series, runs=50) is truncated  # type: ignore[arg-type]
