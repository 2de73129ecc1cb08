"""The cures for Hydra: they change nothing but the time it takes, and are still needed."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import hydra
import pytest
import yaml
from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf
from running import CONF, environment

from etbench.preflight.compose import compose
from etbench.preflight.hydra_config import conf_dir
from etbench.preflight.hydra_patches import keep_repositories

GROUPS = ("", "model", "precision", "delegate", "hydra/launcher")


@pytest.fixture
def loader() -> Iterator[Any]:
    keep_repositories()
    with hydra.initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that grows with each copy of the sources."""
    made: list[None] = []

    class Counted(CachingConfigRepository):
        def __init__(self, delegate: Any) -> None:
            made.append(None)
            super().__init__(delegate)

    monkeypatch.setattr(config_loader_impl, "CachingConfigRepository", Counted)
    return made


@pytest.mark.parametrize("kind", [ObjectType.CONFIG, ObjectType.GROUP])
def test_every_group_is_listed_as_hydra_does_it(loader: ConfigLoaderImpl, kind: ObjectType) -> None:
    upstream = ConfigLoaderImpl.get_group_options.__wrapped__
    listed = {group: loader.get_group_options(group, kind) for group in GROUPS}
    assert listed == {group: upstream(loader, group, kind) for group in GROUPS}
    assert any(listed.values())


def test_one_copy_serves_all_groups(loader: ConfigLoaderImpl, copies: list[None]) -> None:
    for group in GROUPS:
        loader.get_group_options(group)
    assert len(copies) == 1


def test_the_cure_is_still_needed(loader: ConfigLoaderImpl, copies: list[None]) -> None:
    for group in GROUPS:
        ConfigLoaderImpl.get_group_options.__wrapped__(loader, group)
    assert len(copies) == len(GROUPS), (
        "Hydra lists without copies now: etbench/preflight/hydra_patches.py can go"
    )


def test_a_composition_shares_the_sources_and_adds_none_to_those_of_others(loader: ConfigLoaderImpl) -> None:
    before = loader.repository.sources
    with_own = [f"hydra.searchpath=['file://{CONF}']"]
    config = hydra.compose("config", [*with_own, "model=tiny"], return_hydra_config=True)
    assert str(CONF) in {source.path for source in config.hydra.runtime.config_sources}
    assert loader.repository.sources is before
    assert str(CONF) not in {source.path for source in before}
    copied = copy.deepcopy(loader.repository)
    assert copied.sources == before and copied.sources is not before


def test_a_configuration_is_composed_as_hydra_does_it(
    loader: ConfigLoaderImpl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def composed() -> object:
        config = hydra.compose("config", ["model=resnet18", "precision=int8"], return_hydra_config=True)
        return OmegaConf.to_container(config, resolve=False)

    ours = composed()
    monkeypatch.delattr(ConfigRepository, "__deepcopy__")
    assert composed() == ours
    assert copy.deepcopy(loader.repository).sources[-1] is not loader.repository.sources[-1], (
        "Hydra shares its sources now: share_sources can go"
    )


def test_a_file_is_parsed_again_only_if_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, parsed = yaml.load, []

    def load(file: IO[str], **how: Any) -> Any:
        parsed.append(Path(getattr(file, "name", "text")).name)
        return parse(file, **how)

    monkeypatch.setattr(yaml, "load", load)
    (own := tmp_path / "model" / "mine.yaml").parent.mkdir()
    own.write_text("_target_: tiny_models.tiny\nname: mine\ntype: test\nrecommended: {runs: 6, warmup: 1}\n")

    def runs() -> int:
        parsed.clear()
        return compose(["model=mine"], config_dir=tmp_path).repeat.runs

    assert (runs(), parsed.count("mine.yaml")) == (6, 1)
    assert runs() == 6 and not [name for name in parsed if name.endswith(".yaml")]
    own.write_text(own.read_text().replace("runs: 6", "runs: 77"))
    assert (runs(), parsed.count("mine.yaml")) == (77, 1)
    monkeypatch.setattr(OmegaConf, "load", staticmethod(OmegaConf.load.__wrapped__))
    assert runs() == 77 and len(parsed) > len(set(parsed)), (
        "Hydra keeps what it parsed now: parse_files_once can go"
    )


def test_choices_are_mapped_only_for_a_list_with_an_entry_that_refers_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for group, choice in itertools.product(("model", "beside"), "ab"):
        (option := tmp_path / group / f"{choice}.yaml").parent.mkdir(exist_ok=True)
        option.write_text(f"given: {choice}\n")
    (tmp_path / "plain.yaml").write_text("defaults: [model: a, beside: b, _self_]\n")
    (tmp_path / "referring.yaml").write_text("defaults: [model: a, beside: '${model}', _self_]\n")
    made: list[None] = []
    create = OmegaConf.create

    def counted(*args: Any, **how: Any) -> Any:
        made.extend([None] * (sys._getframe(1).f_code.co_name == "_create_interpolation_map"))
        return create(*args, **how)

    monkeypatch.setattr(OmegaConf, "create", staticmethod(counted))
    with hydra.initialize_config_dir(config_dir=str(tmp_path), version_base="1.3"):
        plain = hydra.compose("plain")
        assert not made
        assert hydra.compose("referring", ["model=b"]) == {"model": {"given": "b"}, "beside": {"given": "b"}}
        assert len(made) == 1
        upstream = defaults_list._create_interpolation_map.__wrapped__
        monkeypatch.setattr(defaults_list, "_create_interpolation_map", upstream)
        made.clear()
        assert hydra.compose("plain") == plain
    assert made, "Hydra maps choices only where it needs them now: map_choices_where_asked can go"


COUNTED = """
import atexit, runpy, sys
from hydra._internal.config_loader_impl import ConfigLoaderImpl

compose, jobs = ConfigLoaderImpl.load_sweep_config, []

def counted(*arguments, **more):
    jobs.append(None)
    return compose(*arguments, **more)

ConfigLoaderImpl.load_sweep_config = counted
atexit.register(lambda: print("composed", len(jobs)))
runpy.run_module("etbench", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(("launcher", "times"), [("etbench", 1), ("basic", 2)])
def test_a_job_is_composed_once_where_the_launcher_sees_to_it(
    launcher: str, times: int, tmp_path: Path
) -> None:
    skipped = ("delegate=coreml", "precision=bf16,int8", "report.enabled=false", "hydra.sweep.dir=out")
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, "-m", *skipped, f"hydra/launcher={launcher}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"composed {2 * times}\n" in done.stdout, "or does Hydra not compose them twice any longer?"
