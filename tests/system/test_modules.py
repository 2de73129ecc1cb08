"""Modules are found by name, without importing them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from etbench.system.modules import Module, find_module, import_folders, locate, look_again


def test_the_longest_part_of_a_name_that_is_a_module_is_found(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, name in ((one, "a.py"), (two, "b.py")):
        (folder / "shared").mkdir(parents=True)  # a namespace package in two places
        (folder / "shared" / name).write_text("raise SystemExit('imported')\n")
    path = [str(one), str(two)]
    shared = Module("shared", None, [str(one / "shared"), str(two / "shared")])
    assert locate("shared", path) == (shared, [])
    assert locate("shared.c.net", path) == (shared, ["c", "net"])
    assert locate("shared.b.Net.method", path) == (
        Module("shared.b", two / "shared" / "b.py", []),
        ["Net", "method"],
    )
    assert find_module("shared.a", path) == one / "shared" / "a.py"
    assert find_module("shared.a.net", path) is None
    assert import_folders("shared", path) == [one, two]
    assert not any(name.startswith("shared") for name in sys.modules)


def test_a_module_that_is_built_into_python_has_no_file() -> None:
    assert locate("sys.exit", []) == (Module("sys", None, []), ["exit"])
    assert (find_module("sys", []), import_folders("sys", [])) == (None, [])


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert locate("no_such_module.net", [str(tmp_path)]) == (None, ["no_such_module", "net"])
    assert import_folders("no_such_module", [str(tmp_path)]) == []


def test_several_threads_can_look_again_at_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    interval = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(interval))
    sys.setswitchinterval(1e-6)

    def look(number: int) -> None:
        sys.path_importer_cache[str(tmp_path / f"{number}.zip")] = None  # as of an entry that does not exist
        look_again()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(look, range(2_000)))
    assert find_module("appeared", [str(tmp_path)]) is None
    (tmp_path / "appeared.py").touch()
    look_again()
    assert find_module("appeared", [str(tmp_path)]) == tmp_path / "appeared.py"
