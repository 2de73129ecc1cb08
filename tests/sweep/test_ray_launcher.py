"""The cures for Hydra's launcher for Ray: they leave alone what the user says, and are still needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra_plugins.hydra_ray_launcher import _core
from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher
from omegaconf import DictConfig, OmegaConf

from etbench.sweep import ray_launcher


def _settings(**said: object) -> DictConfig:
    return OmegaConf.create({"ray": {"init": {"address": None, **said}, "remote": {}}})


def _given_to_ray(launcher: DictConfig, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return what the launcher gives to `ray.init`, which is not called."""
    given: list[dict[str, object]] = []
    monkeypatch.setattr(_core, "start_ray", lambda settings: given.append(OmegaConf.to_container(settings)))
    plugin = RayLauncher(launcher.ray)
    hydra = {"hydra_logging": {"root": None}, "verbose": False, "sweep": {"dir": str(folder)}}
    plugin.setup(hydra_context=object(), task_function=object(), config=OmegaConf.create({"hydra": hydra}))
    assert plugin.launch([], 0) == []
    return given[0]


def test_ray_is_started_as_a_sweep_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    launcher = _settings()
    ray_launcher.prepare(launcher)
    given = _given_to_ray(launcher, tmp_path, monkeypatch)
    assert given["object_store_memory"] is None
    assert given["include_dashboard"] is False
    assert str(tmp_path) in given["runtime_env"]["env_vars"].values()


def test_what_the_user_says_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"object_store_memory": 10**9, "include_dashboard": True, "runtime_env": {"env_vars": {"A": "b"}}}
    launcher = _settings(**said)
    ray_launcher.prepare(launcher)
    given = _given_to_ray(launcher, tmp_path, monkeypatch)
    assert (given["object_store_memory"], given["include_dashboard"]) == (10**9, True)
    assert given["runtime_env"]["env_vars"]["A"] == "b"


def test_the_cure_is_still_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = _given_to_ray(_settings(), tmp_path, monkeypatch)
    assert "object_store_memory" in given, "it joins a cluster by itself now: the first cure can go"
