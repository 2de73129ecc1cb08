"""Functions that a `_target_` names are looked up in their sources; nothing is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from etbench.config.component import instantiate
from etbench.config.target import name_fault, options_fault
from etbench.errors import EtbenchError

NETS = """
raise SystemExit("imported")  # which nothing here does
"""
DEFINITIONS = """
import functools
import torch as other
from .blocks import Block, conv as convolution
try:
    import fast
except ImportError:
    def fallback(): ...

def net(width, *, depth=2): ...
async def later(): ...
def anything(**options): ...
@functools.cache
def cached(width): ...
class Net:
    def __init__(self, width): ...
class Inherits(Net): ...
alias = net
left, right = net, net
if left:
    def chosen(a): ...
else:
    def chosen(b): ...
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user, on the path of modules."""
    folder = tmp_path / "nets_of_a_user"
    folder.mkdir()
    (folder / "__init__.py").write_text(NETS)
    (folder / "models.py").write_text(DEFINITIONS)
    (folder / "blocks.py").write_text("def conv(kernel): ...\nclass Block: ...\n")
    (folder / "dynamic.py").write_text("globals()['made'] = print\n")
    (folder / "starred.py").write_text("from os.path import *\n")
    (folder / "broken.py").write_text("x = 1\ndef net(:\n")
    (folder / "latin.py").write_bytes(b"def net(): ...\n\nname = 'caf\xe9'\n")
    (tmp_path / "in_a_namespace").mkdir()
    (tmp_path / "in_a_namespace" / "models.py").write_text("def net(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        *("models.net", "models.later", "models.Net", "models.fallback", "models.alias", "models.right"),
        *("models.convolution", "models.Block", "models.other", "models.Net.method", "models.fast"),
        *("dynamic.made", "starred.anything"),
    ],
)
def test_a_name_that_its_module_has_or_may_have_is_no_fault(name: str, package: Path) -> None:
    assert name_fault(f"{package.name}.{name}") is None
    assert not any(module.startswith(package.name) for module in sys.modules), "it was imported"


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("no_such_module.net", "there is no module 'no_such_module'; is its folder on PYTHONPATH?"),
        ("{}.models.nte", "module '{}.models' has no 'nte' (did you mean 'net'?)"),
        ("{}.mod3ls.net", "module '{}' has no 'mod3ls'"),
        ("{}.models", "'{}.models' is a module; add the name of a function in it"),
        ("in_a_namespace.models.nets", "module 'in_a_namespace.models' has no 'nets' (did you mean 'net'?)"),
    ],
)
def test_a_name_that_does_not_exist_is_a_fault(target: str, fault: str, package: Path) -> None:
    assert name_fault(target.format(package.name)) == fault.format(package.name)


def test_a_module_that_is_not_python_is_named_with_its_line(package: Path) -> None:
    assert name_fault(f"{package.name}.broken.net") == f"{package / 'broken.py'}:2: invalid syntax"
    fault = name_fault(f"{package.name}.latin.net")
    assert fault is not None and fault.startswith(f"{package / 'latin.py'}:") and "utf-8" in fault


def test_only_a_module_that_is_not_found_asks_for_pythonpath(package: Path) -> None:
    for target in (f"{package.name}.models.nte", f"{package.name}.broken.net", f"{package.name}.x.net"):
        assert "PYTHONPATH" not in str(name_fault(target))


def test_modules_of_the_current_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_the_command.py").write_text("def net(): ...\n")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".")])
    assert name_fault("beside_the_command.net") is not None
    monkeypatch.chdir(tmp_path)
    assert name_fault("beside_the_command.net") is None


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("net", ["width"], None),
        ("net", ["width", "depth"], None),
        ("net", [], "missing a required argument: 'width'"),
        ("net", ["width", "dpeth"], "unknown option 'dpeth' (did you mean 'depth'?)"),
        ("later", ["x"], "unknown option 'x'"),
        ("anything", ["x"], None),
        ("Net", ["width"], None),
        ("Net", ["width2"], "unknown option 'width2' (did you mean 'width'?)"),
        ("convolution", ["kernel"], None),
        ("convolution", ["size"], "unknown option 'size'"),
    ],
)
def test_options_are_compared_with_the_signature(
    name: str, options: list[str], fault: str | None, package: Path
) -> None:
    expected = None if fault is None else f"does not accept these options: {fault}"
    assert options_fault(f"{package.name}.models.{name}", options) == expected


@pytest.mark.parametrize("name", ["cached", "Inherits", "Block", "alias", "chosen", "other", "Net.method"])
def test_a_signature_that_the_source_does_not_show_is_not_called_wrong(name: str, package: Path) -> None:
    assert options_fault(f"{package.name}.models.{name}", ["no", "such"]) is None


def test_an_edited_module_is_read_again(package: Path) -> None:
    assert name_fault(f"{package.name}.models.added") is not None
    (package / "models.py").write_text("def added(): ...\n")
    assert name_fault(f"{package.name}.models.added") is None


def test_a_module_whose_import_fails_is_not_said_to_be_missing() -> None:
    with pytest.raises(EtbenchError) as caught:
        instantiate("imports_missing.model", {}, stage="load")
    assert caught.value.message == (
        "cannot import _target_=imports_missing.model: importing imports_missing raised "
        "ModuleNotFoundError: No module named 'no_such_package'"
    )
    assert not caught.value.hint
