"""Hostile texts in real result files: no surface takes one for a command, and no writer goes around that."""

from __future__ import annotations

import ast
import csv
import functools
import io
import re
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import etbench
from etbench.cli.main import main
from etbench.events import Failure
from etbench.measure.pass_results import Operator, Profile
from etbench.results.charts import draw_all
from etbench.results.files.store import write_result
from etbench.results.schema import Finding, Result

MakeResult = Callable[..., Result]
PACKAGE = Path(etbench.__file__).parent

NAMES = (
    "=cmd|'/c calc'!A0",
    "@SUM(A1)",
    "+1",
    "-1+2",
    "::error::a",
    "a\n### passed\n::error::b",
    "##[group]c",
    "[red]d[/red] [link=https://evil.example]e[/link]",
    "\x1b]0;owned\x07\x1b[31m\x9b\x00f",
    "<img src=x onerror=alert(1)> <script>alert(1)</script>",
    "[g](https://evil.example) www.evil.example @team #12 |`h`|",
    "]]> &lt;!-- \ufffe i",
    "z" * 100_000,
)
OTHER = "\x1b[2J @team\n::error::o <script>alert(2)</script>"  # in all other texts


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of result files with hostile texts wherever a text may be."""
    base, new = (tmp_path_factory.mktemp(name) for name in ("base", "new"))
    return base, new


@pytest.fixture(autouse=True)
def _files(folders: tuple[Path, Path], make_result: MakeResult) -> None:
    """Write the files of `folders` once."""
    for night, folder in enumerate(folders, 1):
        if any(folder.iterdir()):
            continue
        for number, result in enumerate(_hostile(make_result, f"2026-01-0{night}T00:00:00+00:00")):
            write_result(result, folder, str(number))
        (folder / "evil\x1b[31m.json").write_text("{\x1b}")


def _hostile(make_result: MakeResult, created_at: str) -> Iterator[Result]:
    profile = Profile(
        execute_ms=2.0,
        elsewhere_ms=1.0,
        inferences=3,
        operators=[Operator(name=name, kind=OTHER, instruction=0, mean_ms=1.0, share=0.5) for name in NAMES],
    )
    finding = Finding(code="parity.low", severity="warning", message=OTHER, cure=OTHER)
    for name in NAMES:
        yield make_result(model=name, created_at=created_at, findings=[finding], profile=profile)
        yield make_result(model=name, precision="int8", created_at=created_at, p50=5.0)
    failure = Failure(stage=OTHER, kind=OTHER, message=OTHER, hint=OTHER, traceback=OTHER, where=OTHER)
    yield make_result(
        model=NAMES[0], precision=OTHER, created_at=created_at, status="failed", failure=failure, rounds=[]
    )


def _printed(capsys: pytest.CaptureFixture[str], arguments: Sequence[object]) -> tuple[str, str]:
    """Run a command that reads results and return what it printed."""
    main(list(map(str, arguments)))
    printed = capsys.readouterr()
    return printed.out, printed.err


def _check_lines(text: str) -> None:
    """Check what is printed: no control character, no workflow command of GitHub."""
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)[:200]
        assert not line.lstrip().startswith("::"), line[:200]
        assert "##[" not in line, line[:200]


def _check_markdown(text: str, *, headings: int) -> None:
    text = text.replace("\u200b", "\0")
    assert len(re.findall(r"^#+ ", text, re.MULTILINE)) == headings
    assert not re.search(r"^(?:### passed|::)", text, re.MULTILINE)
    assert not re.search(r"<(?!details>|summary>|/details>|/summary>)[a-z/!]", text)
    assert not re.search(r"://|\bwww\.|@\w|#\d", text), "a link, a mention or a reference"
    assert not re.search(r"(?<!\\)\]\(", text)
    _check_lines(text.replace("\0", ""))
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def _check_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) > len(NAMES)
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert cell.replace("\n", "").isprintable()
        assert not re.match(r"[=@+]|-(?!\d+(\.\d+)?(e-?\d+)?$)", cell), cell[:200]
    assert any(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in rows[1]), "numbers stay numbers"


def test_terminal_tables(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    base, new = folders
    for arguments in (["show", new], ["history", base, new], ["compare", base, new]):
        out, err = _printed(capsys, arguments)
        _check_lines(out + err)
        assert "[red]d[/red]" in out, "a markup of rich is a text"
        assert "evil\\x1b[31m.json" in err or arguments[0] == "history"


def test_markdown_tables(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    base, new = folders
    for arguments, headings in (
        (["show", new], 0),
        (["history", base, new], 0),
        (["compare", base, new], 1),
        (["report", new], 1),
    ):
        out, err = _printed(capsys, [*arguments, "--format", "markdown"])
        _check_markdown(out, headings=headings)
        _check_lines(err)


def test_files_for_spreadsheets(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, new = folders
    _check_csv(_printed(capsys, ["show", new, "--format", "csv"])[0])
    _printed(capsys, ["aggregate", new, "-o", tmp_path])
    full = ("results", "precision_comparison", "ranking", "pivot", "profile", "delegation")
    for name in full:
        _check_csv((tmp_path / f"{name}.csv").read_text())


def test_formats_of_ci_systems(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, new = folders
    out, _ = _printed(
        capsys, ["compare", base, new, "--format", "github", "-o", f"junit={tmp_path / 'j.xml'}"]
    )
    first, rest = out.split("\n", 1)
    table, commands = rest.split(f"\n::{first.removeprefix('::stop-commands::')}::\n")
    _check_lines(table)
    for line in commands.splitlines():
        assert re.match(r"::(error|warning|notice) title=etbench%3A [\w -]+::", line), line[:200]
        assert line.isprintable()
    suite = ElementTree.parse(tmp_path / "j.xml").find("testsuite")
    assert suite is not None
    assert {case.tag for case in suite} == {"testcase"}
    assert "passed" not in {case.get("name") for case in suite}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_pages_and_pictures(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, new = folders
    _printed(capsys, ["report", new, "-o", tmp_path / "report.html"])
    tags = _Tags()
    tags.feed((tmp_path / "report.html").read_text())
    assert not [tag for tag, _ in tags.found if tag in ("img", "iframe", "object")]
    assert sum(tag == "script" and "type" not in attributes for tag, attributes in tags.found) == 2
    assert not [one for one in tags.found if any(name.startswith("on") for name in one[1])]

    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "precision_bars.svg").symlink_to(victim)
    assert main(["charts", str(new), "-o", str(tmp_path), "--format", "svg"]) == 0
    assert main(["history", str(base), str(new), "-o", str(tmp_path)]) == 0
    drawn = {path.stem for path in tmp_path.glob("*.svg")}
    assert {"precision_bars", "speedup_bars", "operator_bars", "round_boxes"} <= drawn
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    _check_csv((tmp_path / "history.csv").read_text())
    assert victim.read_text() == "untouched", "a link in a received folder leads nowhere"
    for path in tmp_path.glob("*.svg"):
        assert {one.tag.rpartition("}")[2] for one in ElementTree.parse(path).iter()} <= {
            *("svg", "g", "path", "text", "rect", "line", "defs", "clipPath", "style", "tspan", "title"),
        }


def test_a_chart_that_cannot_be_drawn_costs_no_other(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make_result: MakeResult,
) -> None:
    def charts(results: Sequence[Result]) -> object:
        drawn = dict(list(draw_all(results).items())[:2])
        first = next(iter(drawn))
        return {first: drawn[first].properties(title="a\x1b[31m"), **dict(list(drawn.items())[1:])}

    monkeypatch.setattr("etbench.results.charts.draw_all", charts)
    write_result(make_result(), tmp_path, "a")
    write_result(make_result(precision="int8"), tmp_path, "b")
    assert main(["charts", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "the chart precision_bars cannot be drawn as png: the process that draws was ended" in printed.err
    assert [Path(line).name for line in printed.out.splitlines()] == ["delegate_bars.png"]
    assert (tmp_path / "delegate_bars.png").exists()
    assert not (tmp_path / "precision_bars.png").exists()


# What writes to a surface, and the only modules that may: they escape.
WRITERS = {
    r"\bcsv\.(?:writer|DictWriter)\(|\.to_csv\(": ("results/tables/spreadsheet.py",),
    r"\bTable\(": (
        "terminal/fitting.py",
        "sweep/view.py",
        "config/program_head.py",
    ),  # the last is flatbuffers'
    r"\bfrom_markup\(|rich\.markup|\bmarkup=True": (),
    r"\bvl_convert\b": ("drawing/child.py", "results/report/vega.py"),  # the latter bundles a constant script
    r"\w*chart\w*\.save\(|\.save\([^)]*(?:ppi|png|svg)": (),
    r"\bhtml\.escape\(|\bfrom html import": ("escaping.py",),
    r"autoescape=False|\|\s*safe\b|Markup\(": (),
}


@pytest.mark.parametrize("pattern", WRITERS)
def test_no_module_writes_to_a_surface_by_other_means(pattern: str) -> None:
    found = {name for name, text in _modules().items() if re.search(pattern, text)}
    found -= {*WRITERS[pattern]}
    assert not {name for name in found if re.search(pattern, _code(name))}


def test_no_module_makes_a_row_of_markdown_itself() -> None:
    # The second writes a page of docs/ from the code, the third has pipes of a shell.
    own = {"escaping.py", "results/analysis/reference.py", "devices/board.py"}
    found = set()
    for name, text in _modules().items():
        if not re.search(r"""f["'].*\| """, text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.JoinedStr):
                texts = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
                if any(text.startswith("| ") or " | " in text for text in texts):
                    found.add(name)
    assert found <= own


def test_what_is_printed_about_results_goes_through_the_console() -> None:
    """The functions of `terminal.streams` and `terminal.fitting` escape; `print` does not."""
    raw = r"(?<![\w.])print\(|onsole\.print\("
    found = {name for name, text in _modules().items() if name.startswith(("terminal/", "sweep/"))}
    found = {name for name in found if re.search(raw, _code(name))}
    assert found <= {"terminal/streams.py", "terminal/fitting.py"}


@functools.cache
def _modules() -> dict[str, str]:
    """Return the text of each module of etbench."""
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def _code(name: str) -> str:
    """Return the text of a module without comments and docstrings."""
    tree = ast.parse(_modules()[name])
    for node in ast.walk(tree):
        match getattr(node, "body", None):
            case [ast.Expr(value=ast.Constant() as docstring), *_]:
                docstring.value = ""
    return ast.unparse(tree)
