"""The shipped YAML: every option composes with every other, and is what its name says."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
import msgspec
import pytest
from hydra.utils import get_method
from running import CONF

import etbench
from etbench.config import decides_cell, parse
from etbench.config.command import resume_arguments
from etbench.config.sections import Requirement
from etbench.errors import ConfigError
from etbench.preflight.command_line import check_command_line
from etbench.preflight.compose import compose, without_needless_plus
from etbench.preflight.hydra_config import conf_dir
from etbench.sweep.manifest import Manifest
from etbench.sweep.resuming import resuming

pytestmark = pytest.mark.early


def _faults(argv: list[str]) -> list[str]:
    """Return the faults of a command line that is refused."""
    with pytest.raises(ConfigError) as caught:
        check_command_line(argv)
    return list(caught.value.faults)


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


# Of models by id or path.
SOURCES = ("causal_lm", "custom", "exported", "file", "pte", "timm", "torchvision", "transformers")


@pytest.mark.parametrize("model", [model for model in _options("model") if model not in SOURCES])
def test_every_model_composes(model: str) -> None:
    stem = compose([f"model={model}"]).stem
    assert stem == f"{model}_fp32_xnnpack", "name: is not the name of the file"


def _or_refused(precision: str, delegate: str) -> etbench.Cell | None:
    """Compose a pair, or None if it is refused with a reason that the delegate's YAML declares."""
    try:
        cell = compose([f"precision={precision}", f"delegate={delegate}"])
    except ConfigError as error:
        name = f"mobilenet_v2 in {precision} on {delegate}"
        assert [fault.partition(": ")[0] for fault in error.faults] == [name]
        return None
    assert cell.stem == f"mobilenet_v2_{precision}_{delegate}", "name: is not the name of the file"
    return cell


def test_every_precision_composes_with_every_delegate() -> None:
    """Each option is composed; the other pairs are put together from them, which neither YAML can tell."""
    precisions = {name: _or_refused(name, "xnnpack") for name in _options("precision")}
    delegates = {name: _or_refused("fp32", name) for name in _options("delegate")}
    possible = 0
    both = (filter(None, found.values()) for found in (precisions, delegates))
    for precision, delegate in itertools.product(*both):
        pair = msgspec.structs.replace(precision, delegate=delegate.delegate)
        assert pair.stem == f"mobilenet_v2_{pair.precision.name}_{pair.delegate.name}"
        possible += not pair.impossible()
    assert possible > 20
    for precision, delegate in zip(reversed(precisions), itertools.cycle(delegates)):
        if composed := _or_refused(precision, delegate):
            assert not composed.impossible()


@pytest.mark.parametrize(
    ("overrides", "stem"),
    [
        ("model=torchvision model.id=swin_t", "swin_t_fp32_xnnpack"),
        ("model=torchvision model.id=ssd300_vgg16 model.part=backbone", "ssd300_vgg16-backbone_fp32_xnnpack"),
        ("model=timm model.id=mobilevit_s.cvnets_in1k", "mobilevit_s.cvnets_in1k_fp32_xnnpack"),
        ("model=transformers model.id=openai/whisper-tiny", "whisper-tiny_fp32_xnnpack"),
        ("model=transformers model.id=./my/bert/ precision=int8", "bert_int8_xnnpack"),
        ("model=causal_lm model.id=Qwen/Qwen3-0.6B", "Qwen3-0.6B-generate_fp32_xnnpack"),
        ("model=custom model._target_=tiny_models.tiny +model.width=5", "tiny_fp32_xnnpack"),
        ("model=custom model._target_=tiny_models.tiny model.name=mine", "mine_fp32_xnnpack"),
        (f"model=pte model.path={__file__}", "test_compose_as_built_unknown"),
    ],
)
def test_files_of_a_generic_source_are_named_by_what_it_loads(overrides: str, stem: str) -> None:
    assert compose(overrides.split()).stem == stem


def test_a_file_of_another_runtime_keeps_the_delegate_that_is_chosen_for_it(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    given = ["model=file", f"model.path={tmp_path / 'net.onnx'}"]
    assert compose([*given, "delegate=litert"]).impossible() is None, "it needs no converter"
    cell = compose([*given, "delegate=onnxruntime"])
    assert (cell.stem, cell.impossible()) == ("net_as_built_onnxruntime", None)
    (fault,) = _faults(given)
    assert fault.endswith("net.onnx is not an ExecuTorch program: choose what runs it, delegate=onnxruntime")


def test_a_converter_of_litert_must_exist_and_is_asked_for_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path / "no environments"))
    (fault,) = _faults(["delegate=litert"])
    assert "the package 'litert_torch' is not installed: etbench env create litert" in fault
    (tmp_path / "python").touch(mode=0o755)
    python = f"delegate.converter_python={tmp_path / 'python'}"
    assert compose(["model=mobilenet_v2", "delegate=litert", python]).impossible() is None
    (fault,) = _faults(["delegate=litert", "delegate.converter_python=nowhere/python"])
    assert fault.startswith("delegate.converter_python=nowhere/python: nowhere/python: no such interpreter")


def test_a_package_of_another_version_than_required_is_named_with_both() -> None:
    requirement = Requirement(package="msgspec", version="0.1.*", install="pip install it")
    assert requirement.missing == (
        f"the package 'msgspec' is {version('msgspec')}, and 0.1.* is required: pip install it"
    )
    assert Requirement(package="msgspec", version="*", install="").missing is None


@pytest.mark.parametrize("given", [["threads=1"], ["model.path="], ["model.path=???"]], ids=" ".join)
def test_what_the_yaml_leaves_open_is_required(given: list[str]) -> None:
    assert _faults(["model=pte", *given]) == ["model.path is required: model.path=…"]


def test_of_what_is_required_each_value_of_a_sweep_is_checked() -> None:
    check_command_line(["-m", "model=pte", f"model.path={__file__},{CONF}", "threads=1,2"])
    with pytest.raises(ConfigError, match=r"model\.path=nowhere: no such file"):
        check_command_line(["-m", "model=pte", f"model.path={__file__},nowhere"])


def test_a_file_that_torch_export_did_not_write_is_refused_before_the_build(tmp_path: Path) -> None:
    (fault,) = _faults(["model=exported", f"model.path={__file__}"])
    assert fault.startswith(f"model.path={__file__}: not an exported program")
    (pte := tmp_path / "net.pte").write_bytes(bytes(4) + b"ET12")
    (fault,) = _faults(["model=exported", f"model.path={pte}"])
    assert fault.endswith(f"model=pte model.path={pte}")
    (pt2 := tmp_path / "net.pt2").write_bytes(b"PK")  # only how a file begins is looked at
    assert compose(["model=exported", f"model.path={pt2}"]).stem == "net_fp32_xnnpack"


@pytest.mark.parametrize("name", ["a,b.pte", "x=y.pte", "p(1).pte", "it's.pte", "größe.pte"])
def test_a_required_value_keeps_its_quotes(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    override = f'model.path="{tmp_path / name}"'
    assert compose(["model=pte", override]).model.options["path"] == str(tmp_path / name)
    check_command_line(["-m", "model=pte", override, "threads=1,2"])
    check_command_line(["-m", "model=pte", f"{override},{__file__}"])
    (fault,) = _faults(["model=pte", f"model.path={name}"])  # which prints what works in a shell
    (printed,) = shlex.split(fault.partition(": ")[2].rpartition(": ")[2])
    assert printed == f'model.path="{name}"'


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["model=pte", "model.path=p(1).pte"], "the character '(' must be quoted: 'model.path=\"p(1).pte\"'"),
        (["model=pte", "model.path=a=b.pte"], "the character '=' must be quoted: 'model.path=\"a=b.pte\"'"),
        (
            ["model=pte", "model.path=a,b.pte"],
            "add -m to sweep; if ',' is part of the value, quote it: 'model.path=\"a,b.pte\"'",
        ),
        (["model=pte", "model.path=net(1)"], "'(' calls a function: Unknown function 'net'"),
        (["model=pte", 'model.path="a,b'], "quotes must enclose the whole value: 'model.path=\"a,b\"'"),
        (["-m", "model=pte", "model.path=glob(*.pte)"], "model.path is not a group"),
        (["device=ssh", "device.host=me@[::1]"], "the character '[' must be quoted"),
        (["measure.affinity=[0,1"], "'[' begins a list that cannot be read"),
        (["model path=x"], "'model path' is not a valid key"),
        (["model=resnet(18"], "no such model (did you mean 'resnet18'?)"),
        (["model=./resnet18"], "no such model (did you mean 'resnet18'?)"),
        (["model=zoo//albert_4layers"], "no such model (did you mean 'zoo/albert_4layers'?)"),
        (["model=../precision/int8"], "no such model"),
        ([f"model={'x' * 5_000}"], "no such model"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_value_that_cannot_be_read_is_one_fault_that_says_why(argv: list[str], expected: str) -> None:
    (fault,) = _faults(argv)
    assert expected in fault
    assert fault.startswith(argv[-1])


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("resnet18", "'model=resnet18'"),
        ("resnet81", "'model=resnet18'"),
        ("thorough", "'calibration=thorough' or 'repeat=thorough'"),
        ("repeat.rnus", "'repeat.runs=…'"),
        ("+keep_pte", "'keep_pte=…'"),
    ],
)
def test_a_word_alone_is_refused_with_what_it_may_mean(word: str, meant: str) -> None:
    assert _faults([word]) == [f"{word}: expected key=value (did you mean {meant}?)"]


def test_a_key_is_not_blamed_for_the_unknown_option_that_may_have_it() -> None:
    faults = _faults(["device=shs", "device.host=x", "repeat.runs=0"])
    assert [fault.partition(":")[0] for fault in faults] == ["device=shs", "repeat.runs=0"]


def test_options_may_be_quoted_in_a_sweep() -> None:
    argv = ["-m", 'model="resnet18",gpt2', "repeat=quick"]
    assert check_command_line(argv) == argv


def test_the_precision_and_delegate_of_a_ready_program_cannot_be_chosen() -> None:
    with pytest.raises(ConfigError, match=r"precision=int8: test_compose is already built"):
        compose(["model=pte", f"model.path={__file__}", "precision=int8"])


def test_a_model_whose_package_is_missing_is_refused_with_the_command() -> None:
    with pytest.raises(ConfigError, match="'no_such_package' is not installed: pip install it"):
        compose(["model=needs_more"], config_dir=CONF)
    check_command_line(["-m", "--config-dir", str(CONF), "model=needs_more"])  # is skipped there


def test_open_axes_go_with_fp32_only() -> None:
    assert compose(["model=torchvision", "model.dynamic.batch=8"]).model.dynamic.sizes == {0: 8}
    with pytest.raises(ConfigError, match=r"model\.dynamic works only in fp32"):
        compose(["model=torchvision", "model.dynamic.batch=8", "precision=int8"])


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.dynamic.batch=8", "model.dynamic.measure=[1,9]"], "9 is more than model.dynamic.batch=8"),
        (["model.dynamic.batch=8", "model.dynamic.measure=[[1,2]]"], "each size is a number, such as"),
        (["model.dynamic.measure=[4]"], "no axis is dynamic"),
        (
            ["model.dynamic.batch=8", "model.dynamic.seq_len=9", "model.dynamic.measure=[4]"],
            "each size is a pair of batch and length",
        ),
        (
            ["model.dynamic.batch=8", "model.dynamic.seq_len=9", "model.dynamic.measure=[[8,10]]"],
            "10 is more than model.dynamic.seq_len=9",
        ),
        (["model.dynamic.batch=8", "model.dynamic.measure=[0]"], "a whole number >= 1"),
    ],
)
def test_sizes_to_measure_that_the_program_would_not_take_are_refused(
    overrides: list[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"model\.dynamic\.measure.*{words}"):
        compose(["model=transformers", *overrides])


def test_a_program_that_is_built_keeps_its_memory_format() -> None:
    with pytest.raises(ConfigError, match="channels_last: test_compose is already built"):
        compose(["model=pte", f"model.path={__file__}", "+model.memory_format=channels_last"])


def test_sizes_to_measure_make_another_cell() -> None:
    open_axes = ["model=transformers", "model.dynamic.batch=8", "model.dynamic.seq_len=9"]
    one, other = compose(open_axes), compose([*open_axes, "model.dynamic.measure=[[1,4],[8,9]]"])
    assert other.model.dynamic.measured == [{0: 1, 1: 4}, {0: 8, 1: 9}]
    assert one.cell_id != other.cell_id


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
    for more in ("keep_pte=true", "repeat.until=planned", "sweep.decide_max_s=1"):
        assert compose(["model=resnet18", more]).cell_id == plain.cell_id
    for override in ("model.seed=1", "threads=1", "repeat.runs=51", "precision=int8", "calibration.seed=1"):
        assert compose(["model=resnet18", override]).cell_id != plain.cell_id


@pytest.mark.parametrize(
    "device",
    [["device=host"], ["device=ssh", "device.host=x"], ["device=adb", "device.runner=x"], ["device=ray"]],
    ids=lambda device: device[0],
)
def test_the_keys_that_decide_a_cell_are_those_that_its_identity_depends_on(device: list[str]) -> None:
    with hydra.initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
        cell = parse(hydra.compose("config", overrides=device))
    changed = {key: other.cell_id != cell.cell_id for key, other in _each_key_changed(cell)}
    changed = {key: decided for key, decided in changed.items() if key not in ("config", "command")}
    assert changed == {key: decides_cell(key) for key in changed}
    assert len(changed) > 60


def _each_key_changed(struct: msgspec.Struct, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give the keys of a struct, and of those in it, each with a copy in which its value is another."""
    for info in msgspec.structs.fields(struct):
        value = getattr(struct, info.name)
        if isinstance(value, msgspec.Struct):
            inner = _each_key_changed(value, f"{prefix}{info.encode_name}.")
        else:
            inner = iter([(f"{prefix}{info.encode_name}", "another")])
        for key, other in inner:
            yield key, msgspec.structs.replace(struct, **{info.name: other})


def test_a_key_that_only_the_swept_models_have_is_forced() -> None:
    argv = ["-m", "model=distilbert,gpt2", "model.seq_len=16", "repeat.runs=9", "++model.seed=1"]
    assert check_command_line(argv) == [
        *("-m", "model=distilbert,gpt2", "++model.seq_len=16", "repeat.runs=9", "++model.seed=1")
    ]
    assert check_command_line(argv[:1] + argv[3:]) == argv[:1] + argv[3:]
    single = ["model=distilbert", "model.seq_len=16"]
    assert check_command_line(single) == single


def test_a_file_that_a_value_gives_need_not_be_that_of_the_option(tmp_path: Path) -> None:
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "mine.yaml").write_text("defaults: [samples, _self_]\ntext: /no/such.txt\n")
    (text := tmp_path / "text.txt").write_text("One sentence.\n")
    mine = ["-m", "--config-dir", str(tmp_path), "model=distilbert", "calibration=mine", "repeat.runs=3,4"]
    check_command_line([*mine, f"calibration.text={text}"])
    with pytest.raises(ConfigError, match=r"calibration\.text=/no/such\.txt: no such file"):
        check_command_line(mine)


def test_a_users_folder_may_have_any_name(tmp_path: Path) -> None:
    (folder := tmp_path / "mine (1), [all] 'of' them").symlink_to(CONF)
    assert compose(["model=tiny"], config_dir=folder).model.options == {"width": 4}


def test_a_users_folder_adds_options_and_whole_groups() -> None:
    assert compose(["model=tiny"], config_dir=CONF).model.options == {"width": 4}
    with pytest.raises(ConfigError, match="model=tiny: no such model"):
        compose(["model=tiny"])
    with pytest.raises(ConfigError, match=r"tiny.* there are: .*resnet18.*tiny"):
        compose(["model=tinny"], config_dir=CONF)


def test_an_unknown_option_says_how_a_file_of_ones_own_is_found() -> None:
    (fault,) = _faults(["model=mine"])
    assert fault.endswith("; your own model/mine.yaml is found with --config-dir <folder>")


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (
            ["model=misspelt"],
            "model._target_=tiny_models.tiny does not accept these options: unknown option",
        ),
        (["model=tiny", "+model.depth=2"], "model._target_=tiny_models.tiny does not accept these options"),
        (
            ["model=custom", "model._target_=tiny_models.tinny"],
            "module 'tiny_models' has no 'tinny' (did you",
        ),
        (
            ["model=custom", "model._target_=tinny_models.tiny"],
            "no module 'tinny_models'; is its folder on PYTH",
        ),
        (["-m", "model=custom", "model._target_=tiny_models.tiny,tiny_models.tinny"], "has no 'tinny'"),
        (
            ["evaluate._target_=accuracy_hooks.spread"],
            "evaluate._target_=accuracy_hooks.spread does not accept",
        ),
        (
            ["evaluate._target_=accuracy_hooks.sprad", "evaluate.scale=2"],
            "has no 'sprad' (did you mean 'spread",
        ),
        (
            ["model=tiny", "model.widht=2"],
            "(did you mean 'width'?); an option of model._target_ is given as +",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_function_that_does_not_exist_or_take_the_options_is_refused(argv: list[str], fault: str) -> None:
    flags = [text for text in argv if text.startswith("-")]
    (found,) = _faults([*flags, "--config-dir", str(CONF), *argv[len(flags) :]])
    assert fault in found


@pytest.mark.parametrize(
    ("override", "says_plus"),
    [
        ("model.config.num_classes=10", True),  # inside of an option of the function
        ("model.dynamic.btch=2", False),
        ("delegate.runtime.cache=true", False),
        ("repeat.rnus=3", False),
    ],
)
def test_only_an_option_of_a_function_is_said_to_need_a_plus(override: str, says_plus: bool) -> None:
    (fault,) = _faults(["model=transformers", "model.id=bert", override])
    assert fault.startswith(f"{override}: unknown key ")
    assert (f"an option of model._target_ is given as +{override}" in fault) is says_plus


def test_a_function_with_all_its_options_is_accepted() -> None:
    check_command_line(["evaluate._target_=accuracy_hooks.spread", "+evaluate.scale=2"])
    flags = ["-m", "--config-dir", str(CONF)]
    other = "model._target_=tiny_models.slow"  # its argument is not one of the file's own function
    check_command_line([*flags, "model=custom", other, "+model.size=8,16"])


def test_an_argument_that_is_not_utf8_is_refused() -> None:
    assert _faults(["model.weights=na\udcef"]) == ["'model.weights=na\\udcef': is not UTF-8"]


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
    (resume,) = resume_arguments(_started(tmp_path / name, "-m", "model=resnet18"))[1:]
    text = resume.partition("=")[2]
    assert resuming(["-m", resume]) == ["-m", "model=resnet18", resume, f"hydra.sweep.dir={text}"]


def _started(folder: Path, *argv: str, growing: bool = False) -> Path:
    """Return a folder in which a sweep was started with this command line."""
    Manifest(argv=list(argv), created_at="", growing=growing, cells=[]).write(folder)
    return folder


STARTED = ("-m", "--config-dir", "conf", "model=a,b", "repeat.runs=3", "cache.dir=x", "hydra.sweep.dir=out")


@pytest.mark.parametrize(
    ("now", "joined"),
    [
        ("-m", "-m --config-dir conf model=a,b repeat.runs=3 cache.dir=x"),
        ("-m --config-dir mine", "-m --config-dir mine model=a,b repeat.runs=3 cache.dir=x"),
        ("-m --cfg job", "-m --cfg job --config-dir conf model=a,b repeat.runs=3 cache.dir=x"),
        (
            "-m build.timeout_s=7",
            "-m --config-dir conf model=a,b repeat.runs=3 cache.dir=x build.timeout_s=7",
        ),
        ("-m cache.dir=y", "-m --config-dir conf model=a,b repeat.runs=3 cache.dir=y"),
        ("-m ++cache.dir=y", "-m --config-dir conf model=a,b repeat.runs=3 ++cache.dir=y"),
        (
            "-m hydra/launcher=joblib tracking=mlflow",
            "-m --config-dir conf model=a,b repeat.runs=3 cache.dir=x hydra/launcher=joblib tracking=mlflow",
        ),
        ("-m model=a", "-m --config-dir conf repeat.runs=3 cache.dir=x model=a"),
        (" ".join(STARTED), "-m --config-dir conf model=a,b repeat.runs=3 cache.dir=x"),
    ],
)
def test_what_is_given_beside_resume_joins_the_command_line_of_the_sweep(
    now: str, joined: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _started(Path("out"), *STARTED)
    assert resuming([*now.split(), "sweep.resume=out"]) == [
        *joined.split(),
        "sweep.resume=out",
        "hydra.sweep.dir=out",
    ]


def test_the_options_of_a_launcher_or_tracker_go_with_it(tmp_path: Path) -> None:
    tracked = ("tracking=mlflow", "hydra.callbacks.mlflow.uri=x")
    launched = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    resume = f"sweep.resume={_started(tmp_path, '-m', *tracked, *launched)}"
    kept = resuming(["-m", resume, "hydra/launcher=basic"])
    assert kept[1:5] == [*tracked, resume, "hydra/launcher=basic"]
    assert resuming(["-m", resume, "~tracking"])[1:5] == [*launched, resume, "~tracking"]


@pytest.mark.parametrize(
    ("started", "given", "growing"),
    [
        (["hydra/launcher=joblib"], [], True),
        ([], ["hydra/launcher=basic"], False),
        (["hydra/launcher=joblib"], ["hydra/launcher=etbench"], True),
    ],
    ids=["started cell by cell", "resumed cell by cell", "resumed as a whole"],
)
def test_cells_that_are_run_one_by_one_are_compared_by_the_command_line(
    started: list[str], given: list[str], growing: bool, tmp_path: Path
) -> None:
    folder = _started(tmp_path, "-m", "model=a,b", "repeat.runs=3", *started, growing=growing)
    resume = ["-m", f"sweep.resume={folder}", "model=a,b", "cache.enabled=false", *given]
    assert "repeat.runs=3" in resuming(resume)
    with pytest.raises(ConfigError) as caught:
        resuming([*resume, "repeat.runs=4", "threads=1"])
    assert caught.value.faults == (
        "sweep.resume: not the same sweep",
        "repeat.runs=4: that sweep had repeat.runs=3",
        "threads=1: that sweep had no threads=…",
    )


def test_a_sweep_that_is_resumed_has_one_folder(tmp_path: Path) -> None:
    folder = _started(tmp_path / "out", "-m")
    with pytest.raises(ConfigError, match=r"hydra\.sweep\.dir=other: .*out; remove this option"):
        resuming(["-m", f"sweep.resume={folder}", "hydra.sweep.dir=other"])
    with pytest.raises(ConfigError, match="only one sweep can be resumed; if ',' is part of the value"):
        resuming(["-m", "sweep.resume=a,b"])


@pytest.mark.parametrize("show", [["--cfg", "job"], ["--info", "defaults"]], ids=" ".join)
def test_of_a_sweep_the_first_cell_is_shown(show: list[str]) -> None:
    argv = ["-m", *show, "model=glob(gpt*)", "precision=int8,fp32", "+repeat.runs=2,3", "threads=1"]
    assert check_command_line(argv) == [
        *(*show, "model=gpt2", "precision=int8", "+repeat.runs=2", "threads=1")
    ]


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("++evaluate.data=photos", "evaluate.data=photos"),
        ("++model.seq_len=16", "model.seq_len=16"),
        ("++model.mine=3", "++model.mine=3"),
        ("++model.config.num_labels=3", "++model.config.num_labels=3"),
        ("++evaluate._target_=a.b", "evaluate._target_=a.b"),
        ("model.seq_len=16", "model.seq_len=16"),
        ("+model.mine=3", "+model.mine=3"),
    ],
)
def test_the_command_of_a_cell_has_no_plus_that_it_does_not_need(given: str, plain: str) -> None:
    found = without_needless_plus(given, {"model": "distilbert", "evaluate": "top1"}, [conf_dir()])
    assert found == plain
