"""Builders in parallel: what they share, in which order they go, and that each program is its own."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from builds import Builds
from entries import put
from forking_models import PID_FILE
from projects import write_files
from running import CONF, TESTS
from waiting import alive

from etbench.artifact import Artifact, program_path
from etbench.artifact.sources import CodeFile, Sources
from etbench.builder import Built, Cache, Job, pool
from etbench.builder.asking import asked
from etbench.builder.cache import recipe_key
from etbench.builder.times import BuildTimes
from etbench.cli.dry_run import plan
from etbench.config import Recipe
from etbench.errors import EtbenchError, NotApplicableError
from etbench.events import Event
from etbench.preflight.compose import compose
from etbench.system.files import sha256
from etbench.system.process import Worker


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


SMALL_BERT = {
    "model_type": "bert",
    "num_hidden_layers": 1,
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 1000,
}
GRID = (
    "model=tiny precision=fp32 delegate=xnnpack",
    "model=tiny precision=int8 delegate=xnnpack",
    "model=tiny precision=fp32 delegate=portable",
)


def test_two_builders_take_a_model_each(tmp_path: Path) -> None:
    builds = Builds(tmp_path)
    builds.run(*GRID[:2], "model=two_parts precision=fp32", "model=two_parts precision=int8", builders=2)
    assert all(isinstance(what, Built) for what in builds.done.values())
    exported = [name.split()[0] for name, stage in builds.stages if stage == "export"]
    assert sorted(exported[:2]) == ["model=tiny", "model=two_parts"], "who is done first may help the other"


INPUTS = {"forks": 32, "good": 24, "dropout": 16, "dictout": 12, "inplace": 10}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_no_model_gets_the_program_of_one_that_forked_its_builder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PID_FILE, str(tmp_path / "pid"))
    cells = {
        f"model=custom model._target_=forking_models.{name} delegate=portable": inputs
        for name, inputs in INPUTS.items()
    }
    builds = Builds(tmp_path)
    builds.run(*cells)
    assert all(isinstance(what, Built) for what in builds.done.values()), builds.done
    for number, (text, inputs) in enumerate(cells.items()):
        artifact, program = builds.done[text].artifact, program_path(tmp_path / f"program-{number}")
        assert artifact.inputs[0].shape == [1, inputs]
        assert (artifact.pte_bytes, artifact.sha256) == (program.stat().st_size, sha256(program))
    imports = [name for name, stage in builds.stages if stage == "import"]
    assert imports == list(cells)[:2], "the first builder answers nothing more"
    assert "returned from the function that forked it" in (tmp_path / "0.log").read_text()
    daemon = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(daemon) or not alive(psutil.Process(daemon))


def test_a_program_that_is_not_the_one_of_the_reply_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Worker("children", scratch=tmp_path, log=tmp_path / "log")
    other = Artifact(**dict.fromkeys(Artifact.__struct_fields__) | {"sha256": "0" * 64})
    monkeypatch.setattr(builder, "ask", lambda *_, **__: other)
    program_path(tmp_path).write_bytes(b"of another model")
    recipe = compose(["model=tiny"], config_dir=CONF).recipe
    with pytest.raises(EtbenchError, match=r"the checksum 0{64}, which is not that of model\.pte"):
        asked(builder, recipe, tmp_path, log=tmp_path / "log", on_event=lambda _: None)
    assert not builder.alive


def test_the_longest_build_goes_first_and_what_changed_meanwhile_or_cannot_be_read_is_not_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(own := tmp_path / "own.npz", np.zeros((2, 1, 3, 8, 8), np.float32))
    other, changing = tmp_path / "other.npz", f"{GRID[0]} calibration.npz={own}"
    unreadable = "model=tiny precision=fp16 delegate=portable"

    def key(recipe: Recipe) -> str | None:
        if recipe.precision.name == "fp16":
            raise PermissionError("weights.pt: Permission denied")
        return recipe_key(recipe)

    monkeypatch.setattr(pool, "recipe_key", key)
    cache = Cache(tmp_path / "cache", 10**9)
    cache.writable()
    cells = (changing, *GRID[1:])
    for text, seconds in zip(cells, (3e3, 5e4, 9e3), strict=True):
        BuildTimes(cache.folder).record(text, seconds)
    builds = Builds(tmp_path / "jobs", cache)
    hear, told = builds.hear, []

    def change(job: Job, event: Event) -> None:
        hear(job, event)
        if job.name == changing:
            np.savez(other, np.arange(384, dtype=np.float32).reshape(2, 1, 3, 8, 8))
            other.replace(own)  # at once: the builder may be reading it
            told.append(event.message)

    builds.hear = change  # type: ignore[method-assign]
    builds.run(*cells, unreadable)
    failure = builds.done.pop(unreadable)
    assert isinstance(failure, EtbenchError)
    assert "Permission denied" in failure.message
    assert all(isinstance(what, Built) for what in builds.done.values()), builds.done
    assert builds.order == [GRID[1], GRID[2], changing]
    assert BuildTimes(cache.folder).expected(GRID[1]) < 5e4, "the new time is recorded"
    assert {entry.name for entry in cache.entries()} == set(GRID[1:])
    assert any("not added to the cache: its files or code have changed" in line for line in told)


def test_what_is_cached_is_not_built_a_configuration_of_the_hub_and_a_refusal_included(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, commit = tmp_path / "hub" / "models--owner--bert", "1" * 40
    (snapshot := repository / "snapshots" / commit).mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(SMALL_BERT))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    bert = "model=transformers model.id=owner/bert model.seq_len=8"
    senseless = "model=recurrent precision=int8 delegate=portable"
    cells = (GRID[0], bert, senseless)
    cache = Cache(tmp_path / "cache", 10**9)
    first, second = Builds(tmp_path / "1", cache), Builds(tmp_path / "2", cache)
    first.run(*cells)
    second.run(*cells)
    assert (sorted(first.order), second.order) == (sorted(cells), [])
    for builds, cached in ((first, False), (second, True)):
        refused = builds.done[senseless]
        assert isinstance(refused, NotApplicableError)
        assert "int8 quantizes nothing of this model" in refused.message
        for text in (GRID[0], bert):
            what = builds.done[text]
            assert isinstance(what, Built), what
            assert what.from_cache is cached
    for text in (GRID[0], bert):
        assert second.done[text].artifact == first.done[text].artifact
    assert cache.verify() == []
    composed = compose([*senseless.split(), f"cache.dir={cache.folder}"], config_dir=CONF)
    planned = plan([composed], tmp_path)
    assert planned[0].then.startswith("skipped: int8 quantizes nothing of this model")


NETS = {
    "entry.py": "from nets.seg import build, other\n",
    "nets/__init__.py": "",
    "nets/seg.py": """
import torch
from nets.settings import LAYERS

def build(width=16):
    layers = [torch.nn.Linear(width, width) for _ in range(LAYERS)]
    return torch.nn.Sequential(*layers), torch.randn(1, width)

other = build
""",
    "nets/settings.py": "LAYERS = 2\n",
}


def test_no_builder_uses_code_that_was_edited_since_and_each_program_is_found_by_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of a sub-package is edited after the only builder has imported it."""
    code = write_files(tmp_path / "code", NETS)
    monkeypatch.setenv("PYTHONPATH", str(code))
    monkeypatch.syspath_prepend(code)
    cells = [f"model=custom model._target_=entry.{name} delegate=portable" for name in ("build", "other")]
    cells.append(f"{cells[1]} +model.width=32")
    keys = {text: recipe_key(compose(text.split(), config_dir=CONF).recipe) for text in cells}
    cache = Cache(tmp_path / "cache", 10**9)
    older = Sources(code=[CodeFile(module="nets.settings", path="nets/settings.py", sha256="0" * 64)])
    for key in keys.values():
        put(cache, str(key), sources=older)
    builds, told = Builds(tmp_path / "jobs", cache), []
    finish, hear = builds.finish, builds.hear

    def edit(job: Job, what: Built | EtbenchError) -> None:
        finish(job, what)
        if len(builds.done) == 1:
            (code / "nets" / "settings.py").write_text("LAYERS = 4  # and not 2\n")

    def listen(job: Job, event: Event) -> None:
        hear(job, event)
        told.append(event.message)

    builds.finish, builds.hear = edit, listen  # type: ignore[method-assign]
    builds.run(*cells)
    assert all(isinstance(what, Built) for what in builds.done.values()), builds.done
    assert [_layers(what.artifact) for what in builds.done.values()] == [2, 4, 4]
    assert [stage for _, stage in builds.stages].count("import") == 2, "the third used the second process"
    assert told.count("built again: nets/settings.py changed since") == 3
    first, *others = builds.order
    assert cache.find(str(keys[first])) == (None, "nets/settings.py changed since")
    for text in others:
        assert cache.find(str(keys[text])) == (builds.done[text].artifact, "")
    sources = builds.done[first].artifact.sources
    assert [file.path for file in sources.code] == sorted(NETS)
    assert (sources.data, sources.packages) == ([], {})
    write_files(code, NETS)
    assert cache.find(str(keys[first])) == (builds.done[first].artifact, "")


def _layers(artifact: Artifact) -> int:
    counts = artifact.delegation.left_behind
    return sum(count for name, count in counts.items() if "linear" in name or "mm" in name)


def test_what_a_callback_raises_stops_the_builders_and_comes_out(tmp_path: Path) -> None:
    builds = Builds(tmp_path)

    def stop(_job: Job, _what: object) -> None:
        raise KeyError("enough")

    builds.finish = stop  # type: ignore[method-assign]
    with pytest.raises(KeyError, match="enough"):
        builds.run(*GRID, builders=2)
    assert len(builds.order) < len(GRID)


def test_nothing_is_built_any_more_once_another_etbench_lets_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 10**9)
    builds, free = Builds(tmp_path / "jobs", cache), threading.Event()
    key = recipe_key(compose(GRID[1].split(), config_dir=CONF).recipe)
    assert key is not None
    waits, first_done = threading.Event(), builds.finish

    def stop(job: Job, what: Built | EtbenchError) -> None:
        first_done(job, what)
        waits.wait(300)
        free.set()
        raise KeyError("stop")

    def hear(job: Job, event: Event) -> None:
        if "another etbench" in event.message:
            waits.set()

    def hold() -> None:
        with cache.building(key, lambda: None):
            held.set()
            free.wait(300)

    builds.finish, builds.hear = stop, hear  # type: ignore[method-assign]
    assert cache.writable()
    held = threading.Event()
    (holder := threading.Thread(target=hold)).start()
    held.wait(300)
    with pytest.raises(KeyError, match="stop"):
        builds.run(GRID[0], GRID[1], builders=2)
    holder.join()
    assert list(builds.done) == [GRID[0]]
    assert not program_path(tmp_path / "jobs" / "program-1").exists()


def test_times_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "build_times.json").write_text("{not json")
    times = BuildTimes(tmp_path)
    assert times.expected("any") is None
    times.record("any", 2.0)
    assert BuildTimes(tmp_path).expected("any") == 2.0
