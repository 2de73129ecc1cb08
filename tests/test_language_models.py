"""A tiny decoder from the command line to its tables: tokens a second, and the tokens themselves."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pandas as pd
import pytest
from running import BRIEF, CONF, Sweep, etbench, refusal_of

from etbench.errors import ConfigError
from etbench.preflight.compose import compose
from etbench.results.files.store import read_results
from etbench.results.schema import Result

pytestmark = pytest.mark.build


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A layer of llama in fp32 and dynamic int8 on XNNPACK."""
    cwd = tmp_path_factory.mktemp("decoder")
    (cwd / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 2)
    judged = ("evaluate=perplexity", f"evaluate.text={cwd / 'text.txt'}")
    command = ("-m", "--config-dir", str(CONF), "model=tiny_decoder", "precision=fp32,int8_dynamic", *judged)
    rounds = ("repeat=recommended", "repeat.rounds=5", "repeat.spread_s=0")
    process = etbench(*command, *BRIEF, *rounds, "hydra.sweep.dir=swept", cwd=cwd)
    found, unreadable = read_results([cwd / "swept"])
    assert not unreadable, unreadable
    results = {(r.model_name, r.precision_short, r.delegate): r for _, r in found}
    return Sweep(process, cwd / "swept", results, cwd)


def _result(decoder: Sweep, precision: str) -> Result:
    result = decoder.results["tiny_decoder", precision, "xnnpack"]
    assert result.status == "ok", result.failure
    return result


def test_fp32_writes_the_tokens_of_eager(decoder: Sweep) -> None:
    parity = _result(decoder, "fp32").parity
    assert parity.token_agreement >= 0.99
    assert parity.top1_agreement >= 0.99
    assert parity.sqnr_db > 80


def test_its_perplexity_is_near_that_of_chance_and_each_token_after_a_prompt_is_judged(
    decoder: Sweep,
) -> None:
    for precision in ("fp32", "int8_dynamic"):
        result = _result(decoder, precision)
        assert result.evaluation["perplexity"] == pytest.approx(256, rel=0.2)  # its weights are random
        windows, others = divmod(result.evaluation_items["next_token"].count, 24 - 8)
        assert (windows, others) == (3, 0)


def test_dynamic_int8_stays_close_along_the_tokens_of_eager(decoder: Sweep) -> None:
    result = _result(decoder, "int8_dynamic")
    assert 20 < result.parity.sqnr_db < 60
    assert 0 <= result.parity.token_agreement <= 1
    assert result.artifact.pte_bytes < _result(decoder, "fp32").artifact.pte_bytes


@pytest.mark.parametrize("precision", ["fp32", "int8_dynamic"])
def test_speeds_are_those_of_the_rounds(precision: str, decoder: Sweep) -> None:
    result = _result(decoder, precision)
    assert result.artifact.generation.prompt_tokens == 8
    first_ms = median(median(facts.prefill_ms) for facts in result.round_facts)
    assert result.generated.time_to_first_token_ms == first_ms > 0
    assert result.generated.prefill_tokens_per_s == pytest.approx(8e3 / first_ms)
    total_ms = sum(map(sum, result.rounds))
    assert result.generated.decode_tokens_per_s == pytest.approx(result.repeat * 1e3 / total_ms)
    assert result.inferences_per_sample == 1  # a token each, however short


def test_cache_and_embedding_are_all_that_the_delegate_leaves_of_the_weights(decoder: Sweep) -> None:
    delegation = _result(decoder, "fp32").artifact.delegation
    assert delegation.left_behind["aten.embedding.default"] == 1
    assert delegation.left_behind["aten.index_put.default"] == 2, "keys and values of its layer"
    assert "aten.mm.default" not in delegation.left_behind


def test_a_delegate_that_cannot_keep_a_cache_is_skipped_before_any_build() -> None:
    with pytest.raises(ConfigError, match="tiny_decoder in fp32 on coreml: Core ML keeps a cache inside"):
        compose(["model=tiny_decoder", "delegate=coreml"], config_dir=CONF)


def test_console_and_tables_show_tokens_per_second(decoder: Sweep) -> None:
    assert decoder.process.returncode == 0, decoder.process.stderr
    head, units, *shown = decoder.process.stdout.splitlines()
    assert head.split() == ["decode", "first", "equal", "prefill"]
    named = [name for name in units.split() if name != "state"]  # only where the machine was not quiet
    *_, perplexity, next_token = named
    assert named[-7:-2] == ["tokens/s", "token", "ms", "tokens", "tokens/s"]
    assert (perplexity, next_token) == ("eval_perplexity", "eval_next_token")
    (row,) = [line for line in shown if line.startswith("tiny_decoder fp32")]
    assert "100.0%" in row
    table = pd.read_csv(decoder.folder / "results.csv").set_index("precision")
    assert f"{table.loc['fp32', 'decode_tokens_per_s']:.0f}" in row
    assert table.loc["fp32", "token_agreement"] == 1
    assert table.loc["fp32", "prefill_tokens_per_s"] > table.loc["fp32", "decode_tokens_per_s"]


def test_a_text_longer_than_the_cache_is_refused_before_any_build(tmp_path: Path) -> None:
    said = refusal_of("--config-dir", str(CONF), "model=tiny_decoder", "model.new_tokens=20", cwd=tmp_path)
    assert "model.max_tokens=24 is too small for both; set it to 28 or more" in said
