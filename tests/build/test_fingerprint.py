"""The key of an artifact changes with all that decides its bytes, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import CONF, TESTS, environment

from etbench.build import fingerprint
from etbench.build.fingerprint import recipe_key
from etbench.compose import compose
from etbench.measure import environment as environment_facts

KEY_OF = """
import sys
from etbench.build.fingerprint import recipe_key
from etbench.compose import compose
print(recipe_key(compose(sys.argv[2:], config_dir=sys.argv[1]).recipe))
assert "torch" not in sys.modules
"""


def _key(*overrides: str) -> str | None:
    return recipe_key(compose(list(overrides), config_dir=CONF).recipe)


def test_the_key_is_the_same_in_another_process_that_imports_no_torch() -> None:
    command = [sys.executable, "-c", KEY_OF, str(CONF), "model=tiny", "precision=int8"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    again = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == again.stdout
    assert len(done.stdout.strip()) == 64


@pytest.mark.parametrize(
    "change",
    [
        "model.width=5",
        "precision=int8",
        "delegate=portable",
        "calibration.seed=1",
        "calibration.batches=2",
        "model=slow",
        "+model.inputs=[{shape: [1, 3, 9, 9]}]",
        "+model.dynamic.batch=8",
        "+model.dynamic.seq_len=64",
    ],
)
def test_what_decides_the_bytes_changes_the_key(change: str) -> None:
    before = ["model=tiny", "precision=fp32", "delegate=xnnpack"]
    kept = [text for text in before if text.split("=")[0] != change.split("=")[0]]
    assert _key(*before) != _key(*kept, change)


@pytest.mark.parametrize(
    "change",
    [
        *("repeat=quick", "threads=1", "measure.block_max_s=9", "keep_pte=true"),
        "delegate.runtime.weight_cache=true",
    ],
)
def test_what_only_changes_the_measuring_leaves_the_key(change: str) -> None:
    assert _key("model=tiny") == _key("model=tiny", change)


def test_the_version_of_what_a_delegate_needs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = compose(["model=tiny", "delegate=coreml"], config_dir=CONF).recipe
    before = recipe_key(recipe), _key("model=tiny")
    upstream = fingerprint.version
    monkeypatch.setattr(fingerprint, "version", lambda name: {"coremltools": "0"}.get(name) or upstream(name))
    fingerprint._versions.cache_clear()
    assert recipe_key(recipe) != before[0]
    assert _key("model=tiny") == before[1]
    fingerprint._versions.cache_clear()


def test_the_cpu_counts_where_its_machine_code_is_in_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, portable = _key("model=tiny", "delegate=inductor"), _key("model=tiny", "delegate=xnnpack")
    monkeypatch.setattr(environment_facts, "own_vector_extensions", lambda: ["avx1024"])
    assert _key("model=tiny", "delegate=inductor") != compiled
    assert _key("model=tiny", "delegate=xnnpack") == portable


def test_the_contents_of_weights_and_pictures_count_not_their_names_alone(tmp_path: Path) -> None:
    weights, pictures = tmp_path / "w.pt", tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.png").write_bytes(b"one")
    weights.write_bytes(b"first")
    asked = ("model=resnet18", f"model.weights={weights}", f"calibration.images={pictures}")
    first = _key(*asked)
    assert _key(*asked) == first
    weights.write_bytes(b"other")
    second = _key(*asked)
    (pictures / "two.png").write_bytes(b"two")
    assert len({first, second, _key(*asked)}) == 3


def test_published_weights_of_a_hub_have_no_key(tmp_path: Path) -> None:
    assert _key("model=distilbert", "model.weights=pretrained") is None
    assert _key("model=resnet18", "model.weights=pretrained") is not None
    for model in ("model=causal_lm", "model=transformers"):
        assert _key(model, "model.id=owner/name") is None
    (folder := tmp_path / "owner").mkdir()
    (folder / "config.json").write_text("{}")
    first = _key("model=causal_lm", f"model.id={folder}")
    (folder / "config.json").write_text("{ }")
    assert None not in (keys := {first, _key("model=causal_lm", f"model.id={folder}")})
    assert len(keys) == 2


def test_the_source_of_a_model_counts(tmp_path: Path) -> None:
    module = tmp_path / "my_models.py"
    (conf := tmp_path / "conf" / "model").mkdir(parents=True)
    text = "_target_: my_models.mine\nname: mine\ntype: mlp\nrecommended: {runs: 5, warmup: 1}\n"
    (conf / "mine.yaml").write_text(text)

    def key() -> str:
        command = [sys.executable, "-c", KEY_OF, str(conf.parent), "model=mine"]
        env = environment(PYTHONPATH=f"{tmp_path}:{TESTS}")
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    module.write_text("def mine(): return 1\n")
    first = key()
    module.write_text("def mine(): return 2\n")
    second = key()
    (tmp_path / "helpers.py").write_text("beside it\n")
    assert len({first, second, key()}) == 3
