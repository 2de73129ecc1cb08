"""What a user reads is in plain words: one test for each habit that makes a sentence hard to read.

    python tests/test_words.py [--habit NAME]… [PATH…]    # print all findings, in the whole tree or in PATH

The tests read Markdown files, the comments of `conf/`, the cells of the notebooks, and the docstrings and
messages of the code. `HABITS` has the expressions; a space in one matches any white space, so that a sentence
may wrap.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE, COMMENT, DOCSTRING, MESSAGE = "page", "comment", "docstring", "message"
SHOWN = frozenset({PAGE, COMMENT, MESSAGE})
EVERYWHERE = SHOWN | {DOCSTRING}


@dataclass(frozen=True)
class Habit:
    """A way to put things that is hard to read, with what to write instead."""

    name: str
    pattern: str
    instead: str
    bad: tuple[str, ...]
    good: tuple[str, ...] = ()
    kinds: frozenset[str] = EVERYWHERE

    @functools.cached_property
    def expression(self) -> re.Pattern[str]:
        """The pattern with any white space for a space, and exactly one where it looks behind."""
        behind = re.sub(r"\(\?<[=!][^()]*\)", lambda found: found[0].replace(" ", r"\s"), self.pattern)
        return re.compile(behind.replace(" ", r"\s+"))


UNITS = (
    "batch|block|call|cell|channel|chart|column|core|device|event|experiment|family|file|group|host|image|inference"
    "|job|key|kind|layer|line|machine|minute|model|node|operator|pair|phase|picture|precision|process|program|result"
    "|round|row|run|sample|second|sentence|session|stage|step|sweep|test|thread|token|turn|user|word"
)
COUNTED = (
    "batches|blocks|cells|columns|devices|entries|errors|events|faults|files|keys|layers|lines|models|operators|pairs"
    "|processes|programs|results|rounds|rows|runs|samples|stages|subgraphs|tests|threads|tokens|warnings"
)
BE = "is|are|was|were|does|do|did|has|have|can|will|must"
BEFORE = "Above|Among|Behind|Below|Beside|Between|Next to|Under"

HABITS = [
    Habit(
        "is no X",
        r"(?<![Tt]here )(?<![Hh]ere )\b(?:is|are|was|were) (?:no(?! (?:longer|more|less|fewer|later|matter"
        r"|different|better|worse|faster|slower|larger|smaller|bigger|need|use)\b)\b|none\b)",
        "is not a (valid) X; there are no X",
        ("12x is no number", "these are no programs", "which is none of them"),
        ("there is no program", "it is no longer needed", "there are none", "it is None"),
    ),
    Habit(
        "has to be",
        r"(?i)\b(?:has|have|had|having) to be\b|\b(?:to|can|cannot|can't|could|may|not) be had\b"
        r"|\bis to be (?:given|found|seen)\b",
        "must be; is required; is (not) available",
        ("it has to be given", "weights that cannot be had", "where they are not to be had"),
        ("it must be given", "it has to wait"),
    ),
    Habit(
        "tell, said",
        r"(?i)(?<![`.])\b(?:(?:tells|told|telling|(?<!to )tell|(?<=to )tell(?!\Z|[.,;)]))\b(?![`:=(])"
        r"(?! (?:(?!how|what|that|when|where|whether|which|who|why)[^\s.,]+ ){0,6}apart\b)"
        r"|said\b(?! (?:to|otherwise)\b)|(?:says?|saying)\b(?![`:=(]))",
        "report, show, mean, print, name, record; a log contains, a message names",
        (
            *("the log tells", "it is said at once", "the result says so", "what the phone told"),
            *("A comparison tells how far two cells are apart", "a label says what is uncertain"),
            *("Say why a part is missing.", "its times say nothing", "the page says why"),
        ),
        (
            *("the two can be hard to tell apart", "what tells the items of two data sets apart"),
            *("tell: gets a line", "say: gets a line", "too few to tell.", "the key `say`"),
        ),
    ),
    Habit(
        "one row a cell",
        r"(?i)(?<![-\w.])(?:\d[\d,.]*|an?|one|two|three|five|ten|some|several|many) "
        r"(?:(?!(?:allows|and|are|as|at|beyond|by|for|from|gives|has|if|in|is|lets"
        r"|needs|of|on|or|per|takes|than|to|was|when|where|with)\b)[a-z]+ )?an? "
        rf"(?:{UNITS})\b(?!-)(?! (?:failed|for|has|is|of|that|was|whose|with|in)\b)",
        "one row per cell; 2,277 per second",
        ("one row a cell", "2,277 a second", "a line an event", "over 20 s an inference"),
        (
            "give the model a name",
            "one row per cell",
            "1 a cell failed",
            "3 if a cell is slower",
            "SHA-256 of a file",
        ),
    ),
    Habit(
        "the turn",
        r"(?i)\b(?:its|their|his|my|your|another's|whose) turns?\b|\bthe turn\b"
        r"|\bturn to (?:measure|build|time)\b|\btak(?:e|es|en|ing) turns\b|\b(?:a|one) turn\b(?! of phrase)",
        "another etbench is measuring; the lock; interleaved",
        ("it takes its turn", "waits for the turn to measure", "they take turns"),
        ("interleaved", "it turns into a number"),
    ),
    Habit(
        "in turn",
        r"(?i)(?<=\w )in turn\b(?!`)",
        "interleaved",
        ("measured in turn", "compared in turn with a baseline"),
        ("`in turn` means interleaved", "in turn", "if `how` is `in turn`"),
    ),
    Habit(
        "are to be",
        r"(?i)\b(?:is|are|was|were) to be (?!expected\b)\w+(?:ed|nt|wn)\b|\bas nothing\b",
        "must be; will be",
        ("3 MiB are to be sent", "cells that are to be measured", "they are not counted as nothing"),
        ("must be sent", "it is to the point"),
    ),
    Habit(
        "beyond doubt",
        r"(?i)\b(?:beyond|without|out of|past|no) (?:any |all )?doubts?\b|\bthe doubt\b",
        "significantly (95 %); the uncertainty",
        ("ahead beyond doubt", "beyond all doubt"),
        ("significantly faster (95 %)",),
    ),
    Habit(
        "faithful",
        r"(?i)\b(?:un)?faithful(?:ly|ness)?\b",
        "accurate (against eager fp32)",
        ("most faithful",),
        ("most accurate",),
    ),
    Habit(
        "let pass, stand for",
        r"(?i)\b(?:lets?|letting) (?:\w+ ){0,3}pass\b|\b(?:stands?|stood|standing) (?:in )?for\b"
        r"|\b(?:set|sets|setting|put|puts|laid|lay) (?:\w+ ){0,2}aside\b",
        "allow; represent; remove, move away",
        ("let it pass", "one round stands for all", "a spoilt entry is set aside"),
        ("a stand-in for adb", "the tests pass"),
    ),
    Habit("anew", r"(?i)\banew\b", "again", ("built anew",), ("built again", "a new one")),
    Habit(
        "but for",
        r"(?i)\bbut for\b(?! (?:each|every|all|a|an|instance|example)\b)|\bsave for\b",
        "except for",
        ("all but for the last",),
        ("not for one cell, but for each",),
    ),
    Habit(
        "Of … first",
        r"(?:^|(?<=[.!?:;] )|(?<=[-*|>] ))Of(?! course)\b[^.!?:;\n]{3,}"
        r"|[:;] of (?!stage|this stage|the \w+ if)[^.,:;()]{3,50} "
        r"(?:it|they|there|nothing|none|only|each|how|what)\b",
        "subject, verb, object: For a model on the hub, …",
        (
            "Of several results one is taken.",
            "It says which; of several results it takes one.",
            "- Of a model on it",
        ),
        ("The first of several results is taken.", "Of course it is.", "cells: of the sweep"),
    ),
    Habit(
        "Where … first",
        r"(?:^|(?<=[.!?:;] )|(?<=[-*|>] ))Where [^.?!,]+,(?! (?:at|by|for|from|in|on|which)\b)",
        "If …, When …",
        ("Where no weights are available, random ones are taken.", "It is. Where it is slow, wait."),
        ("Where things are", "Where is it?", "Where the time goes, from ETDump."),
        SHOWN,
    ),
    Habit(
        "Where … later",  # a docstring may begin so: "Where a series changes, on a machine that drifts."
        r"(?<=[.!?:;] )Where [^.?!,]+,(?! (?:at|by|for|from|in|on|which)\b)",
        "If …, When …",
        ("It is read. Where it cannot be written, it is done without.",),
        ("Where a series changes, on a machine.",),
        frozenset({DOCSTRING}),
    ),
    Habit(
        "1 cells",
        rf"(?<![\w.,/%=:+-])(?<!\bto )1 (?:{COUNTED})\b(?! (?:to|of) \d)",
        "the singular",
        ("all 1 cells", "1 faults"),
        ("1 cell", "21 cells", "0.1 cells"),
    ),
    Habit(
        "inversions",
        rf"\b(?:So|Nor|Neither|Twice|Once|Seldom|Rarely|Never) (?:{BE}) (?!not\b)"
        r"|(?i:\bnot so\b(?! (?:much|many)\b))"
        rf"|(?i:\b(?:and|but) (?:nor|neither) (?:{BE})\b)|\b(?:and|but) so (?:is|are|was|were)\b"
        rf"|(?i:[,;:] (?:nor|neither) (?:{BE})\b)"
        rf"|[,;:] (?:and |but )?so (?:{BE})\b(?! not\b)|(?i:\bonly (?:then|so|there) (?:{BE})\b)"
        rf"|(?i:\bnor (?:{BE}|could|may|might|should|would)\b)"
        rf"|(?:{BEFORE}) (?:it|them|this|these|the \w+) (?:are|comes?|follows?|is|lies?|stands?) "
        r"(?:an?|another|its|no|one|the|their|two|what)\b",
        "plain order: subject, verb, object",
        (
            *(
                "So is the other.",
                "Nor does it end.",
                "Not so a cell that is slow",
                "checked, and so is each row",
            ),
            *("if it fails, so does the cell", "it ends, and so does the other", "nor would a million"),
            *("Beside it stands a decision", "Below the table are the operators", "Under it lies a folder"),
        ),
        ("So it is.", "not so much", "It is large, so it is cut", "what is beside it is a link"),
    ),
    Habit(
        "base",
        r"\b(?i:the|its|no|this|that|own|older|a|each|any|of|and|or|with|as) base(?:'s|s)?\b"
        r"(?! (?:class|classes|model|image|name|url|path|config|address|checkpoint|type|\d))"
        r"(?! (?:branch|commit))"
        r"(?![-_/.(]\w)"
        r"|(?<![`<.$/-])\bBASE\b(?![_`=])|\b[Bb]ase (?:and|or) new\b"
        r"|\b(?:over|in|from|between|against) base\b(?! \d)(?![-_/.(])|\b[Bb]ase (?:has|lacks|ms|results?)\b",
        "baseline",
        (
            *(
                "it runs the base as it ran",
                "the base's program",
                "no cell of BASE has it",
                "base has 3, new none",
            ),
            *(
                "base and new were measured",
                "new over base",
                "Choose a base folder",
                "base ms",
                "compare BASE NEW",
            ),
        ),
        ("the base class", "the base branch", "outputs/base", "the baseline", "compare(base, new)", "`BASE`"),
    ),
    Habit("chatter", r"(?i)\bchatter\b", "output", ("the chatter of a compiler",)),
    Habit(
        "last words",
        r"(?i)\blast words\b",
        "see the end of the log",
        ("the log has its last words",),
    ),
    Habit(
        "is over",
        r"(?i)\b(?:is|are|was|were|be) over\b(?! (?:an?|the|its|their|\d+|\{\}|ssh|adb|http|all|several)\b)",
        "finished, has ended",
        ("a run that is over",),
        ("it is over the limit", "over 20 s"),
    ),
    Habit(
        "goes by",
        r"(?i)\b(?:goes|go|went|going|gone) by\b",
        "uses, depends on",
        ("the order goes by the name",),
    ),
    Habit(
        "comes to",
        r"(?i)(?<!\bit )(?<!\bthey )\b(?:comes|came|coming) to\b(?! (?:an end|rest|life))"
        r"|\bcome to (?:less|more|\d)",
        "amounts to, results in, is",
        ("what a cell came to", "which comes to 12 s"),
        ("when it comes to speed",),
    ),
    Habit(
        "digest",
        r"(?i)\bdigests?\b",
        "checksum",
        ("its digest differs",),
        ("its checksum differs", "digested"),
        SHOWN,
    ),
    Habit(
        "fault",
        r"(?i)(?<!page )(?<!segmentation )(?<!major )(?<!minor )\b(?:faults?|faulty)\b(?! injection\b)",
        "error",
        ("3 faults in the configuration",),
        ("page faults", "the default", "segmentation fault"),
        SHOWN,
    ),
]


@dataclass(frozen=True)
class Allowed:
    """A finding that is right as it is."""

    habit: str
    file: str
    words: str
    reason: str


ALLOWED: list[Allowed] = []


@dataclass(frozen=True)
class Text:
    """A piece of text: a paragraph of a page, a docstring, a message."""

    path: Path
    line: int
    kind: str
    words: str
    shown: str = ""  # the same with the code in it, which `words` has blanked out


@dataclass(frozen=True)
class Finding:
    """Where a habit was found, with its sentence."""

    habit: Habit
    path: Path
    line: int
    sentence: str

    @property
    def file(self) -> str:
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else str(self.path)

    @property
    def package(self) -> str:
        """The package or folder that the file is in, for the counts."""
        parts = Path(self.file).parts
        return "/".join(parts[:2]) if len(parts) > 2 else parts[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


# Which texts there are

SOURCES = (
    "*.md",
    ".github/**/*.md",
    "docs/**/*.md",
    "docs/**/*.py",
    "outputs/*/README.md",
    "conf/**/*.yaml",
    "etbench/**/*.py",
    "hydra_plugins/**/*.py",
    "benchmarks/**/*.py",
    "notebooks/*.ipynb",
    "etbench/native/*.cpp",
    "etbench/native/*.h",
    "etbench/**/*.jinja",
    "etbench/**/*.js",
)


def sources(root: Path = ROOT) -> list[Path]:
    """Return the files whose words users read."""
    return sorted({path for pattern in SOURCES for path in root.glob(pattern) if path.is_file()})


def texts(path: Path) -> Iterator[Text]:
    """Yield the texts of a file; of code only what is read by users."""
    readers = {
        ".md": _pages,
        ".yaml": _comments,
        ".yml": _comments,
        ".py": _python,
        ".ipynb": _notebook,
        ".cpp": _literals,
        ".h": _literals,
        ".js": _literals,
        ".jinja": _template,
    }
    yield from readers[path.suffix](path, path.read_text(encoding="utf-8"))


CODE = re.compile(r"`[^`\s]+`|\]\([^)\s]+\)")


def _paragraphs(path: Path, line: int, kind: str, text: str) -> Iterator[Text]:
    """Cut a text at empty lines, table rows and list items, which end a sentence; blank out its code."""
    bare = CODE.sub(lambda found: "`" + "x" * (len(found[0]) - 2) + "`", text)
    for found in re.finditer(r"#+ .*|.+(?:\n(?!\s*(?:[-*|>] |#+ |\d+\. |\|)).+)*", bare):
        at = line + text.count("\n", 0, found.start())
        yield Text(path, at, kind, found[0], text[found.start() : found.end()])


def _pages(path: Path, text: str) -> Iterator[Text]:
    yield from _paragraphs(path, 1, PAGE, text)


def _comments(path: Path, text: str) -> Iterator[Text]:
    block: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = re.search(r"(?:^|\s)#\s?(.*)$", line)
        if found:
            if block and line[: found.start()].strip():  # a comment beside a value is one of its own
                yield Text(path, number - len(block), COMMENT, "\n".join(block))
                block = []
            block.append(found[1])
        elif block:
            yield Text(path, number - len(block), COMMENT, "\n".join(block))
            block = []


SQL = re.compile(r"\s*(?:SELECT|INSERT|CREATE|PRAGMA|DELETE|UPDATE|DROP) ")


def _python(path: Path, text: str) -> Iterator[Text]:
    lines, tree = text.splitlines(), ast.parse(text)
    docstrings: set[ast.expr] = set()
    skipped: set[ast.expr] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(first.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
                skipped.update(node.args[:1])
        elif isinstance(node, ast.JoinedStr):
            skipped.update(node.values)  # read as a whole below
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value
        elif isinstance(node, ast.JoinedStr):
            values = node.values
            words = "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in values)
        else:
            continue
        raw = lines[node.lineno - 1].encode()[node.col_offset : node.col_offset + 1] in b"rR"
        if node in docstrings:
            yield from _paragraphs(path, node.lineno, DOCSTRING, words)
        elif (
            " " in words.strip()
            and not raw
            and not re.match(r"\s*(?:SELECT|INSERT|CREATE|PRAGMA|DELETE)\b", words)
        ):
            yield from _paragraphs(path, node.lineno, MESSAGE, words)


def _notebook(path: Path, text: str) -> Iterator[Text]:
    """Read the cells and what they printed; the line is the number of the cell, from 1."""
    for number, cell in enumerate(json.loads(text)["cells"], 1):
        source = "".join(cell["source"])
        inside = list(_python(path, source) if cell["cell_type"] == "code" else _pages(path, source))
        for output in cell.get("outputs", []):
            inside += _pages(path, "".join(output.get("text", [])))
        for found in inside:
            yield dataclasses.replace(found, line=number)


def _literals(path: Path, text: str) -> Iterator[Text]:
    """Read the string literals of C++ or JavaScript; neighbours are one text."""
    bare = re.sub(r"^\s*(?://|#include).*$", "", text, flags=re.MULTILINE)
    for found in re.finditer(r"""(?:"(?:[^"\\\n]|\\.)*"\s*)+|'(?:[^'\\\n]|\\.)*'|`[^`]*`""", bare):
        words = re.sub(r'"\s*"', "", found[0]).strip()[1:-1]
        if " " in words.strip():
            yield Text(path, bare.count("\n", 0, found.start()) + 1, MESSAGE, words)


def _template(path: Path, text: str) -> Iterator[Text]:
    blank = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>|\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)
    yield from _paragraphs(path, 1, PAGE, blank.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text))


# What is found in them


def findings_in(text: Text, habits: Iterable[Habit] = HABITS) -> Iterator[Finding]:
    """Yield each habit found in a text, with the sentence and its line."""
    for habit in habits:
        if text.kind not in habit.kinds:
            continue
        for found in habit.expression.finditer(text.words):
            lines_down = text.words.count("\n", 0, found.start())
            line = text.line + (0 if text.path.suffix == ".ipynb" else lines_down)
            yield Finding(habit, text.path, line, _sentence(text, found))


def _sentence(text: Text, found: re.Match[str], most: int = 110) -> str:
    words = text.shown or text.words
    begun = max((end.end() for end in re.finditer(r"[.!?]\s", words[: found.start()])), default=0)
    ended = re.search(r"[.!?](?=\s|$)", words[found.end() :])
    end = found.end() + ended.end() if ended else len(words)
    before, after = begun < found.start() - most, end > found.end() + most
    begun, end = max(begun, found.start() - most), min(end, found.end() + most)
    return "…" * before + " ".join(words[begun:end].split()) + "…" * after


@functools.cache
def _texts_of(path: Path) -> list[Text]:
    return list(texts(path))


def findings(paths: Iterable[Path], habits: Iterable[Habit] = HABITS) -> list[Finding]:
    """Return what is found in some files and is not allowed."""
    habits = list(habits)
    return [
        finding
        for path in paths
        for text in _texts_of(path)
        for finding in findings_in(text, habits)
        if not any(_is(finding, allowed) for allowed in ALLOWED)
    ]


def _is(finding: Finding, allowed: Allowed) -> bool:
    return (
        finding.habit.name == allowed.habit
        and finding.file == allowed.file
        and allowed.words in finding.sentence
    )


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
def test_no_text_has_the_habit(habit: Habit) -> None:
    found = findings(sources(), [habit])
    if found:
        lines = "\n".join(map(str, found))
        pytest.fail(f"write instead: {habit.instead}\n{lines}", pytrace=False)


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
def test_an_expression_finds_the_habit_and_nothing_else(habit: Habit) -> None:
    for words in habit.bad:
        assert habit.expression.search(words), words
    for words in (*habit.good, habit.instead):
        assert not habit.expression.search(words), words


def test_a_habit_is_allowed_only_where_it_still_is() -> None:
    reported = [finding for path in sources() for text in _texts_of(path) for finding in findings_in(text)]
    gone = [entry for entry in ALLOWED if not any(_is(finding, entry) for finding in reported)]
    assert not gone, "take these out of ALLOWED"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", "# Title\n\nIt is built\nanew.\n", 4),
        ("key.yaml", "a: 1\n# It is built\n# anew.\nb: 2  # in s\n", 3),
        ("value.yaml", "# in ms\na: 1  # it is built anew\n", 2),
        ("doc.py", '"""Build.\n\nIt is built anew.\n"""\n', 3),
        ("message.py", 'def f(x):\n    raise ValueError(f"{x} is built "\n        "anew")\n', 2),
        ("runner.cpp", '#include <a>\n// anew\nfail("built "\n     "anew");\n', 3),
        ("page.jinja", "<p>\nbuilt <b>anew</b>\n</p>\n", 2),
        ("script.js", "say('built anew');\n", 1),
        ("book.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": ["built\n", "anew"]}]}), 1),
    ],
)
def test_every_kind_of_file_is_read(tmp_path: Path, name: str, text: str, line: int) -> None:
    path = tmp_path / name
    path.write_text(text)
    (found,) = findings([path])
    assert (found.habit.name, found.line) == ("anew", line)
    assert "built" in found.sentence


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "The state `anew` of [this](anew.md).\n"),
        ("code.py", 'import re\n\nre.search("built anew", x["anew"])  # anew\n'),
        ("sql.py", 'x.execute("SELECT anew FROM built")\n'),
        ("key.yaml", "anew: anew\n"),
        ("runner.cpp", 'key("anew");\n'),
    ],
)
def test_names_expressions_and_code_are_left_alone(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert findings([path]) == []


def main() -> int:
    """Print what is found, and how much of it by habit and by package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="files or folders; the tree without any"
    )
    parser.add_argument("--habit", action="append", choices=[habit.name for habit in HABITS])
    args = parser.parse_args()
    wanted = [path.resolve() for path in args.paths]
    chosen = [path for path in sources() if not wanted or any(path.is_relative_to(one) for one in wanted)]
    found = findings(chosen, [habit for habit in HABITS if not args.habit or habit.name in args.habit])
    for habit in HABITS:
        if mine := [finding for finding in found if finding.habit == habit]:
            print(f"\n{habit.name} (write: {habit.instead}): {len(mine)}")
            print("\n".join(f"  {finding}" for finding in mine))
    print(f"\n{len(found)} findings in {len(chosen)} files")
    for package, count in Counter(finding.package for finding in found).most_common():
        print(f"{count:6} {package}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
