"""Models of the hub: what its local cache has of them decides their keys, and nothing else of it."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etbench.builder.cache import fingerprint, recipe_key
from etbench.config import Recipe
from etbench.preflight.compose import compose

FIRST, SECOND = "1" * 40, "2" * 40
NAME = "owner/name"


class _Hub:
    """A cache as huggingface_hub lays it out, with one repository."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "models--owner--name"
        self.move(FIRST)
        self.add(FIRST, "config.json", '{"model_type": "bert"}')

    def move(self, commit: str) -> None:
        (self.repository / "refs").mkdir(parents=True, exist_ok=True)
        (self.repository / "refs" / "main").write_text(commit)

    def add(self, commit: str, name: str, text: str = "") -> None:
        """Put a file into a snapshot: as a link to a blob that has another name."""
        blob = self.repository / "blobs" / f"{commit}-{name}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_text(text)
        file = self.repository / "snapshots" / commit / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.symlink_to(os.path.relpath(blob, file.parent))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Hub:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return _Hub(tmp_path / "hub")


@cache
def _composed(model: str) -> Recipe:
    return compose([f"model={model}"]).recipe


def _key(name: str, **options: Any) -> str | None:
    """Return the key of a model with some of its options changed."""
    recipe = _composed(name)
    model = msgspec.structs.replace(recipe.model, options=recipe.model.options | options)
    return recipe_key(msgspec.structs.replace(recipe, model=model))


CONFIGURED = pytest.mark.parametrize("name", ["transformers", "causal_lm"])
PRETRAINED = pytest.mark.parametrize("name", ["transformers", "causal_lm", "distilbert"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("distilbert", {"seq_len": 9}),
        ("distilbert", {"batch": 2}),
        ("distilbert", {"seed": 1}),
        ("segformer_b0", {"image_size": 256}),
        ("transformers", {"id": "roberta"}),
        ("transformers", {"task": "fill-mask"}),
        ("transformers", {"part": "encoder"}),
        ("transformers", {"seq_len": 33}),
        ("transformers", {"audio_s": 2.0}),
        ("transformers", {"image_size": 64}),
        ("transformers", {"config": {"num_hidden_layers": 2}}),
        ("causal_lm", {"id": "qwen3"}),
        ("causal_lm", {"prompt_tokens": 33}),
        ("causal_lm", {"new_tokens": 17}),
        ("causal_lm", {"max_tokens": 129}),
        ("causal_lm", {"config": {"num_hidden_layers": 2}}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else value,
)
def test_each_option_of_a_model_of_transformers_changes_the_key(name: str, options: dict[str, Any]) -> None:
    assert None not in (keys := {_key(name), _key(name, **options)})
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["distilbert", "clip_text", "gpt2", "segformer_b0"])
def test_what_only_names_pretrained_weights_decides_nothing_of_others(name: str, tmp_path: Path) -> None:
    (weights := tmp_path / "w.safetensors").write_bytes(b"weights")
    for used in ("random", str(weights)):
        assert _key(name, id="any/thing", weights=used) == _key(name, weights=used) is not None
    assert _key("causal_lm", pretrained=NAME) == _key("causal_lm") is not None


@CONFIGURED
@pytest.mark.parametrize("weights", ["random", "a state dict"])
def test_a_configuration_of_the_hub_counts_by_its_contents(
    name: str, weights: str, hub: _Hub, tmp_path: Path
) -> None:
    if weights != "random":
        (tmp_path / "w.pt").write_bytes(b"weights")
        weights = str(tmp_path / "w.pt")
    first = _key(name, id=NAME, weights=weights)
    assert first is not None
    hub.add(FIRST, "model.safetensors", "which are not read")
    assert _key(name, id=NAME, weights=weights) == first
    hub.move(SECOND)
    assert _key(name, id=NAME, weights=weights) is None, "the new revision is not here"
    hub.add(SECOND, "config.json", '{"model_type": "bert"}')
    assert _key(name, id=NAME, weights=weights) == first, "the same in the new revision"
    hub.add(SECOND, "config.json", '{"model_type": "bert", "num_hidden_layers": 2}')
    second = _key(name, id=NAME, weights=weights)
    hub.add(SECOND, "config.4.0.0.json", "for this version of transformers and later ones")
    assert len({None, first, second, _key(name, id=NAME, weights=weights)}) == 4


@PRETRAINED
def test_pretrained_weights_count_by_their_revision_and_the_files_that_are_here(name: str, hub: _Hub) -> None:
    hub.add(FIRST, "model.safetensors")
    first = _key(name, id=NAME, weights="pretrained")
    hub.add(FIRST, "onnx/tokenizer.json")  # without it, offline, there would be another
    second = _key(name, id=NAME, weights="pretrained")
    for file in ("config.json", "model.safetensors", "onnx/tokenizer.json"):
        hub.add(SECOND, file, '{"model_type": "bert"}')
    assert _key(name, id=NAME, weights="pretrained") == second, "nothing says yet that it is the newest"
    hub.move(SECOND)
    third = _key(name, id=NAME, weights="pretrained")
    assert len({None, first, second, third, _key(name, id=NAME)}) == 5


def test_pretrained_weights_may_have_a_name_of_their_own_or_one_without_an_owner(hub: _Hub) -> None:
    published = _key("causal_lm", pretrained=NAME, weights="pretrained")
    hub.add(FIRST, "tokenizer.json")
    assert published != _key("causal_lm", pretrained=NAME, weights="pretrained")
    assert _key("transformers", id="bert", weights="pretrained") is None
    hub.repository.rename(hub.repository.with_name("models--bert"))
    assert _key("transformers", id="bert", weights="pretrained") is not None


@PRETRAINED
@pytest.mark.parametrize(
    "missing", ["refs/main", f"snapshots/{FIRST}/config.json", f"snapshots/{FIRST}", "."]
)
def test_what_is_not_in_the_hubs_cache_has_no_key(name: str, missing: str, hub: _Hub) -> None:
    path = hub.repository / missing
    path.rename(hub.repository.parent / "gone")
    assert _key(name, id=NAME, weights="pretrained") is None
    if name != "distilbert":
        assert _key(name, id=NAME) is None


@pytest.mark.parametrize(
    "commit", ["", "../../elsewhere", "main", "1" * 39], ids=lambda text: text or "empty"
)
def test_a_reference_that_is_no_commit_has_no_key(commit: str, hub: _Hub) -> None:
    (hub.repository / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    hub.move(commit)
    assert _key("distilbert", id=NAME, weights="pretrained") is None


@pytest.mark.parametrize(
    "variables",
    [
        {"HF_HUB_CACHE": "{}/hub"},
        {"HF_HUB_CACHE": "$HERE/hub"},
        {"HUGGINGFACE_HUB_CACHE": "{}/hub", "HF_HOME": "{}/elsewhere"},
        {"HF_HOME": "{}"},
        {"HF_HOME": "~", "HOME": "{}"},
        {"XDG_CACHE_HOME": "{}/cache"},
        {"HOME": "{}/home"},
    ],
    ids=lambda variables: ",".join(variables),
)
def test_where_the_hubs_cache_lies_is_known_from_its_variables_and_leaves_the_key(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "other"))
    _Hub(tmp_path / "other")
    elsewhere = _key("distilbert", id=NAME, weights="pretrained")
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HERE", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    for folder in ("hub", "cache/huggingface/hub", "home/.cache/huggingface/hub"):
        _Hub(tmp_path / folder)
    assert _key("distilbert", id=NAME, weights="pretrained") == elsewhere is not None


@pytest.mark.parametrize(
    "more",
    [
        {"backbone": "resnet50"},
        {"text_config": {"encoder": "other/model"}},
        {"parts": [{"name": "other/model"}]},
        {"auto_map": {"AutoModel": "other/model--modeling.Model"}},
    ],
    ids=str,
)
def test_a_configuration_that_may_name_another_repository_has_no_key(
    more: dict[str, Any], hub: _Hub, tmp_path: Path
) -> None:
    assert _key("transformers", config=more) is None
    hub.add(FIRST, "config.json", json.dumps(more))
    assert _key("transformers", id=NAME) is None
    assert _key("distilbert", id=NAME, weights="pretrained") is None
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "config.json").write_text(json.dumps(more))
    assert _key("transformers", id=str(tmp_path / "saved")) is None
    harmless = {"_name_or_path": NAME, "id2label": {"0": "sink/basin"}, "backbone": None}
    hub.add(FIRST, "config.json", json.dumps(harmless))
    assert _key("transformers", id=NAME) is not None


@pytest.mark.parametrize("file", ["adapter_config.json", "config.json"])
def test_an_adapter_or_an_unreadable_configuration_has_no_key(file: str, hub: _Hub, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "config.json").write_text("{}")
    assert _key("distilbert", weights=str(saved)) is not None
    for name in (saved / file, hub.repository / "snapshots" / FIRST / file):
        name.unlink(missing_ok=True)
        name.write_text('{"base_model_name_or_path": ')
    assert _key("distilbert", weights=str(saved)) is None
    assert _key("transformers", id=str(saved), weights="pretrained") is None
    assert _key("transformers", id=NAME, weights="pretrained") is None


def test_weights_that_come_with_etbench_have_a_key_and_the_options_that_change_the_model_decide_it() -> None:
    digits, spread = (recipe_key(compose([f"model={name}"]).recipe) for name in ("digits", "digits_spread"))
    assert None not in (digits, spread)
    assert digits != spread


def test_what_the_code_of_others_fetches_by_a_name_has_no_key(hub: _Hub) -> None:
    assert _key("timm", weights="pretrained") is None, "only timm knows from which repository"
    assert _key("torchvision", weights="pretrained") is not None, "each version of it pins the digest"
    recipe = _composed("transformers")
    for options in ({"id": NAME}, {"id": "name", "weights": "pretrained"}, {"weights": "pretrained"}):
        model = msgspec.structs.replace(recipe.model, target="my_torchvision.model", options=options)
        assert recipe_key(msgspec.structs.replace(recipe, model=model)) is None


@pytest.mark.parametrize(
    ("package", "counts_for"),
    [
        ("transformers", ["distilbert", "transformers", "causal_lm", "resnet18"]),
        ("tokenizers", ["distilbert", "transformers", "causal_lm", "resnet18"]),
        ("sentencepiece", ["distilbert", "transformers", "causal_lm"]),
        ("torchaudio", ["distilbert", "transformers", "causal_lm"]),
    ],
)
def test_the_versions_of_what_transformers_uses_count_for_its_models(
    package: str, counts_for: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("distilbert", "transformers", "causal_lm", "resnet18")
    before, upstream = {name: _key(name) for name in names}, fingerprint.version_in
    monkeypatch.setattr(
        fingerprint, "version_in", lambda env, name: "0.0" if name == package else upstream(env, name)
    )
    fingerprint._versions.cache_clear()
    assert [name for name in names if _key(name) != before[name]] == counts_for
    fingerprint._versions.cache_clear()


def test_the_bundled_sentences_count_which_the_tokenizer_is_made_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, digest = _key("distilbert"), fingerprint.digest
    monkeypatch.setattr(
        fingerprint, "digest", lambda path: "other" if path.name == "sentences.txt" else digest(path)
    )
    fingerprint._own_sources.cache_clear()
    assert _key("distilbert") != before
    fingerprint._own_sources.cache_clear()
