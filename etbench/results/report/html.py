"""The report as one HTML file that contains its scripts, style and data, and loads nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from etbench.escaping import template
from etbench.results.files.store import read_results
from etbench.results.report.content import Report, gather
from etbench.results.report.vega import vega_script
from etbench.system.files import replace_file
from etbench.text import path_text

__all__ = ["html_page", "write_page", "write_report"]


def write_report(folder: Path, *, cache: Path | None = None) -> Path:
    """Write the report of all results in a folder into that folder; return its path."""
    found, unreadable = read_results([folder])
    left_out = [error.message for error in unreadable]
    title = path_text(folder.resolve().name)
    files = [path for path, _ in found]
    report = gather((result for _, result in found), files, title=title, left_out=left_out)
    return write_page(html_page(report, cache=cache), folder / "report.html")


def write_page(page: str, path: Path) -> Path:
    """Write a page atomically, replacing an older one; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, page.encode("utf-8", "backslashreplace"))  # a path need not be UTF-8
    return path


def html_page(report: Report, *, cache: Path | None = None) -> str:
    """Return the page; its content comes from result files, so all of it is escaped.

    A content security policy allows only the scripts of this package, by their checksums, and no
    network connections.

    Args:
        report: its content.
        cache: the folder that keeps the script which draws the charts; None bundles it again.

    """
    scripts = [vega_script(cache), _asset("report.js")]
    return template("etbench.results.report", "report.html.jinja").render(
        report=report,
        style=_asset("report.css"),
        scripts=scripts,
        policy=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
        specs={f"{s.name}-{n}": spec for s in report.sections for n, spec in enumerate(s.specs)},
    )


def _asset(name: str) -> str:
    return (files("etbench.results.report") / "assets" / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
