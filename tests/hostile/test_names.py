"""Names that are too long or not texts: refused before any work, or written under a shorter name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from made_results import make_result

from etbench.config import parse
from etbench.config.sections import FileName, Name, Target
from etbench.errors import ConfigError
from etbench.preflight.compose import compose
from etbench.results.files.store import read_result, write_result
from etbench.results.schema import Result
from etbench.system import files
from etbench.system.files import LONGEST_STEM

__all__ = ["make_result"]

MakeResult = Callable[..., Result]


@pytest.mark.parametrize("kind", [Name, FileName, Target], ids=["Name", "FileName", "Target"])
@pytest.mark.parametrize("ending", ["\n", "\0", "\x1b[31m", "/", "\r"])
def test_a_name_with_a_control_character_is_refused(kind: type, ending: str) -> None:
    assert msgspec.convert("some.name", kind) == "some.name"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(f"some.name{ending}", kind)


def test_names_that_do_not_fit_a_file_name_are_refused_at_composition() -> None:
    config = compose(["model=resnet18"]).config
    fitting = LONGEST_STEM - len("_fp32_xnnpack")

    def named(model: str, delegate: str = "xnnpack") -> str:
        sections = {
            name: config[name] | {"name": new} for name, new in (("model", model), ("delegate", delegate))
        }
        return parse(config | sections).stem

    with pytest.raises(ConfigError, match=r"model\.name=x{300}: expected a text of length <= 120"):
        named("x" * 300)
    assert len(named("x" * 100, "y" * (fitting - 93))) == LONGEST_STEM
    with pytest.raises(
        ConfigError, match=rf"together {LONGEST_STEM + 1} characters.* may have {LONGEST_STEM}"
    ):
        named("x" * 100, "y" * (fitting - 92))


@pytest.mark.parametrize("stem", ["x" * 300, "é" * 200, "😀" * 100, "bad\udcffbytes"])
def test_a_result_is_written_under_a_shorter_name_instead_of_lost(
    stem: str, tmp_path: Path, make_result: MakeResult
) -> None:
    result = make_result(pte_file="x.pte")
    paths = [write_result(result, tmp_path, stem) for _ in range(3)]
    assert len(set(paths)) == 3
    for path in paths:
        assert len(os.fsencode(path.name)) < 200
        assert read_result(path).rounds == result.rounds
        (tmp_path / str(read_result(path).pte_file)).touch()  # its program has a name that fits, too
    assert stem[:20] in paths[0].name.replace("?", "\udcff")


def test_a_result_is_written_where_a_file_system_refuses_its_name(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def strict(source: Path, target: Path) -> None:
        if len(os.fsencode(target)) - len(os.fsencode(tmp_path)) > 40:
            raise OSError(36, "File name too long")
        link(source, target)

    def touch(path: Path, **_: object) -> None:
        raise OSError(36, "File name too long")

    monkeypatch.setattr(files.os, "link", strict)
    monkeypatch.setattr(Path, "touch", touch)
    result = make_result()
    path = write_result(result, tmp_path, "a" * 100)
    assert path.name == f"cell-{result.cell_id}.json"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_identifier_from_a_file_names_no_other_folder(tmp_path: Path, make_result: MakeResult) -> None:
    (tmp_path / "in" / "cell-..").mkdir(parents=True)
    for _ in range(2):
        path = write_result(make_result(cell_id="../../outside"), tmp_path / "in", "cell")
    assert path.parent == tmp_path / "in"
    assert path.name == "cell-______outside.json"


def test_bytes_of_a_path_that_are_not_utf8_are_escaped_in_its_result(
    tmp_path: Path, make_result: MakeResult
) -> None:
    raw = b"\xff.pte".decode(errors="surrogateescape")
    result = make_result(command=[f"model.path={raw}"], config={"model": {"path": raw}})
    read = read_result(write_result(result, tmp_path, "cell"))
    assert read.command == [r"model.path=\udcff.pte"]
    assert read.config == {"model": {"path": r"\udcff.pte"}}
    assert msgspec.structs.replace(read, command=[], config={}) == msgspec.structs.replace(
        result, command=[], config={}
    )
