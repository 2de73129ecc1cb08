"""A comparison as CI systems read it: what fails, what is skipped, and that no name breaks out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from etbench.cli.main import main
from etbench.results.comparison.compare import CellFault, Comparison, compare_results
from etbench.results.comparison.formats import github_annotations, junit_xml, markdown
from etbench.results.comparison.gate import Violation
from etbench.results.files.store import write_result
from etbench.results.schema import CellComparison, Result

DECISIONS = {"slow": "regression", "even": "passed", "noisy": "undecided"}
HOSTILE = "x\r\n::error::y ##[error]z %0A <b>|`a`|</b> ]]> &amp; \x1b[31m\x00\u202e\ud800"


def _cell(model: str, decision: str) -> CellComparison:
    return CellComparison(
        model=model,
        precision="fp32",
        delegate="xnnpack",
        base_ms=2.0,
        new_ms=2.5,
        how="in turn",
        ratio=1.25,
        low=1.2,
        high=1.3,
        verdict="slower",
        regression=decision == "regression",
        decision=decision,
        threshold=0.05,
        advice="measure more" if decision == "undecided" else "",
    )


@pytest.fixture
def every_kind() -> Comparison:
    """One cell of each kind, and one that passed and meets a condition."""
    violation = Violation(
        cell="big fp32 xnnpack",
        condition="pte_bytes>+2%",
        base=100.0,
        new=200.0,
        change=100.0,
        message="100 to 200 (+100%)",
    )
    return Comparison(
        threshold=0.05,
        cells=[*(_cell(*one) for one in DECISIONS.items()), _cell("big", "passed")],
        only_base=["gone fp32 xnnpack"],
        only_new=["added fp32 xnnpack"],
        failing=[CellFault(cell="broken (v2) fp32 xnnpack", why="failed: no such op (add)")],
        not_measured=[CellFault(cell="left fp32 xnnpack", why="skipped: no runtime")],
        wrong=[CellFault(cell="odd fp32 xnnpack", why="parity.output_lost: noise")],
        violations=[violation],
    )


def _hostile() -> Comparison:
    return Comparison(
        threshold=0.05,
        cells=[_cell(HOSTILE, "regression")],
        only_base=[HOSTILE],
        only_new=[],
        failing=[CellFault(cell="broken", why=HOSTILE)],
    )


def test_junit_fails_what_fails_and_skips_what_is_open(every_kind: Comparison) -> None:
    suite = ElementTree.fromstring(junit_xml(every_kind, every_kind.outcome())).find("testsuite")
    cases = {case.get("name", "").split()[0]: case[0].tag for case in suite if len(case) == 1}
    failing = ("slow", "big", "gone", "broken", "left", "odd")
    assert cases == {
        **dict.fromkeys(failing, "failure"),
        **dict.fromkeys(("noisy", "added"), "skipped"),
        "even": "system-out",
    }
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "9", "failures": "6", "skipped": "2", "errors": "0"}
    types = {case.get("name", "").split()[0]: case.find("failure") for case in suite}
    assert [types[name].get("type") for name in failing] == [
        *("regression", "condition met", "missing", "failed", "missing", "wrong"),
    ]
    assert types["broken"].text == "failed: no such op (add)"
    assert suite.find("./testcase[@name='broken (v2) fp32 xnnpack']/failure") is types["broken"]
    assert types["big"].text.startswith("pte_bytes>+2%: 100 to 200 (+100%)\n2 to 2.5 ms, a ratio of 1.250")
    assert "measure more" in suite.find("./testcase[@name='noisy fp32 xnnpack']/skipped").get("message")
    assert suite.find("./testcase[@name='slow fp32 xnnpack']").get("time") == "0.002500000"


def test_github_annotates_what_sets_the_status_as_errors(every_kind: Comparison) -> None:
    def levels(*allow: str) -> dict[str, str]:
        lines = github_annotations(every_kind, every_kind.outcome(allow))
        found = (re.fullmatch(r"::(\w+) title=etbench%3A [\w -]+::(\w+) .*", line) for line in lines)
        return {one[2]: one[1] for one in found}

    errors = ("broken", "odd", "gone", "left", "slow", "big", "noisy")
    assert levels() == {**dict.fromkeys(errors, "error"), "added": "notice"}
    assert list(levels())[:3] == ["broken", "odd", "gone"], "GitHub shows the first ten only"
    allowed = levels("missing", "undecided")
    assert {name for name, level in allowed.items() if level == "warning"} == {"gone", "left", "noisy"}


def test_what_is_allowed_is_no_failure_of_junit(every_kind: Comparison) -> None:
    suite = ElementTree.fromstring(junit_xml(every_kind, every_kind.outcome(["missing"]))).find("testsuite")
    skipped = {case.get("name", "").split()[0] for case in suite if case.find("skipped") is not None}
    assert skipped == {"noisy", "added", "gone", "left"}


def test_a_program_that_did_not_change_is_named(make_result: Callable[..., Result]) -> None:
    comparison = compare_results([make_result()], [make_result()], threshold=0.05)
    assert "- the same program as the baseline's: resnet18 fp32 xnnpack" in markdown(
        comparison, comparison.outcome()
    )


def test_no_name_breaks_out_of_the_xml() -> None:
    text = junit_xml(_hostile(), _hostile().outcome())
    assert text.encode("utf-8")
    suite = ElementTree.fromstring(text).find("testsuite")
    assert [case.tag for case in suite] == 3 * ["testcase"]
    for case in suite:
        assert [part.tag for part in case] == ["failure"]
    assert suite[0].find("failure").text.startswith("x\\r\n::error::y"), "its lines stay"


def test_no_name_breaks_out_of_an_annotation() -> None:
    lines = list(github_annotations(_hostile(), _hostile().outcome()))
    assert len(lines) == 3
    for line in lines:
        assert line.isprintable()
        assert line.startswith("::error title=etbench%3A ")
        assert "%250A" in line, "a percent sign of a name is not an escape"


def test_no_name_breaks_out_of_the_markdown() -> None:
    text = markdown(_hostile(), _hostile().outcome())
    assert text.encode("utf-8")
    assert all(line.isprintable() for line in text.split("\n"))
    assert "<b>" not in text
    (row,) = [line for line in text.split("\n") if line.startswith("| x")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 8, "seven columns"
    assert not any(line.startswith("::") for line in text.split("\n"))


def test_one_command_prints_annotates_and_writes(
    tmp_path: Path, make_result: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(make_result(), tmp_path / "base", "a")
    write_result(make_result(model="::error::a"), tmp_path / "base", "b")
    write_result(make_result(pte_bytes=2_000), tmp_path / "new", "a")
    summary, junit = tmp_path / "summary.md", tmp_path / "junit.xml"
    summary.write_text("of an earlier command\n")
    junit.write_text("of an earlier run")
    arguments = ["compare", str(tmp_path / "base"), str(tmp_path / "new"), "--fail-if", "pte_bytes>+2%"]
    files = ["-o", f"markdown={summary}", "-o", f"junit={junit}"]
    assert main([*arguments, "--format", "github", *files]) == 1
    lines = capsys.readouterr().out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", token)
    end = lines.index(f"::{token}::")
    assert "1 cell compared" in lines[end - 1], "the table, and what it amounts to"
    assert [line.partition(" ")[0] for line in lines[end + 1 :]] == ["::error", "::error", "::error"]
    assert summary.read_text().startswith(
        "of an earlier command\n### etbench: missing, condition met, undecided\n"
    )
    assert ElementTree.parse(junit).find("testsuite").get("failures") == "2"
    assert main([*arguments, "-o", f"markdown={tmp_path / 'none' / 'summary.md'}"]) == 2
    assert "summary.md: cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["table=x", "junit=", "junit.xml"])
def test_a_file_needs_a_format_that_can_be_written(output: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compare", "a", "b", "-o", output])
    assert "write FORMAT=FILE, with json, markdown, junit as FORMAT" in capsys.readouterr().err
