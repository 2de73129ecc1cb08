"""The key of an artifact changes with all that decides its bytes, and with nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from other_python import other_python
from running import CONF, environment
from shipped import shipped_models

from etbench.builder.cache import fingerprint, recipe_key
from etbench.config import Model
from etbench.host import environment as environment_facts
from etbench.preflight.compose import compose

KEYS_OF = """
import json, sys
from etbench.builder.cache import recipe_key
from etbench.preflight.compose import compose
cells = [compose(asked.split(), config_dir=sys.argv[1]) for asked in sys.argv[2:]]
print(json.dumps([recipe_key(cell.recipe) for cell in cells]))
assert not {"torch", "transformers", "tokenizers", "huggingface_hub", "timm"} & set(sys.modules)
"""


def _key(*overrides: str) -> str | None:
    return recipe_key(compose(list(overrides), config_dir=CONF).recipe)


def _in_a_child(*asked: str, config_dir: Path = CONF, **env: str) -> list[str | None]:
    """Return the keys that a new process finds, which must not import what loads models."""
    command = [sys.executable, "-c", KEYS_OF, str(config_dir), *asked]
    done = subprocess.run(command, env=environment(**env), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_key_is_the_same_in_another_process_that_imports_no_library_of_models(tmp_path: Path) -> None:
    saved = tmp_path / "hub" / "models--owner--name"
    (saved / "refs").mkdir(parents=True)
    (saved / "refs" / "main").write_text("1" * 40)
    (saved / "snapshots" / ("1" * 40)).mkdir(parents=True)
    (saved / "snapshots" / ("1" * 40) / "config.json").write_text("{}")
    asked = ["model=tiny precision=int8", "model=distilbert"]
    asked.append("model=transformers model.id=owner/name")
    asked.append("model=gpt2 model.id=owner/name model.weights=pretrained")
    keys = _in_a_child(*asked, HF_HUB_CACHE=str(tmp_path / "hub"))
    assert [key for key in keys if key is None or len(key) != 64] == []
    assert len(set(keys)) == len(keys)
    assert keys[0] == _key(*asked[0].split())


def test_each_model_that_is_shipped_has_a_key_of_its_own() -> None:
    models = shipped_models("*.yaml") | shipped_models("zoo/*.yaml")
    assert {"digits", "gpt2", "causal_lm"} < models.keys()
    assert not {"custom", "exported", "file", "pte"} & models.keys()
    recipe = compose(["model=tiny"], config_dir=CONF).recipe
    names: dict[str | None, list[str]] = {}
    for name, given in models.items():
        options = {key: value for key, value in given.items() if key not in Model.__struct_encode_fields__}
        model = msgspec.structs.replace(recipe.model, target=given["_target_"], options=options)
        key = recipe_key(msgspec.structs.replace(recipe, model=model))
        names.setdefault(key, []).append(name)
    assert names.pop(None, []) == []
    # A file without a name of its own takes any id, and its default may be a model that has a file, too.
    named = ([name for name in same if models[name]["name"]] for same in names.values())
    assert [same for same in named if len(same) > 1] == []


@pytest.mark.parametrize(
    "change",
    [
        "model.width=5",
        "precision=int8",
        "delegate=portable",
        "delegate.check_ir=false",
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
    upstream = fingerprint.version_in
    monkeypatch.setattr(
        fingerprint, "version_in", lambda env, name: {"coremltools": "0"}.get(name) or upstream(env, name)
    )
    fingerprint._versions.cache_clear()
    assert recipe_key(recipe) != before[0]
    assert _key("model=tiny") == before[1]
    fingerprint._versions.cache_clear()


def test_the_versions_of_the_interpreter_that_builds_count_and_not_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (str(other_python(tmp_path / name)) for name in ("one", "other"))
    assert _key("model=tiny") == _key("model=tiny", f"env={one}") == _key("model=tiny", f"env.run={one}")
    upstream = fingerprint.version_in
    monkeypatch.setattr(
        fingerprint, "version_in", lambda env, name: "0" if env == other else upstream(env, name)
    )
    fingerprint._versions.cache_clear()
    assert _key("model=tiny", f"env.build={other}") != _key("model=tiny", f"env.run={other}")
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
    torch.save({"one": torch.zeros(1)}, weights)
    asked = ("model=resnet18", f"model.weights={weights}", f"calibration.images={pictures}")
    first = _key(*asked)
    assert _key(*asked) == first
    torch.save({"one": torch.ones(1)}, weights)
    second = _key(*asked)
    (pictures / "two.png").write_bytes(b"two")
    assert len({first, second, _key(*asked)}) == 3


def test_a_saved_folder_counts_by_its_contents(tmp_path: Path) -> None:
    (folder := tmp_path / "owner").mkdir()
    (folder / "model.safetensors").touch()
    keys = []
    for text in ("{}", "{ }"):
        (folder / "config.json").write_text(text)
        keys += [_key("model=causal_lm", f"model.{option}={folder}") for option in ("id", "weights")]
        keys.append(_key("model=causal_lm", "model.weights=pretrained", f"+model.pretrained={folder}"))
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_a_value_that_the_yaml_takes_from_elsewhere_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    text = "_target_: tiny_models.tiny\nname: tiny\ntype: cv\nwidth: ${oc.decode:${oc.env:OWN_WIDTH}}\n"
    (tmp_path / "model" / "own.yaml").write_text(f"{text}recommended: {{runs: 5, warmup: 1}}\n")
    keys = []
    for width in ("4", "8", "4"):
        monkeypatch.setenv("OWN_WIDTH", width)
        keys.append(recipe_key(compose(["model=own"], config_dir=tmp_path).recipe))
    assert keys[0] == keys[2] != keys[1]
