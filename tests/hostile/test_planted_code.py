"""A program of PyTorch is code: one that somebody else has put into the cache is not executed."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import msgspec
import torch
from entries import put
from running import BRIEF, CONF

import etbench as api
from etbench.builder.cache import Cache, recipe_key
from etbench.builder.cache.entry import read_sidecar


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.folder,)


def _planted(path: Path, folder: Path) -> bytes:
    """Return a program that loads as any other, and makes a folder."""
    module, example = torch.nn.Linear(2, 2).eval(), (torch.ones(1, 2),)
    torch.export.save(torch.export.export(module, example, strict=False), path)
    with zipfile.ZipFile(path) as package:
        files = {name: package.read(name) for name in package.namelist()}
    (inputs,) = (name for name in files if "sample_inputs" in name)
    files[inputs] = pickle.dumps({"inputs": _Bomb(folder)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        for name, body in files.items():
            package.writestr(name, body)
    return path.read_bytes()


def test_a_pickle_in_a_cached_program_of_pytorch_is_not_executed(tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    program = _planted(tmp_path / "planted.pt2", executed)
    cache = Cache(tmp_path / "cache", 10**9)
    overrides = ["model=tiny", "delegate=eager", *BRIEF, "repeat.runs=3", f"cache.dir={cache.folder}"]
    cell = api.compose(overrides, config_dir=CONF)
    key = recipe_key(cell.recipe)
    assert key
    put(cache, key, program)
    (entry,) = cache.entries()
    described = msgspec.structs.replace(read_sidecar(entry.folder), seal="")  # it does not know the key
    (entry.folder / "entry.json").write_bytes(described.encode())
    assert cache.find(key)[0] is not None, "it would be taken"
    result = api.run(cell, out_dir=tmp_path / "out").result
    assert (result.status, result.from_cache) == ("ok", False)
    assert "and you did not build it here" in (tmp_path / "out" / "events.jsonl").read_text()
    assert not executed.exists()
    with (tmp_path / "planted.pt2").open("rb") as file:
        try:
            torch.export.load(file)
        except Exception as error:
            print(error)  # what it makes of the inputs afterwards does not matter
    assert executed.exists(), "it is executed where it is loaded"
