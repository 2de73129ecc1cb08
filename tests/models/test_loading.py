"""What the `_target_` of a model may return, and the models that are shipped."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from running import CONF, etbench
from torch import nn

from etbench.config import Model
from etbench.config.model_data import weights_words
from etbench.config.sections import UNDECLARED
from etbench.errors import EtbenchError
from etbench.models import LoadedModel, load
from etbench.models.inputs import FixedInputs
from etbench.models.torchvision_ops import ensure_importable
from etbench.preflight.compose import compose
from etbench.results.files.store import read_result


def _model(name: str) -> Model:
    return compose([f"model={name}"], config_dir=CONF).model


def test_a_module_with_example_inputs_is_enough() -> None:
    loaded = load(_model("tiny"))
    assert isinstance(loaded, LoadedModel)
    assert isinstance(loaded.inputs, FixedInputs)
    assert loaded.inputs.tensors[0].shape == (1, 3, 8, 8)
    assert loaded.inputs.batch == 1
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())


def test_anything_else_is_an_error_that_says_what_to_return() -> None:
    with pytest.raises(EtbenchError, match="returned str") as caught:
        load(_model("wrong_return"))
    assert "a pair of a module and its example inputs" in caught.value.hint


def test_a_list_has_several_examples() -> None:
    inputs = load(_model("many_examples")).inputs
    assert isinstance(inputs, FixedInputs)
    assert [tensor.shape for example in (inputs.tensors, *inputs.more) for tensor in example] == [(1, 64)] * 6
    assert inputs.description == "6 example inputs of the model's own _target_"


def test_a_list_that_was_meant_as_the_inputs_of_one_example_is_an_error_that_says_so() -> None:
    with pytest.raises(EtbenchError, match="the examples of a list differ") as caught:
        load(_model("uneven_examples"))
    assert "return module, (x, mask)" in caught.value.hint


@pytest.mark.parametrize("where", ["model=torchvision model.id=resnet18", "model=resnet18"])
def test_a_checkpoint_for_other_classes_names_the_override_with_which_it_fits(
    where: str, tmp_path: Path
) -> None:
    ensure_importable()
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=10).state_dict(), tmp_path / "net.pt")
    overrides = [*where.split(), SMALL, f"model.weights={tmp_path / 'net.pt'}"]
    with pytest.raises(EtbenchError, match="does not fit the model") as caught:
        load(compose(overrides).model)
    assert caught.value.hint == "it fits with +model.config.num_classes=10"
    loaded = load(compose([*overrides, "+model.config.num_classes=10"]).model)
    assert loaded.module.fc.out_features == 10


SMALL = "model.image_size=32"  # of the images that bring the batch norms to life


def test_random_weights_are_the_same_for_the_same_seed_only() -> None:
    def weights(*overrides: str) -> torch.Tensor:
        return next(load(compose(["model=resnet18", SMALL, *overrides]).model).module.parameters())

    first = weights()
    assert torch.equal(first, weights())
    assert not torch.equal(first, weights("model.seed=1"))


def test_batch_norm_statistics_are_live_and_everything_else_is_left_alone() -> None:
    loaded = load(compose(["model=mobilenet_v2"]).model)
    layers = [layer for layer in loaded.module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert all(layer.running_var.std() > 0 for layer in layers)
    assert {layer.momentum for layer in layers} == {0.1}
    assert not any(layer.training for layer in layers)
    with torch.no_grad():
        output = loaded.module(torch.randn(1, 3, 224, 224))
    assert output.std() > 1e-2, "the random net is dead"  # 6e-10 with fresh statistics


def test_a_checkpoint_is_used_as_it_is(tmp_path: Path) -> None:
    saved = load(compose(["model=mobilenet_v2", SMALL, "model.seed=7"]).model).module
    torch.save(saved.state_dict(), tmp_path / "net.pt")
    loaded = load(compose(["model=mobilenet_v2", SMALL, f"model.weights={tmp_path / 'net.pt'}"]).model)
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[name], value), name


def test_an_unknown_torchvision_id_names_the_nearest() -> None:
    with pytest.raises(EtbenchError, match=r"no classifier 'resnet81'.*did you mean 'resnet18'"):
        load(compose(["model=resnet18", "model.id=resnet81"]).model)


def test_too_long_a_sequence_names_the_limit() -> None:
    with pytest.raises(EtbenchError, match=r"model\.seq_len=78: the model takes at most 77 tokens"):
        load(compose(["model=clip_text", "model.seq_len=78"]).model)


def test_unreachable_pretrained_weights_fail_at_load_and_never_become_random(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    done = etbench(
        *("-m", "model=mobilenet_v2,distilbert", "model.weights=pretrained"),
        *("sweep.builders=1", "report.enabled=false", "hydra.sweep.dir=out"),
        cwd=tmp_path,
        HF_ENDPOINT=nowhere,
        HF_HOME=str(tmp_path / "hub"),
        TORCH_HOME=str(tmp_path / "torch"),
        http_proxy=nowhere,
        https_proxy=nowhere,
    )
    assert done.returncode == 1
    assert "model.weights=<path>" in done.stdout, "the remedy"
    for model in ("mobilenet_v2", "distilbert"):
        result = read_result(tmp_path / "out" / f"{model}_fp32_xnnpack.json")
        assert result.failure is not None
        assert (result.status, result.weights, result.failure.stage) == ("failed", "pretrained", "load")
        assert "pretrained weights" in result.failure.message


def test_weights_are_not_declared_unless_the_function_or_its_option_says_where_they_are_from() -> None:
    module = nn.Linear(3, 2)

    def weights(declared: str | None, **options: str) -> str:
        def function(weights: str = "") -> LoadedModel:
            inputs = FixedInputs((torch.ones(1, 3),))
            return LoadedModel(module, inputs, **({"weights": declared} if declared else {}))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tiny_models.tiny", function)
            target = msgspec.structs.replace(_model("tiny"), options=options)
            return load(target).weights

    assert weights(None) == UNDECLARED
    assert weights(None, weights="net.pt") == "net.pt"
    assert weights("epoch 12") == "epoch 12"
    assert weights_words(UNDECLARED) == "weights not declared"
    assert weights_words("random") == "random weights"
