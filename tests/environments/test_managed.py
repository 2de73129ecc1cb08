"""Managed environments: their names, what is installed in them, and how they go."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from other_python import other_python
from running import status_of

from etbench.environments import interpreter, managed_names
from etbench.environments.managed import Environment, create, environments, remove
from etbench.environments.names import COMPLETE, environments_folder
from etbench.environments.requirements import environment_name, requirements_of
from etbench.errors import EtbenchError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path / "cache"))


def _complete(name: str, requirements: list[str]) -> Path:
    folder = environments_folder() / name
    folder.mkdir(parents=True)
    other_python(folder, packages=())
    described = Environment(
        name=name,
        requirements=requirements,
        python="3.11.7",
        libraries={"executorch": "1.4.1"},
        bytes=5,
        created_at="2026-01-01T00:00:00+00:00",
    )
    (folder / COMPLETE).write_bytes(msgspec.json.encode(described))
    return folder


def test_everything_but_what_is_named_has_the_version_that_is_here() -> None:
    found = requirements_of(["executorch==1.4.1", "torchao==0.17.*"])
    assert {"executorch==1.4.1", "torchao==0.17.*", f"numpy=={version('numpy')}"} <= set(found)
    assert f"torch=={version('torch').partition('+')[0]}" in found
    assert {"litert-torch", "ai-edge-quantizer"} <= set(requirements_of(["litert"]))
    assert "litert-torch==0.10.0" in requirements_of(["litert==0.10.0"])


def test_with_another_torch_what_belongs_to_it_is_not_pinned() -> None:
    found = requirements_of(["executorch==1.3.1", "torch==2.12.*"])
    assert "torch==2.12.*" in found
    assert not [text for text in found if text.startswith(("torchvision", "torchao"))]


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (["executorch==1.3.1"], r"1\.3\.1 does not load with torch .* it needs torch 2\.12"),
        (["--index-url=http://example"], "is not a requirement"),
        (["executorch @ file:///x"], "is not a requirement"),
    ],
)
def test_what_cannot_be_installed_is_refused_before_anything_is_downloaded(
    named: list[str], words: str
) -> None:
    with pytest.raises(EtbenchError, match=words):
        requirements_of(named)


def test_an_environment_is_named_after_what_it_is_made_for() -> None:
    assert [environment_name([text]) for text in ("executorch==1.4.1", "litert", "torch>=2.12")] == [
        "executorch-1.4.1",
        "litert",
        "torch-2.12",
    ]


def test_an_environment_is_complete_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    (environments_folder() / "executorch-1.3.1").mkdir(parents=True)
    folder = _complete("executorch-1.4.1", ["executorch==1.4.1"])
    assert managed_names() == ["executorch-1.4.1"]
    os.utime(folder / COMPLETE, (0, 0))
    assert interpreter("executorch-1.4.1") == str(folder / "bin" / "python")
    assert environments()[0].used_s > 0, "it was used now"
    monkeypatch.chdir(environments_folder())  # a folder of that name is not meant
    with pytest.raises(
        EtbenchError, match=r"did you mean 'executorch-1\.4\.1'.*create executorch==1\.3\.1.*\./exec"
    ):
        interpreter("executorch-1.3.1")


def test_one_that_is_complete_is_not_made_again_and_not_replaced() -> None:
    _complete("mine", ["executorch==1.4.1"])
    assert create("mine", ["executorch==1.4.1"], tell=print).bytes == 5
    with pytest.raises(EtbenchError, match="environment mine of other packages"):
        create("mine", ["executorch==1.5.0"], tell=print)


def test_removing_takes_named_ones_and_those_that_were_not_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = {name: _complete(name, []) for name in ("old", "new", "mine")}
    (environments_folder() / "broken").mkdir()
    os.utime(folders["old"] / COMPLETE, (0, 0))
    with pytest.raises(EtbenchError, match=r"mni: no such environment \(did you mean 'mine'\?\)"):
        remove(["mine", "mni"])
    assert status_of("env", "remove", "mine", "broken", "--unused-for", "30") == 0
    assert capsys.readouterr().out == "removed 3 environments: mine, broken, old\n"
    assert status_of("env", "list") == 0
    listed = capsys.readouterr().out
    assert "new" in listed and "executorch 1.4.1" in listed and "mine" not in listed


@pytest.mark.long
def test_without_an_index_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert status_of("env", "create", "executorch==1.4.1") == 2
    assert "an environment is made from a package index, once" in capfd.readouterr().err
    assert managed_names() == []
