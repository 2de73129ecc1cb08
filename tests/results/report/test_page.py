"""The report in a browser: the one thing that tells whether a page works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from report_cells import EVIL
from running import TESTS

from etbench.results.files.store import read_results
from etbench.results.report import gather, html_page, write_page
from etbench.results.schema import Result

pytestmark = pytest.mark.early

SAMPLE = TESTS.parent / "outputs" / "sample_sweep" / "report.html"


@pytest.fixture(scope="module")
def open_page(browser: Browser) -> Any:
    """A context manager that opens a file, and fails if it logs anything or asks for anything."""

    @contextmanager
    def opened(path: Path, width: int = 1280, **more: Any) -> Iterator[Page]:
        noise: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.on("console", lambda message: noise.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("request", lambda request: noise.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        yield page
        assert noise.pop(0) == f"request: {path.as_uri()}"
        assert [line for line in noise if not line.startswith("request: data:")] == []
        context.close()

    return opened


@pytest.fixture
def full_page(everything: list[Result], tmp_path: Path) -> Path:
    """The page of a sweep with something of everything, and a file that was left out."""
    report = gather(everything, title=EVIL, left_out=[f"{EVIL}.json: no valid JSON"])
    return write_page(html_page(report), tmp_path / "report.html")


def _charts(page: Page) -> dict[str, int]:
    """Count the marks of each chart."""
    counts: dict[str, int] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("figure[data-spec]")].map((figure) =>
            [figure.dataset.spec, figure.querySelectorAll("svg .role-mark path").length]))"""
    )
    return counts


def test_the_sample_draws_all_its_charts(open_page: Any) -> None:
    with open_page(SAMPLE) as page:
        drawn = _charts(page)
        assert {name.split("-")[0] for name in drawn} == {
            *("pareto", "precisions", "delegates", "speedups", "rounds", "coverage")
        }
        assert all(count >= 3 for count in drawn.values()), drawn
        assert drawn["pareto-0"] >= 28
        assert page.locator("#cells tbody tr").count() == 28


def test_every_chart_has_its_numbers_a_click_away(open_page: Any, full_page: Path) -> None:
    with open_page(full_page) as page:
        assert set(_charts(page)) >= {"operators-0", "rounds-1", "pareto-0"}
        for section in page.locator("section:has(figure)").all():
            details = section.locator("details:has(table)").first
            assert not details.locator("table").is_visible()
            details.locator("summary").click()
            assert details.locator("table").is_visible()


def test_the_table_of_cells_sorts_by_the_keyboard(open_page: Any) -> None:
    with open_page(SAMPLE) as page:
        table = page.locator("#cells table")
        heading = table.locator("th", has_text=re.compile("^p50 ms$"))
        column = heading.evaluate("cell => cell.cellIndex")

        def figures() -> list[float]:
            cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_text_contents()
            return [float(text.replace(",", "")) for text in cells]

        before = figures()
        assert before != sorted(before)
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        assert figures() == sorted(before)
        assert heading.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Space")
        assert figures() == sorted(before, reverse=True)
        assert heading.get_attribute("aria-sort") == "descending"
        assert table.locator("th[aria-sort]").count() == 1


def test_missing_figures_stay_last(open_page: Any, full_page: Path) -> None:
    with open_page(full_page) as page:
        table = page.locator("#cells table")
        heading = table.locator("th", has_text=re.compile("^p50 ms$"))
        column = heading.evaluate("cell => cell.cellIndex")
        for _ in range(2):
            heading.locator("button").click()
            texts = table.locator(f"tbody tr td:nth-child({column + 1})").all_text_contents()
            assert [text == "-" for text in texts] == [False] * 7 + [True] * 2


def test_the_filter_shows_the_cells_that_have_all_words(open_page: Any) -> None:
    with open_page(SAMPLE) as page:
        page.get_by_label("Show only").fill("int8 XNNPACK")
        assert page.locator("#cells table tbody tr:visible").count() == 7
        assert page.locator("#shown").text_content() == "7 of 28 cells"


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_page_and_charts_follow_the_scheme(open_page: Any, scheme: str, dark: bool) -> None:
    lightness = """(selector, what) => {
        const color = getComputedStyle(document.querySelector(selector))[what];
        return Math.max(...color.match(/\\d+/g).slice(0, 3).map(Number));
    }"""
    with open_page(SAMPLE, color_scheme=scheme) as page:
        paper = page.evaluate(f"({lightness})('body', 'backgroundColor')")
        label = page.evaluate(f"({lightness})('figure svg .role-axis-label text', 'fill')")
    assert (paper < 60) is dark
    assert (label > 180) is dark, "the labels of the charts cannot be read"


def test_nothing_is_wider_than_a_phone(open_page: Any, full_page: Path) -> None:
    for path in (SAMPLE, full_page):
        with open_page(path, width=390) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            widest = "Math.max(...[...document.querySelectorAll('figure svg')].map(s => s.clientWidth))"
            assert page.evaluate(widest) <= 390


def test_the_menu_shows_the_samples_of_another_cell(open_page: Any) -> None:
    with open_page(SAMPLE) as page:
        chart = page.locator("figure[data-spec='rounds-1']")
        before = chart.locator("svg").inner_html()
        menu = chart.locator("select")
        menu.select_option("resnet18 fp32 xnnpack")
        page.wait_for_function(
            "before => document.querySelector(\"figure[data-spec='rounds-1'] svg\").innerHTML !== before",
            arg=before,
        )


def test_a_name_runs_no_script(open_page: Any, full_page: Path) -> None:
    with open_page(full_page) as page:
        assert page.title() == f"{EVIL} · etbench report"
        assert EVIL in page.locator("#cells table").text_content()
        assert page.locator("main img").count() == 0


def test_the_policy_lets_no_other_script_run(open_page: Any, full_page: Path) -> None:
    """Even if a name got through unescaped."""
    html = full_page.read_text(encoding="utf-8")
    full_page.write_text(
        html.replace("<main>", "<main><script>document.title = 'owned'</script>"), encoding="utf-8"
    )
    with (
        pytest.raises(AssertionError, match="Content Security Policy"),
        open_page(full_page) as page,
    ):
        assert page.title() != "owned"


def test_what_was_left_out_is_listed(open_page: Any, full_page: Path) -> None:
    with open_page(full_page) as page:
        assert page.locator("#left-out li").all_text_contents() == [f"{EVIL}.json: no valid JSON"]


def test_nothing_to_report_is_a_page_too(
    open_page: Any, make_result: Callable[..., Result], tmp_path: Path
) -> None:
    for name, results in (("none", []), ("one", [make_result()])):
        path = write_page(html_page(gather(results, title=name)), tmp_path / f"{name}.html")
        with open_page(path) as page:
            assert page.locator("h1").text_content() == name


def test_the_report_of_the_sample_is_what_this_code_writes() -> None:
    found = read_results([SAMPLE.parent])[0]
    written = gather((result for _, result in found), [path for path, _ in found], title=SAMPLE.parent.name)
    assert _text(SAMPLE.read_text()) == _text(html_page(written)), "run: etbench report outputs/sample_sweep"


def _text(page: str) -> list[str]:
    """Return the text of a page, without scripts, styles and definitions of charts."""
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", "\n", page, flags=re.DOTALL)
    return [line.strip() for line in text.splitlines() if line.strip()]
