"""A YAML file of the user that is broken is an error of that file and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.errors import ConfigError
from etbench.preflight.command_line import check_command_line

HEAD = "_target_: tiny_models.tiny\nname: mine\n"
REST = "type: test\nrecommended: {runs: 5, warmup: 1}\n"


def _faults(folder: Path, body: str | bytes, *more: str) -> list[str]:
    """Return the faults of a command line with this file as its model, without the folder's own path."""
    file = folder / "model" / "mine.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(body if isinstance(body, bytes) else body.encode())
    flags = [text for text in more if text.startswith("-")]
    values = [text for text in more if not text.startswith("-")]
    with pytest.raises(ConfigError) as caught:
        check_command_line([*flags, "--config-dir", str(folder), "model=mine", *values])
    return [fault.replace(f"{folder}/", "") for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("- a\n- b\n", "model/mine.yaml:1: is a list; it must consist of keys with values"),
        ("", "model/mine.yaml: is empty"),
        (f"{HEAD}\ttype: test\n", "model/mine.yaml:3: a tab; YAML is indented with spaces"),
        (f"{HEAD}name: again\n{REST}", "model/mine.yaml:3: found duplicate key name"),
        (f"{HEAD}type: [test\n", "model/mine.yaml:4: expected ',' or ']'"),
        (f"{HEAD}# na".encode() + b"\xefve\n", "model/mine.yaml:3: is not UTF-8: byte 0xef"),
        (f"{HEAD}type: test\n", "model/mine.yaml: has no key 'recommended', such as `recommended: {runs: 50"),
        (f"# @package a b\n{HEAD}{REST}", "model/mine.yaml: Too many components in '@package a b'"),
        (f"{HEAD}{REST}width: ${{no.such.key}}\n", "model.width: Interpolation key 'no.such.key' not found"),
        (f"{HEAD}{REST}defaults: [nothing]\n", "In 'model/mine': Could not load 'model/nothing'."),
    ],
    ids=[
        "list",
        "empty",
        "tab",
        "duplicate",
        "unclosed",
        "latin",
        "lacking",
        "header",
        "reference",
        "defaults",
    ],
)
def test_a_broken_file_is_one_fault_with_its_place(body: str | bytes, fault: str, tmp_path: Path) -> None:
    (found,) = _faults(tmp_path, body)
    assert found.startswith(fault)


def test_a_sweep_is_refused_with_the_same_words(tmp_path: Path) -> None:
    (found,) = _faults(tmp_path, "- a\n", "-m", "precision=fp32,int8")
    assert found.startswith("model/mine.yaml:1: is a list")


def test_other_faults_are_reported_with_it_and_its_own_keys_are_not(tmp_path: Path) -> None:
    faults = _faults(tmp_path, "- a\n", "threads=0", "model.width=3")
    assert [fault.partition(":")[0] for fault in faults] == ["model/mine.yaml", "threads=0"]


def test_a_file_that_another_one_takes_its_defaults_from_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "base.yaml").write_text(f"{HEAD}\t{REST}")
    (fault,) = _faults(tmp_path, "defaults: [base]\nname: mine\n")
    assert fault.startswith("model/base.yaml:3: a tab")


def test_a_required_key_may_come_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(f"{HEAD}type: test\n")
    check_command_line(
        ["--config-dir", str(tmp_path), "model=mine", "+model.recommended={runs: 5, warmup: 1}"]
    )


def test_a_primary_config_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="Cannot find primary config 'mine'"):
        check_command_line(["--config-name", "mine"])
