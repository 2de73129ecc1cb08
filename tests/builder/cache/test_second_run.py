"""The second run of a model builds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from running import BRIEF, etbench
from shipped import shipped_models

from etbench.results.files.store import read_results

SMALLEST = "digits"
PIXELS = 64  # instead of those of the YAML, which take longer in eager mode
# Their default configurations have billions of parameters, or take minutes to lower.
SMALLER: dict[str, dict[str, int]] = {
    "causal_lm": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": 512,
    },
    "smollm2_135m": {"num_hidden_layers": 1},
    "transformers": {"num_hidden_layers": 1},
}


@pytest.mark.build
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "models",
    [
        pytest.param([SMALLEST], id="the smallest"),
        pytest.param(sorted(shipped_models("*.yaml")), id="all", marks=pytest.mark.long),
    ],
)
def test_the_second_run_takes_each_model_from_the_cache(models: list[str], tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    for name in models:
        text: dict[str, object] = {"defaults": [f"/model/{name}@_here_", "_self_"]}
        if name in SMALLER:
            text["config"] = SMALLER[name]
        if shipped_models("*.yaml")[name].get("image_size"):
            text["image_size"] = PIXELS
        (tmp_path / "conf" / "model" / f"less_{name}.yaml").write_text(yaml.safe_dump(text))
    chosen = ",".join(f"less_{name}" for name in models)
    for from_cache in (False, True):
        done = etbench(
            *(
                "-m",
                "--config-dir",
                "conf",
                f"model={chosen}",
                "precision=fp32",
                "delegate=xnnpack",
            ),
            *(*BRIEF, "repeat.runs=1", "cache.dir=cache", f"hydra.sweep.dir={from_cache}"),
            cwd=tmp_path,
            timeout=3000,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        results = [result for _, result in read_results([tmp_path / str(from_cache)])[0]]
        assert len(results) == len(models)
        assert {result.model_name: result.status for result in results if result.status != "ok"} == {}
        assert [result.model_name for result in results if result.from_cache is not from_cache] == []
