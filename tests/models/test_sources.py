"""Models by id: torchvision, timm and transformers, their parts, their inputs, and ids that are not there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from etbench.builder.export import explaining_call
from etbench.builder.pipeline import prepare
from etbench.calibration import read_batches
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models import LoadedModel, load
from etbench.models.inputs import ImageInputs, Normalization, SpeechInputs, TextInputs
from etbench.models.torchvision_ops import ensure_importable
from etbench.models.wrapping import flatten
from etbench.preflight.compose import compose

ensure_importable()  # before any test imports transformers

BERT = "model=transformers model.id=bert model.seq_len=16 model.batch=2"
SMALL_SIZES = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
SMALL = "+model.config={" + ", ".join(f"{name}: {value}" for name, value in SMALL_SIZES.items()) + "}"
TIMM = pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason='pip install "etbench[timm]"')


def _load(*overrides: str) -> LoadedModel:
    return load(compose(overrides).model)


def _run(loaded: LoadedModel) -> list[torch.Tensor]:
    """Run the first batch of real data."""
    batches = read_batches(compose().calibration, loaded.inputs)
    with torch.no_grad():
        return flatten(loaded.module(*batches.references[0]))


def test_a_part_of_a_torchvision_model_gets_the_images() -> None:
    source = ("model=torchvision", "model.id=ssdlite320_mobilenet_v3_large", "model.image_size=64")
    loaded = _load(*source, "model.part=backbone", "model.batch=2")
    outputs = _run(loaded)
    assert len(outputs) == 6, "a dictionary of feature maps"
    assert {tensor.shape[0] for tensor in outputs} == {2}
    assert all(tensor.std() > 0 for tensor in outputs), "batch-norm statistics are live"
    with pytest.raises(EtbenchError, match=r"model\.part=bakbone: SSD has no such part.*'backbone'"):
        _load(*source, "model.part=bakbone")


def test_the_image_size_reaches_a_network_made_for_one_size() -> None:
    loaded = _load("model=torchvision", "model.id=vit_b_16", "model.image_size=64")
    assert _run(loaded)[0].shape == (1, 1000)
    assert loaded.module.seq_length == (64 // 16) ** 2 + 1


@TIMM
def test_timm_by_id_by_size_and_by_features() -> None:
    loaded = _load("model=timm", "model.id=vit_tiny_patch16_224", "model.image_size=64")
    assert isinstance(loaded.inputs, ImageInputs)
    assert loaded.module.patch_embed.img_size == (64, 64)
    assert _load("model=timm", "model.id=resnet10t", "model.image_size=64").inputs == ImageInputs(64)
    features = _load("model=timm", "model.id=resnet10t", "+model.config.features_only=true")
    assert len(_run(features)) > 3
    assert features.logits_axis is None


@TIMM
def test_images_are_prepared_as_the_weights_of_timm_were_trained() -> None:
    inputs = _load("model=timm", "model.id=mobilevit_s").inputs
    assert inputs == ImageInputs(256, normalization=Normalization((0.0,) * 3, (1.0,) * 3, "timm's"))


def test_images_are_prepared_by_the_image_processor_of_the_model(tmp_path: Path) -> None:
    source = ("model=transformers", "model.task=image-classification", "model.image_size=32")
    random = _load(*source, "model.id=vit", SMALL).inputs
    assert isinstance(random, ImageInputs)
    assert random.normalization == Normalization((0.5,) * 3, (0.5,) * 3, "ViTImageProcessorPil's")
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    ViTForImageClassification(ViTConfig(**SMALL_SIZES, image_size=32)).save_pretrained(tmp_path)
    saved = (*source, f"model.id={tmp_path}", f"model.weights={tmp_path}")
    assert _load(*saved).inputs == random, "saved without a processor: that of its type"
    ViTImageProcessorPil(image_mean=[0.1, 0.2, 0.3], image_std=[1, 2, 3]).save_pretrained(tmp_path)
    own = _load(*saved).inputs
    assert isinstance(own, ImageInputs)
    assert (own.normalization.mean, own.normalization.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert "ViTImageProcessor" in own.description


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            "model=torchvision model.id=swim_t",
            r"torchvision has no model 'swim_t' \(did you mean 'swin_t'\?\)",
        ),
        pytest.param(
            "model=timm model.id=mobilevit_z", r"timm has no model .*did you mean 'mobilevit", marks=TIMM
        ),
        ("model=transformers model.id=berd", r"no such model type .*did you mean 'bert'"),
        ("model=transformers model.id=BertConfg", r"no such model type .*did you mean 'BertConfig'"),
        ("model=transformers model.task=fil-mask", r"model\.task=fil-mask: no such task.*'fill-mask'"),
        (
            "model=transformers +model.config.num_layrs=2",
            r"model\.config\.num_layrs: BertConfig has no such value",
        ),
        ("model=transformers model.id=vit model.task=fill-mask", r"no vit model for this task \(ViTConfig\)"),
        ("model=transformers model.part=encoder", r"model\.part=encoder: BertEncoder takes \(hidden_states"),
        (f"{BERT} +model.config.max_position_embeddings=8", r"model\.seq_len=16: .* at most 8 tokens"),
        (f"{BERT} +model.config.vocab_size=40", r"model\.config\.vocab_size=40: must be 264 or more"),
    ],
)
def test_what_is_not_there_is_said_with_the_nearest_that_is(overrides: str, message: str) -> None:
    with pytest.raises(EtbenchError, match=message) as caught:
        _load(*overrides.split(), *([SMALL] if "bert" in overrides and "+" not in overrides else []))
    assert caught.value.stage == "load"


@pytest.mark.parametrize("id", ["bert", "BertConfig"])
def test_a_text_model_is_built_from_its_configuration_and_reads_sentences(id: str) -> None:
    loaded = _load(*BERT.split(), f"model.id={id}", SMALL, "model.task=fill-mask")
    assert isinstance(loaded.inputs, TextInputs)
    (logits,) = _run(loaded)
    assert logits.shape == (2, 16, 30_522)
    assert loaded.logits_axis == 2


def test_a_saved_folder_is_an_id_too_with_random_or_its_own_weights(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(num_hidden_layers=1, hidden_size=32, num_attention_heads=2, intermediate_size=64)
    config.num_labels = 7
    saved = ViTForImageClassification(config)
    saved.save_pretrained(tmp_path / "mine")
    source = ("model=transformers", f"model.id={tmp_path / 'mine'}", "model.task=image-classification")
    random, own = _load(*source, "model.weights=random"), _load(*source, "model.weights=pretrained")
    assert _run(random)[0].shape == _run(own)[0].shape == (1, 7)
    weight = saved.classifier.weight
    assert torch.equal(own.module.model.classifier.weight, weight)
    assert torch.equal(_load(*source).module.model.classifier.weight, weight)
    assert not torch.equal(random.module.model.classifier.weight, weight)


def test_an_encoder_decoder_gets_its_own_input_one_place_later() -> None:
    small = "{num_layers: 1, d_model: 32, num_heads: 2, d_kv: 16, d_ff: 64}"
    source = ("model=transformers", "model.id=t5", f"+model.config={small}")
    loaded = _load(*source, "model.task=text2text-generation", "model.seq_len=8")
    ids, mask, decoder_ids = loaded.inputs.encode(["It was the best of times, it was the worst of times."])
    assert torch.equal(decoder_ids[:, 1:], ids[:, :-1])
    assert mask.shape == ids.shape
    assert _run(loaded)[0].shape == (1, 8, 32_128)
    assert _run(_load(*source, "model.task=text-encoding"))[0].shape == (1, 32, 32)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch about its own export
def test_arrays_of_ones_own_are_named_as_the_arguments_of_the_model(tmp_path: Path) -> None:
    ids = np.arange(4 * 2 * 16).reshape(4, 2, 16)
    np.savez(tmp_path / "own.npz", attention_mask=np.ones_like(ids), input_ids=ids)
    source = (*BERT.split(), SMALL, "+model.dynamic.batch=4", f"calibration.npz={tmp_path / 'own.npz'}")
    prepared = prepare(compose(source).recipe, Stages(lambda _: None))
    assert [batch[0].tolist() for batch in prepared.reference.batches.references] == ids[:2].tolist()
    assert prepared.program.graph_signature.user_inputs == ("input_ids", "attention_mask")
    with pytest.raises(EtbenchError) as caught, explaining_call(prepared.loaded.module, ()):
        prepared.loaded.module()
    assert "forward takes (input_ids: torch.Tensor, attention_mask: torch.Tensor)" in caught.value.hint


@pytest.mark.parametrize(
    ("special", "padding"),
    [
        ("pad_token_id: 0, eos_token_id: 7", 0),
        ("pad_token_id: null, eos_token_id: 7", 7),
        ("pad_token_id: null, eos_token_id: null", 0),
    ],
)
def test_short_sentences_are_filled_up_with_the_pad_id_also_if_that_is_0(special: str, padding: int) -> None:
    loaded = _load(*BERT.split(), f"{SMALL[:-1]}, {special}}}")
    ids, mask = loaded.inputs.encode(["A whale.", "A whale."])
    assert set(ids[mask == 0].tolist()) == {padding}


@pytest.mark.filterwarnings("ignore:At least one mel filter:UserWarning")  # of transformers about its own AST
@pytest.mark.parametrize(
    ("overrides", "config", "shape"),
    [
        ("model.id=wav2vec2 model.audio_s=0.5", "num_hidden_layers: 1", (1, 8_000)),
        ("model.id=whisper model.part=encoder", "encoder_layers: 1, max_source_positions: 100", (1, 80, 200)),
        ("model.id=audio-spectrogram-transformer", "num_hidden_layers: 1, max_length: 128", (1, 128, 128)),
    ],
    ids=["waveform", "log-mel encoder", "spectrogram"],
)
def test_a_model_that_listens_gets_synthetic_speech_and_says_so(
    overrides: str, config: str, shape: tuple[int, ...]
) -> None:
    loaded = _load("model=transformers", *overrides.split(), f"+model.config={{{config}}}")
    assert isinstance(loaded.inputs, SpeechInputs)
    batches = read_batches(compose().calibration, loaded.inputs)
    assert batches.references[0][0].shape == shape
    assert not torch.equal(batches.references[0][0], batches.references[1][0])
    assert "synthetic: no recordings ship" in batches.description
    assert all(tensor.isfinite().all() for tensor in _run(loaded))
