r"""Texts that come from files, made safe for where they are shown: one function for each surface.

Names, messages and paths of result files, caches and event logs are written by others. Each surface has
something that it takes for a command: a terminal escape sequences, Markdown and HTML markup, a spreadsheet
formulas, XML control characters, GitHub workflow commands. No module writes to a surface by other means;
`tests/hostile/test_surfaces.py` checks that.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from etbench.text import printable

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = [
    "csv_cell",
    "github_message",
    "github_property",
    "html",
    "markdown_bold",
    "markdown_row",
    "markdown_text",
    "one_line",
    "template",
    "terminal_text",
    "xml_text",
]

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also as wide characters, in Japan
BREAK = "\u200b"  # a space without width: separates what would be a link or a mention
LINKS = re.compile(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=@)(?=\w)", re.IGNORECASE)
REFERENCE = re.compile(r"(?<=#)(?=\d)|(?<=\bGH)(?=-\d)", re.IGNORECASE)
BLOCK = re.compile(r"[>#]|[-+=](?=\s|$|[-=]+$)")  # what begins a quote, a heading or a list
WORKFLOW_COMMAND = re.compile(r"^(?=\s*::)", re.MULTILINE)


def one_line(text: str) -> str:
    r"""Escape as `printable` does, with all spaces and line breaks in a row as one space.

    >>> one_line("a \n\t b\x00")
    'a b\\x00'
    """
    return printable(" ".join(text.split()))


def terminal_text(text: str) -> str:
    r"""Escape what a terminal takes for a command, and what GitHub does at the beginning of a line of output.

    >>> terminal_text("\x1b]0;title\x07"), terminal_text("a\n::error::b"), terminal_text("aten::add")
    ('\\x1b]0;title\\x07', 'a\n\\::error::b', 'aten::add')
    """
    escaped = printable(text)
    if "::" in escaped:
        escaped = WORKFLOW_COMMAND.sub(r"\\", escaped)
    return escaped.replace("##[", r"##\[")


def template(package: str, name: str) -> Template:
    """Return a template in the folder `assets` of a package, which escapes each text for HTML and SVG."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package, "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def markdown_text(text: str) -> str:
    r"""Escape a text so that it is neither Markdown nor HTML, nor a link or mention of GitHub; in one line.

    >>> markdown_text("<b> a|b\n[c]"), markdown_text("@team #12"), markdown_text("https://x")
    ('&lt;b> a\\|b \\[c\\]', '@\u200bteam #\u200b12', 'https:\u200b//x')
    """
    escaped = _inline_markdown(text)
    return f"\\{escaped}" if BLOCK.match(escaped) else escaped


def _inline_markdown(text: str) -> str:
    """Escape a text that does not begin a line."""
    escaped = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\`*|[]~":
        escaped = escaped.replace(mark, f"\\{mark}")
    return REFERENCE.sub(BREAK, LINKS.sub(BREAK, escaped))


class _Markdown(str):
    """A text that is Markdown already."""

    __slots__ = ()


def markdown_bold(text: str) -> str:
    """Return a text in bold, escaped, which `markdown_row` takes as it is."""
    return _Markdown(f"**{markdown_text(text)}**")


def markdown_row(cells: Iterable[object]) -> str:
    r"""Return a row of a Markdown table.

    >>> markdown_row(["a|b", 1.5, markdown_bold("c")])
    '| a\\|b | 1.5 | **c** |'
    """
    texts = (cell if isinstance(cell, _Markdown) else _inline_markdown(str(cell)) for cell in cells)
    return f"| {' | '.join(texts)} |"


def csv_cell(value: Any) -> Any:
    """Return a value for a cell of a CSV file that no spreadsheet takes for a formula; numbers stay numbers.

    >>> [csv_cell(value) for value in ("=cmd|'/c calc'!A0", "+1", "resnet18", -1.5, None)]
    ["'=cmd|'/c calc'!A0", "'+1", 'resnet18', -1.5, None]
    """
    if not isinstance(value, str):
        return value
    escaped = printable(value)
    return f"'{escaped}" if escaped.startswith(FORMULA) else escaped


def html(text: str) -> str:
    """Escape a text for HTML, in an element or a quoted attribute.

    >>> html("<b>")
    '&lt;b&gt;'
    """
    return _html.escape(printable(text))


def xml_text(text: str) -> str:
    r"""Escape the characters that XML cannot contain; `xml.etree` escapes the markup.

    >>> xml_text("a\x00<b>")
    'a\\x00<b>'
    """
    return printable(text)


def github_message(text: str) -> str:
    r"""Escape the message of a workflow command, as `@actions/core` does.

    >>> github_message("50 %\r\n::error::")
    '50 %25%0A::error::'
    """
    return printable(text.replace("\r\n", "\n")).replace("%", "%25").replace("\n", "%0A")


def github_property(text: str) -> str:
    """Escape a property of a workflow command, such as its title.

    >>> github_property("etbench: a, b")
    'etbench%3A a%2C b'
    """
    return github_message(text).replace(":", "%3A").replace(",", "%2C")
