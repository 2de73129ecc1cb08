"""A program of PyTorch is code: one that somebody else has put into the cache is not executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import torch
from entries import put
from running import BRIEF, CONF, TESTS

import etbench as api
from etbench.builder.cache import Cache, recipe_key
from etbench.builder.cache.entry import read_sidecar
from etbench.builder.ready import adopt
from etbench.errors import EtbenchError
from etbench.events import Stages


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.folder,)


@dataclass(frozen=True)
class Planted:
    """A program that loads as any other, and makes a folder meanwhile."""

    path: Path
    executed: Path


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """A program that is dangerous, which is shown in the end."""
    folder = tmp_path_factory.mktemp("planted")
    made = Planted(folder / "planted.pte", folder / "executed")
    module, example = torch.nn.Linear(2, 2).eval(), (torch.ones(1, 2),)
    torch.export.save(torch.export.export(module, example, strict=False), saved := folder / "net.pt2")
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(made.path, "w") as new:
        for name in old.namelist():
            bomb = pickle.dumps({"inputs": _Bomb(made.executed)})
            new.writestr(name, bomb if "sample_inputs" in name else old.read(name))
    yield made
    assert not made.executed.exists()
    with made.path.open("rb") as file, suppress(Exception):
        torch.export.load(file)
    assert made.executed.exists(), "the test has shown nothing: it is not executed where it is loaded"


def test_a_pickle_in_a_cached_program_of_pytorch_is_not_executed(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    cache = Cache(tmp_path / "cache", 10**9)
    overrides = ["model=tiny", "delegate=eager", *BRIEF, "repeat.runs=3", f"cache.dir={cache.folder}"]
    cell = api.compose(overrides, config_dir=CONF)
    key = recipe_key(cell.recipe)
    assert key
    put(cache, key, planted.path.read_bytes())
    (entry,) = cache.entries()
    described = msgspec.structs.replace(read_sidecar(entry.folder), seal="")  # it does not know the key
    (entry.folder / "entry.json").write_bytes(described.encode())
    assert cache.find(key)[0] is not None, "it would be taken"
    result = api.run(cell, out_dir=tmp_path / "out").result
    assert (result.status, result.from_cache) == ("ok", False), result.failure or result.errors
    assert "and you did not build it here" in (tmp_path / "out" / "events.jsonl").read_text()
    assert not planted.executed.exists()


def test_a_pickle_in_a_file_that_is_called_pte_is_not_executed(planted: Planted, tmp_path: Path) -> None:
    recipe = api.compose(["model=pte", f"model.path={planted.path}"]).recipe
    with pytest.raises(EtbenchError, match=r"planted\.pte is a program of PyTorch, not of ExecuTorch"):
        adopt(recipe, tmp_path, Stages(lambda _: None))
    assert not planted.executed.exists()
