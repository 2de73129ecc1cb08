"""A page that is asked twice shows the second answer, whichever comes last."""

from __future__ import annotations

import asyncio
import threading

import pandas as pd
import pytest
from browsing import SAMPLE
from nicegui import Client, ui
from nicegui.page import page

from etbench.ui.library import Library
from etbench.ui.pages import compare as module
from etbench.ui.pages.compare import _Compare
from etbench.ui.pages.latest import Latest


def test_only_the_last_question_in_an_open_tab_is_to_be_answered() -> None:
    with Client(page("/")) as client:
        latest = Latest(ui.element())
        first = latest.ask()
        assert first()
        second = latest.ask()
        assert (first(), second()) == (False, True)
    client.delete()
    assert not second()


def test_charts_that_come_late_do_not_replace_those_of_newer_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, newer_is_shown = threading.Event(), threading.Event()
    drawn: list[int] = []

    def draw(frame: pd.DataFrame) -> dict[str, str]:
        drawn.append(len(frame))
        if len(drawn) == 1:
            begun.set()
            assert newer_is_shown.wait(300)
        return {"pareto": f"<svg data-cells={len(frame)} />"}

    monkeypatch.setattr(module, "_draw", draw)

    async def asked_twice(shown: _Compare) -> None:
        older = asyncio.create_task(shown.show())
        await asyncio.to_thread(begun.wait, 300)
        shown.library.entries.popitem()
        await shown.show()
        newer_is_shown.set()
        await older

    with Client(page("/")):
        library = Library([SAMPLE])
        library.look()
        shown = _Compare(library)
        shown.offer()
        asyncio.run(asked_twice(shown))
        svgs = [one.content for one in shown.place.descendants() if "<svg" in getattr(one, "content", "")]
    assert drawn == [len(shown.frame) + 1, len(shown.frame)]
    assert svgs == [f"<svg data-cells={len(shown.frame)} />"]
