"""The program as a whole: its help, its versions, its subcommands, what a dry run lists, and completion."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import CONF, environment

from etbench.cli.about import version_text
from etbench.cli.commands import COMMANDS
from etbench.cli.main import main
from etbench.config import Cell

HEAVY = {"torch", "executorch", "transformers", "pandas", "altair"}
CALLS = """
import contextlib, io, json, sys
from etbench.cli.main import main

answers = []
for arguments in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code
    answers.append((status, out.getvalue(), sorted(sys.modules)))
print(json.dumps(answers))
"""


def _called(*calls: list[str], cwd: Path) -> list[tuple[int, str, set[str]]]:
    """Call the program in one new process; return each status, what it printed, and all imported modules."""
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps(calls)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(status, text, set(modules)) for status, text, modules in json.loads(done.stdout)]


def test_help_and_versions_import_nothing_heavy_and_each_subcommand_has_its_help(tmp_path: Path) -> None:
    program, versions, *each = _called(
        ["--help"], ["--version"], *([name, "--help"] for name in COMMANDS if name != "run"), cwd=tmp_path
    )
    for name, command in COMMANDS.items():
        assert f"  {name} " in program[1]
        assert command.help in program[1]
    assert "executorch 1.5" in versions[1]
    assert not {*HEAVY, "hydra"} & versions[2]
    for name, (status, text, _) in zip([name for name in COMMANDS if name != "run"], each, strict=True):
        assert status == 0, name
        assert text.startswith(f"usage: etbench {name} "), name
    assert not HEAVY & each[-1][2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["reprot", "x"], "did you mean 'report'?"),
        (["resnet18"], "did you mean 'model=resnet18'?"),
        (["compare=a", "model=resnet18"], "etbench compare …"),
        (["model=resnet18", "report=a"], "etbench report …"),
        (["cache=a"], "etbench cache …"),
        (["env=a"], "etbench env …"),
        (["model=resnet18", "report", "a"], "etbench report …"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_word_that_is_no_subcommand_is_refused_with_what_was_meant(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str], _signals: None
) -> None:
    assert main(arguments) == 2
    assert expected in capsys.readouterr().err


def test_each_subcommand_that_is_also_a_key_is_among_those_words() -> None:
    assert COMMANDS.keys() & {*Cell.__struct_fields__} == {"report", "cache", "env"}


def test_a_key_that_is_right_is_not_taken_for_a_subcommand(
    capsys: pytest.CaptureFixture[str], _signals: None
) -> None:
    assert main(["env=null", "model=resnet81"]) == 2
    assert "subcommand" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["run", "--version"], ["model=resnet18", "-m", "--version"]])
def test_the_versions_are_those_of_etbench_anywhere_on_the_command_line_of_a_run(
    arguments: list[str], capsys: pytest.CaptureFixture[str], _signals: None
) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out == version_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model=resnet18", "--dryrun"], "--dryrun (did you mean '--dry-run'?)"),
        (["--dryrun", "model=resnet18", "precision=int8"], "--dryrun (did you mean '--dry-run'?)"),
        (["show", "--srot", "p50", "outputs"], "--srot (did you mean '--sort'?)"),
        (["show", "outputs", "--srot=p50"], "--srot (did you mean '--sort'?)"),
        (["cache", "prune", "--max-bg", "3"], "--max-bg (did you mean '--max-gb'?)"),
        (["upgrade", "--zzzzzz", "outputs"], "arguments: --zzzzzz\n"),
        (["env", "list", "outputs"], "arguments: outputs\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_misspelt_option_is_refused_with_the_one_that_was_meant(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str], _signals: None
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_dry_run_lists_the_cells_and_writes_nothing(tmp_path: Path) -> None:
    grid = ["--config-dir", str(CONF), "model=tiny", "precision=fp32,int8", "delegate=portable,picky"]
    ((status, text, modules),) = _called(
        ["-m", "--dry-run", *grid, f"cache.dir={tmp_path / 'cache'}"], cwd=tmp_path
    )
    assert status == 0
    rows = {line.split("  ")[0]: line for line in text.splitlines() if line.startswith("tiny ")}
    assert set(rows) == {
        f"tiny {precision} {delegate}" for precision in ("fp32", "int8") for delegate in ("portable", "picky")
    }
    assert "to build" in rows["tiny fp32 portable"]
    assert rows["tiny int8 picky"].rstrip().endswith("skipped: this test says so")
    assert "4 cells: 3 to build, 3 to time" in text
    assert "3 builds without a recorded time, 60 s assumed for each" in text
    assert f"about 180 MB in {tmp_path / 'cache'}: 3 programs of unknown size, 60 MB assumed for each" in text
    assert not HEAVY & modules
    assert not list(tmp_path.iterdir())


def test_a_dry_run_names_the_cells_that_would_find_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    grid = ["--config-dir", str(CONF), "model=tiny", f"cache.dir={tmp_path / 'cache'}"]
    ((status, text, modules),) = _called(["-m", "--dry-run", *grid, "compare_to=empty"], cwd=tmp_path)
    assert status == 0
    assert "fails: compare_to=empty: there is no measured result of tiny_fp32_xnnpack" in text
    assert "1 cell: 0 to build, 0 to time" in text
    assert not HEAVY & modules


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("etbench sho", {"show"}),
        ("etbench show --fo", {"--format"}),
        ("etbench precision=int8", {"precision=int8", "precision=int8_dynamic", "precision=int8_per_tensor"}),
    ],
)
def test_bash_completes_subcommands_options_and_overrides(
    typed: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    (tmp_path / "complete").write_text(capsys.readouterr().out)
    (program := tmp_path / "etbench").write_text(f'#!/bin/sh\nexec {sys.executable} -m etbench "$@"\n')
    program.chmod(0o755)
    ask = f"""
        PATH={tmp_path}:$PATH; COMP_WORDBREAKS=' '
        source {tmp_path / "complete"} 2> /dev/null
        compopt() {{ :; }}
        COMP_LINE={typed!r}; COMP_POINT=${{#COMP_LINE}}
        _etbench
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", ask], env=environment(), capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected
