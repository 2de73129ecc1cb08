"""The page in a real browser: from a click to a result, and what a user sees on the way."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import card, choose, tick
from PIL import Image
from playwright.sync_api import Page, expect
from running import started_etbench
from sweeps import arguments

from etbench.events import Failure
from etbench.results.files.store import read_result, write_result

pytestmark = pytest.mark.early

Opened = Callable[..., Page]
TABS = ("/", "/results", "/decide", "/compare", "/trend", "/inspect", "/doctor")
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"


def test_the_number_of_repeats_is_what_the_model_recommends(open_tab: Opened) -> None:
    page = open_tab()
    runs = page.get_by_label("Repeats")
    expect(runs).to_have_value("50")
    tick(page, "Model", "tiny")
    expect(runs).to_have_value("6")
    runs.fill("20000")
    expect(page.get_by_text("A number is out of range")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_impossible_pairs_are_disabled_with_the_reason(open_tab: Opened) -> None:
    page = open_tab()
    choose(page, "tiny", "int8", "portable")
    expect(page.get_by_role("checkbox", name="picky")).to_be_disabled()
    expect(page.get_by_text("this test says so")).to_be_visible()
    tick(page, "Precision", "fp32", "int8")
    expect(page.get_by_role("checkbox", name="picky")).to_be_enabled()


def test_a_cell_from_the_keyboard_to_its_json_through_a_reload(open_tab: Opened, server: Any) -> None:
    page = open_tab()
    expect(page.get_by_text("press Start")).to_be_visible()
    choose(page, "tiny")
    expect(page.get_by_text("1 cell", exact=True)).to_be_visible()
    page.get_by_label("Threads").focus()
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").strip() == "Start":
            break
    page.keyboard.press("Enter")
    expect(card(page, "Run 1").get_by_text(re.compile("^running"))).to_be_visible()
    page.reload()
    run = card(page, "Run 1")
    expect(run.get_by_text(re.compile(r"^finished · 1 of 1 cell"))).to_be_visible()
    expect(run.get_by_role("cell", name=re.compile(r"^ok: ±\S+%, 0.0 MB, parity \S+ dB"))).to_be_visible()
    spread = run.get_by_role("img", name=re.compile(r"^\d+ round medians from .* ms$"))
    expect(spread.locator("rect")).to_have_count(24)
    with page.expect_download() as download:
        run.get_by_role("button", name="tiny_fp32_portable.json").click()
    assert download.value.suggested_filename == "tiny_fp32_portable.json"
    result = json.loads(Path(download.value.path()).read_text())
    assert (result["model_name"], result["status"]) == ("tiny", "ok")
    with page.expect_download() as download:
        for key in ("../tiny_fp32_portable.json", str(server.results), "", result["cell_id"]):
            _ask_for_result(run, key)
    assert json.loads(Path(download.value.path()).read_text()) == result, "the first that came"
    run.get_by_text("Log", exact=True).click()
    expect(run.get_by_text(re.compile("^python -m etbench --config-dir .* model=tiny"))).to_be_visible()
    expect(run.get_by_label("Log").get_by_text("timing").first).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    run.get_by_role("button", name="Copy the command line").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("python -m etbench --config-dir")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    run.get_by_role("button", name="Copy the command line").click()
    expect(page.get_by_text("The browser does not allow copying")).to_be_visible()
    run.get_by_role("link", name="tiny_fp32_portable").click()
    expect(card(page, "tiny fp32 portable")).to_be_visible()
    assert not (server.cwd / ".nicegui").exists()


def _ask_for_result(run: Any, key: str) -> None:
    """Ask the server for a result as the button in a table does, with a key of one's own."""
    run.locator(".q-table__container").evaluate(
        "(table, key) => getElement(Number(table.id.slice(1))).$emit('download', key)", key
    )


def test_a_failing_cell_shows_its_reason_and_a_slow_one_can_be_cancelled(
    open_tab: Opened, server: Any
) -> None:
    page = open_tab()
    choose(page, "unimportable")
    page.get_by_role("button", name="Start").click()
    choose(page, "slow")
    page.get_by_label("Repeats").fill("10000")
    page.get_by_role("button", name="Start").click()
    failing = page.locator(".eb-card").filter(has_text="unimportable_fp32_portable")
    expect(
        failing.get_by_text(re.compile(r"^finished; a cell failed, is wrong or is missing"))
    ).to_be_visible()
    expect(failing.get_by_text(re.compile("failed at stage load: .*no_such_package"))).to_be_visible()
    slow = page.locator(".eb-card").filter(has_text="slow_fp32_portable")
    expect(slow.get_by_text(re.compile(r"^timing"))).to_be_visible()
    runs = page.get_by_role("heading", name=re.compile(r"^Run \d+$"))
    count = runs.count()
    assert _tried_from_another_site(page, server.port) == {"opened": False, "read": False}
    expect(slow.get_by_text(re.compile(r"^timing"))).to_be_visible()
    expect(runs).to_have_count(count)
    slow.get_by_role("button", name="Cancel").click()
    expect(slow.get_by_text(re.compile("^cancelled"))).to_be_visible()
    expect(slow.get_by_role("button", name="Cancel")).to_be_hidden()


ATTACK = """async port => {
  const address = `127.0.0.1:${port}/_nicegui_ws/socket.io/?EIO=4&transport=`;
  const opened = await new Promise(tell => {
    const socket = new WebSocket(`ws://${address}websocket`);
    socket.onopen = () => tell(true);
    socket.onerror = () => tell(false);
  });
  const read = await fetch(`http://${address}polling`).then(() => true, () => false);
  const blind = {method: "POST", mode: "no-cors", body: "40"};
  await fetch(`http://${address}polling`, blind).catch(() => null);
  return {opened, read};
}"""


def _tried_from_another_site(page: Page, port: int) -> Any:
    """Try to reach the page's socket from another site that is open in the same browser."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        other = page.context.new_page()
        other.goto(f"http://localhost:{elsewhere.server_address[1]}/no-such-file")
        outcome = other.evaluate(ATTACK, port)
        other.close()
        elsewhere.shutdown()
    return outcome


def test_a_sweep_of_a_terminal_shows_live(open_tab: Opened, server: Any) -> None:
    page = open_tab()
    wanted = arguments("model=slow", "repeat.runs=10000", f"cache.dir={server.cwd / 'killed'}")
    overrides = [text for text in wanted if "sweep.dir" not in text]
    with started_etbench(*overrides, f"hydra.sweep.dir={server.results / 'mine'}", cwd=server.cwd):
        elsewhere = page.locator(".eb-card").filter(has_text="Started elsewhere")
        expect(elsewhere.get_by_text(re.compile(r"^running · 0 of 1 cell"))).to_be_visible()
        expect(elsewhere.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(elsewhere.get_by_text(re.compile("^ended"))).to_be_visible()


def test_charts_can_be_downloaded_and_a_new_file_appears_by_itself(open_tab: Opened, server: Any) -> None:
    page = open_tab("/compare")
    choose_option(page, "Folders", "sample")
    expect(page.get_by_text("28 measured cells")).to_be_visible()
    shown = card(page, "Speedup").get_by_role("img")
    expect(shown.locator("svg path").nth(10)).to_be_attached()
    for form, starts in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("PDF", b"%PDF")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download Speedup as {form}").click()
        path = Path(download.value.path())
        assert path.read_bytes().startswith(starts)
        if form == "PNG":
            assert len(Image.open(path).convert("RGB").getcolors(1 << 24)) > 10, "a blank picture"
    shutil.copy(server.sample / "gpt2_int8_xnnpack.json", server.sample / "again.json")
    expect(page.get_by_text("29 measured cells")).to_be_visible()
    (server.sample / "again.json").unlink()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert Path(download.value.path()).read_text().startswith("model,")


def choose_option(page: Page, label: str, option: str) -> None:
    """Take one option of a list; its other chips are taken away."""
    expect(page.get_by_text(re.compile("measured cells"))).to_be_visible()  # the results have been read
    page.get_by_label(label, exact=True).click()
    listed = page.get_by_role("option")
    expect(listed.first).to_be_visible()
    for name in page.get_by_role("option", selected=True).all_inner_texts():
        if name.strip() != option:
            _tick_option(page, name.strip(), chosen=False)
    _tick_option(page, option, chosen=True)
    page.keyboard.press("Escape")
    expect(listed).to_have_count(0)  # or the next list would be mistaken for this one


def _tick_option(page: Page, name: str, *, chosen: bool) -> None:
    """Choose an option or not; the next click counts from what the server has said of the last one."""
    otherwise = page.get_by_role("option", name=name, exact=True, selected=not chosen)
    if otherwise.count():
        otherwise.click()
    expect(otherwise).to_have_count(0)  # a list of which one is chosen closes by itself


def test_what_has_no_figures_is_listed_with_its_reason(open_tab: Opened, server: Any) -> None:
    page = open_tab("/compare")
    choose_option(page, "Folders", "sample")
    expect(page.get_by_text("28 measured cells")).to_be_visible()
    expect(card(page, "Left out")).to_have_count(0)
    good = read_result(server.sample / "gpt2_int8_xnnpack.json")
    failure = Failure(stage="lower", kind="RuntimeError", message="no such operator", hint="", traceback="")
    failed = msgspec.structs.replace(
        good, status="failed", failure=failure, latency_ms=None, rounds=[], round_facts=[]
    )
    path = write_result(
        msgspec.structs.replace(failed, model_name="gpt3"), server.sample, "gpt3_int8_xnnpack"
    )
    (server.sample / "half.json").write_text('{"schema_version": 1,')
    left_out = card(page, "Left out")
    expect(left_out.get_by_role("row")).to_have_count(3)
    expect(
        left_out.get_by_role("row", name="gpt3 int8 xnnpack failed at stage lower: no such op")
    ).to_be_visible()
    half = left_out.get_by_role("row").filter(has_text="sample/half.json")
    expect(half).to_contain_text("not valid JSON")
    path.unlink()
    (server.sample / "half.json").unlink()


def test_the_report_of_what_is_chosen_can_be_downloaded(open_tab: Opened) -> None:
    page = open_tab("/compare")
    choose_option(page, "Folders", "sample")
    expect(page.get_by_role("img").first).to_be_visible()  # the page is at rest
    choose_option(page, "Only these models (empty: all)", "resnet18")
    expect(page.get_by_text("4 measured cells")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    assert download.value.suggested_filename == "report.html"
    text = Path(download.value.path()).read_text()
    assert "resnet18" in text and "gpt2" not in text


def test_a_model_of_a_folder_is_chosen_from_a_list_and_others_are_said_to_need_the_command_line(
    open_tab: Opened,
) -> None:
    page = open_tab()
    expect(
        page.get_by_text(re.compile("does not accept names or paths.*custom, exported, file, pte"))
    ).to_be_visible()
    tick(page, "Precision", "fp32")
    page.get_by_label(re.compile("more models$")).fill("swin_t")
    page.get_by_role("option", name="zoo/swin_t", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("2 cells", exact=True)).to_be_visible()
    expect(page.get_by_label("The equivalent command line")).to_contain_text("model=mobilenet_v2,zoo/swin_t")


def test_two_folders_are_judged_side_by_side(open_tab: Opened, server: Any) -> None:
    for name in ("mobilenet_v2_int8_xnnpack", "resnet18_int8_xnnpack"):
        measured = read_result(server.sample / f"{name}.json")
        write_result(msgspec.structs.replace(measured, turn_id="another"), server.sample / "earlier", name)
    for base, cells in (("sample", 28), ("sample/earlier", 2)):
        page = open_tab("/compare")
        choose_option(page, "Baseline", base)
        choose_option(page, "New", "sample")
        verdicts = card(page, "Two sweeps side by side")
        separate = verdicts.get_by_text("Separate runs differ by the drift of the machine")
        expect(verdicts.get_by_role("row")).to_have_count(cells + 1)
        expect(verdicts.get_by_role("cell", name="1.000", exact=True)).to_have_count(cells)
        expect(separate).to_have_count(int(cells == 2))
    shutil.rmtree(server.sample / "earlier")


def test_results_are_filtered_and_put_side_by_side(open_tab: Opened) -> None:
    page = open_tab("/results")
    listed = card(page, "All results")
    expect(listed.get_by_role("row", name=re.compile("gpt2 fp32 portable")).first).to_be_visible()
    page.get_by_label("Filter").fill("folder=x")
    expect(listed.get_by_role("status")).to_contain_text("there is no column 'folder'")
    page.get_by_label("Filter").fill("model=mob*,res* and precision=int8 and delegate=xnnpack")
    rows = listed.locator("tbody tr").filter(has=page.get_by_role("link"))
    expect(rows).to_have_count(2)
    page.reload()
    expect(rows).to_have_count(2)
    for row in rows.all():
        row.get_by_role("checkbox").click()
    expect(card(page, "Side by side").get_by_role("row", name=re.compile("^size MB"))).to_be_visible()
    rows.get_by_role("link", name="resnet18 int8 xnnpack").click()
    expect(card(page, "resnet18 int8 xnnpack")).to_be_visible()


def test_the_answer_follows_the_sliders(open_tab: Opened) -> None:
    page = open_tab("/decide")
    answer = card(page, "What to ship")
    page.get_by_label("Folders", exact=True).click()
    expect(page.get_by_role("option").first).to_be_visible()
    for name in page.get_by_role("option", selected=True).all_inner_texts():
        _tick_option(page, name.strip(), chosen=False)
    _tick_option(page, "sample", chosen=True)
    page.keyboard.press("Escape")
    expect(answer.get_by_role("status")).to_have_text("No recommendation: 7 models with unknown accuracy.")
    command = page.get_by_label("Command line of this decision")
    for name, share in (("Loss of accuracy against fp32", 1.0), ("SQNR against eager fp32", 1 / 3)):
        slider = page.get_by_role("slider", name=name)
        box = slider.bounding_box()
        slider.click(position={"x": max(1, share * box["width"] - 1), "y": box["height"] / 2})
    expect(command).to_have_text(re.compile(r"^etbench decide sample --bound 'sqnr_db>=(19|20).*dB'$"))
    expect(answer.get_by_role("row", name=re.compile("^mobilenet_v2 fp32 xnnpack"))).to_be_visible()
    expect(answer.get_by_role("row", name=re.compile("^resnet18 int8 xnnpack"))).to_be_visible()


def test_a_result_is_shown_with_its_rounds_and_survives_a_reload_by_its_address(open_tab: Opened) -> None:
    page = open_tab("/inspect?result=sample/resnet18_int8_xnnpack.json")
    expect(card(page, "resnet18 int8 xnnpack")).to_be_visible()
    expect(card(page, "Distribution by round").locator("svg path").nth(10)).to_be_attached()
    expect(card(page, "Environment").get_by_text("vector extensions")).to_be_visible()
    expect(card(page, "Program and delegation").get_by_text("float32 1x3x224x224")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_tabs_are_accessible_and_fit_the_screen(scheme: str, width: int, open_tab: Opened) -> None:
    for tab in TABS:
        page = open_tab(tab, width=width, color_scheme=scheme)
        page.add_style_tag(content=STILL)  # colours fade in, and axe would measure them on the way
        found = Axe().run(page).response["violations"]
        serious = {
            one["id"]: [node["html"][:160] + node["failureSummary"] for node in one["nodes"][:3]]
            for one in found
            if one["impact"] in ("serious", "critical")
        }
        assert serious == {}, tab
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"
        assert dark == (scheme == "dark"), tab
