"""A report to share: one self-contained HTML file, or a comment for a pull request."""

from etbench.results.report.content import Report, gather
from etbench.results.report.html import html_page, write_page, write_report
from etbench.results.report.markdown import markdown_comment

__all__ = ["Report", "gather", "html_page", "markdown_comment", "write_page", "write_report"]
