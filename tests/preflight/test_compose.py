"""The shipped YAML: every option composes with every other, and is what its name says."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hydra.utils import get_method
from support import CONF

import etbench
from etbench.config.command import resume_arguments
from etbench.errors import ConfigError
from etbench.preflight.compose import check_command_line, compose, conf_dir
from etbench.sweep.manifest import Manifest
from etbench.sweep.resuming import resuming


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


# Of models by id or path.
SOURCES = ("causal_lm", "custom", "exported", "pte", "timm", "torchvision", "transformers")


@pytest.mark.parametrize("model", [model for model in _options("model") if model not in SOURCES])
def test_every_model_composes(model: str) -> None:
    stem = compose([f"model={model}"]).stem
    assert stem == f"{model}_fp32_xnnpack", "name: is not the name of the file"


def test_every_precision_composes_with_every_delegate() -> None:
    stems = []
    for precision, delegate in itertools.product(_options("precision"), _options("delegate")):
        try:
            stems.append(compose([f"precision={precision}", f"delegate={delegate}"]).stem)
        except ConfigError as error:  # refused with a reason that the delegate's YAML declares
            name = f"mobilenet_v2 in {precision} on {delegate}"
            assert [fault.partition(": ")[0] for fault in error.faults] == [name]
        else:
            assert stems[-1] == f"mobilenet_v2_{precision}_{delegate}", "name: is not the name of the file"
    assert "mobilenet_v2_fp32_xnnpack" in stems
    assert len(stems) > 20


@pytest.mark.parametrize(
    ("overrides", "stem"),
    [
        ("model=torchvision model.id=swin_t", "swin_t_fp32_xnnpack"),
        ("model=torchvision model.id=ssd300_vgg16 model.part=backbone", "ssd300_vgg16-backbone_fp32_xnnpack"),
        ("model=timm model.id=mobilevit_s.cvnets_in1k", "mobilevit_s.cvnets_in1k_fp32_xnnpack"),
        ("model=transformers model.id=openai/whisper-tiny", "whisper-tiny_fp32_xnnpack"),
        ("model=transformers model.id=./my/bert/ precision=int8", "bert_int8_xnnpack"),
        ("model=causal_lm model.id=Qwen/Qwen3-0.6B", "Qwen3-0.6B-generate_fp32_xnnpack"),
        ("model=custom model._target_=support.tiny +model.width=5", "tiny_fp32_xnnpack"),
        ("model=custom model._target_=support.tiny model.name=mine", "mine_fp32_xnnpack"),
        (f"model=exported model.path={__file__}", "test_compose_fp32_xnnpack"),
        (f"model=pte model.path={__file__}", "test_compose_as_built_unknown"),
    ],
)
def test_files_of_a_generic_source_are_named_by_what_it_loads(overrides: str, stem: str) -> None:
    assert compose(overrides.split()).stem == stem


def test_what_the_yaml_leaves_open_has_to_be_given() -> None:
    with pytest.raises(ConfigError, match=r"model\.path: has to be given: model\.path=…") as caught:
        compose(["model=pte", "threads=1"])
    assert len(caught.value.faults) == 1
    check_command_line(["-m", "model=exported", f"model.path={__file__},{CONF}", "precision=fp32,int8"])
    with pytest.raises(ConfigError, match=r"model\.path=nowhere: no such file"):
        check_command_line(["-m", "model=exported", f"model.path={__file__},nowhere"])


def test_the_precision_and_delegate_of_a_ready_program_cannot_be_chosen() -> None:
    with pytest.raises(ConfigError, match=r"precision=int8: test_compose is ready"):
        compose(["model=pte", f"model.path={__file__}", "precision=int8"])


def test_a_model_whose_package_is_missing_is_refused_with_the_command() -> None:
    with pytest.raises(ConfigError, match="'no_such_package' is not installed: pip install it"):
        compose(["model=needs_more"], config_dir=CONF)
    check_command_line(["-m", "--config-dir", str(CONF), "model=needs_more"])  # is skipped there


def test_open_axes_go_with_fp32_only() -> None:
    assert compose(["model=torchvision", "model.dynamic.batch=8"]).model.dynamic.sizes == {0: 8}
    with pytest.raises(ConfigError, match=r"model\.dynamic goes with fp32 only"):
        compose(["model=torchvision", "model.dynamic.batch=8", "precision=int8"])


def test_the_zoo_is_what_its_experiment_runs_and_each_name_is_that_of_its_file() -> None:
    names = sorted(path.stem for path in (conf_dir() / "model" / "zoo").glob("*.yaml"))
    experiment = (conf_dir() / "experiment" / "zoo.yaml").read_text()
    assert sorted(re.findall(r"zoo/(\w+)", experiment.partition("params:")[2])) == names
    assert len(names) >= 40
    for name in names:
        assert f"\nname: {name}\n" in (conf_dir() / "model" / "zoo" / f"{name}.yaml").read_text()
    for name in ("swin_t", "mobilevit_s", "bert_2layers"):  # one of each source
        assert compose([f"model=zoo/{name}"]).stem == f"{name}_fp32_xnnpack"


@pytest.mark.parametrize("group", ["repeat", "calibration"])
def test_every_option_composes(group: str) -> None:
    cells = [compose([f"{group}={option}"]) for option in _options(group)]
    assert len({cell.cell_id for cell in cells}) == len(cells)


@pytest.mark.parametrize("path", sorted(conf_dir().glob("*/*.yaml")), ids=lambda path: path.stem)
def test_every_target_can_be_imported(path: Path) -> None:
    targets = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("_target_: etb")]
    for target in targets:
        assert target == "???" or callable(get_method(target))


@pytest.mark.parametrize("name", _options("experiment"))
def test_an_experiment_opens_with_the_command_that_runs_it(name: str) -> None:
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert lines[:2] == ["# @package _global_", f"# python -m etbench -m experiment={name}"]
    check_command_line(["-m", f"experiment={name}"])


@pytest.mark.parametrize(
    ("model", "runs", "warmup"),
    [
        *((model, 50, 5) for model in ("resnet18", "mobilenet_v2", "efficientnet_b0")),
        *((model, 10, 3) for model in ("segformer_b0", "distilbert", "clip_text", "gpt2")),
    ],
)
def test_recommended_repeats_come_from_the_model(model: str, runs: int, warmup: int) -> None:
    repeat = compose([f"model={model}"]).repeat
    assert (repeat.runs, repeat.warmup) == (runs, warmup)
    assert compose([f"model={model}", "repeat.runs=77"]).repeat.runs == 77


def test_the_identity_of_a_cell_is_what_is_measured_and_nothing_else() -> None:
    plain = compose(["model=resnet18"])
    assert compose(["model=resnet18", "keep_pte=true"]).cell_id == plain.cell_id
    for override in ("model.seed=1", "threads=1", "repeat.runs=51", "precision=int8", "calibration.seed=1"):
        assert compose(["model=resnet18", override]).cell_id != plain.cell_id


def test_a_key_that_only_the_swept_models_have_is_forced() -> None:
    argv = ["-m", "model=distilbert,gpt2", "model.seq_len=16", "repeat.runs=9", "++model.seed=1"]
    assert check_command_line(argv) == [
        *("-m", "model=distilbert,gpt2", "++model.seq_len=16", "repeat.runs=9", "++model.seed=1")
    ]
    assert check_command_line(argv[:1] + argv[3:]) == argv[:1] + argv[3:]
    single = ["model=distilbert", "model.seq_len=16"]
    assert check_command_line(single) == single


def test_a_users_folder_may_have_any_name(tmp_path: Path) -> None:
    (folder := tmp_path / "mine (1), [all] 'of' them").symlink_to(CONF)
    assert compose(["model=tiny"], config_dir=folder).model.options == {"width": 4}


def test_a_users_folder_adds_options_and_whole_groups() -> None:
    assert compose(["model=tiny"], config_dir=CONF).model.options == {"width": 4}
    with pytest.raises(ConfigError, match="model=tiny: no such model"):
        compose(["model=tiny"])
    with pytest.raises(ConfigError, match=r"tiny.* there are: .*resnet18.*tiny"):
        compose(["model=tinny"], config_dir=CONF)


def test_python_and_the_command_line_refuse_the_same_with_the_same_words() -> None:
    overrides = ["model=resnet81", "repeat.runs=0", "threads=0"]
    with pytest.raises(ConfigError) as from_python:
        etbench.compose(overrides)
    with pytest.raises(ConfigError) as from_shell:
        check_command_line(overrides)
    assert from_python.value.faults == from_shell.value.faults
    assert len(from_python.value.faults) == 3


@pytest.mark.parametrize("name", ["plain", "my results", "a,b", "it's"])
def test_the_folder_of_a_sweep_to_resume_may_be_quoted(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    Manifest(argv=["-m", "model=resnet18"], created_at="", cells=[]).write(folder)
    (resume,) = resume_arguments(folder)[1:]
    text = resume.partition("=")[2]
    assert resuming(["-m", resume]) == ["-m", "model=resnet18", resume, f"hydra.sweep.dir={text}"]
