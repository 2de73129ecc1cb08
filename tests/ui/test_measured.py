"""What Inspect shows of a result besides its latency."""

from __future__ import annotations

from pathlib import Path

import msgspec

from etbench.measure.pass_results import Energy, ItemAnswers
from etbench.results.files.store import read_result
from etbench.results.schema import Generated
from etbench.ui.pages.measured import measured_facts

RESULT = read_result(Path(__file__).parents[2] / "outputs/sample_versions/new/tower_fp32_xnnpack.json")


def test_all_that_was_measured_is_listed() -> None:
    found = dict(measured_facts(RESULT))
    assert found["against baseline"].startswith(
        "slower, a regression: 1.120 times as long, 95 % 1.107 to 1.131"
    )
    assert found["load, from disk"].startswith("program 3.55 ms, method 11.6 ms")
    assert found["peak memory"] == "16.2 MB above the level before loading"
    assert found["energy"].startswith("not measured: this processor shows no RAPL counters")
    assert "first token" not in found


def test_accuracy_has_its_interval_and_says_what_random_weights_mean() -> None:
    answers = ItemAnswers(right=3, count=4, correct="4A==", items_sha256="0" * 64)
    changed = msgspec.structs.replace(
        RESULT,
        evaluation={"top1": 0.75, "loss": 1.5, "none": None},
        evaluation_items={"top1": answers},
        generated=Generated(
            time_to_first_token_ms=20.0, prefill_tokens_per_s=100.0, decode_tokens_per_s=50.0
        ),
        energy=Energy(joules_per_inference=0.5, idle_watts=1.0, busy_watts=2.0),
    )
    found = dict(measured_facts(changed))
    assert found["eval_top1"].startswith("75.00%, 95 % 30.")
    assert found["eval_loss"] == "1.5"
    assert "eval_none" not in found
    assert found["decode"] == "50 tokens per second"
    assert found["energy above idle"] == "0.5 J per inference"
    random = dict(measured_facts(msgspec.structs.replace(changed, weights="random")))
    assert random["eval_loss"].startswith("1.5 (random weights")


def test_nothing_measured_gives_nothing() -> None:
    empty = dict.fromkeys(("load", "load_ms", "first_inference_ms", "memory", "energy", "in_turn"))
    assert list(measured_facts(msgspec.structs.replace(RESULT, throughput_per_s=None, **empty))) == []
