"""Pictures are drawn by a child: what ends it is an error of one picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from etbench.drawing import Drawer
from etbench.errors import EtbenchError

LONG = 100_000  # characters; drawing a name of this length takes over a minute


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    """A drawer whose child is ended after the test."""
    with Drawer() as drawer:
        yield drawer


def _bar(name: str) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.1.0.json",
        "data": {"values": [{"name": name, "value": 1}]},
        "mark": "bar",
        "encoding": {"x": {"field": "value", "type": "quantitative"}, "y": {"field": "name"}},
    }


def test_a_text_that_aborts_the_library_costs_one_picture(drawer: Drawer) -> None:
    for name in ("a\x1b[31m", "a\x00"):
        with pytest.raises(EtbenchError, match=r"chart bars cannot be drawn as png: .* was ended by SIGABRT"):
            drawer.draw(_bar(name), "png", name="bars")
    assert drawer.draw(_bar("a"), "png", name="bars").startswith(b"\x89PNG")
    assert drawer.draw(_bar("a"), "pdf", name="bars").startswith(b"%PDF")
    assert drawer.draw(_bar("<b>"), "svg", name="bars").count(b"&lt;b&gt;") >= 1
    with pytest.raises(EtbenchError, match=r"chart bars cannot be drawn as svg: .*[Vv]ega"):
        drawer.draw(_bar("a") | {"mark": "no such mark"}, "svg", name="bars")


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    expected = "chart bars cannot be drawn as png: it took longer than 1 s"
    with Drawer(limit_s=1) as drawer, pytest.raises(EtbenchError, match=expected):
        drawer.draw(_bar("z" * LONG), "png", name="bars")


def test_a_picture_that_takes_too_much_memory_is_given_up() -> None:
    expected = "chart bars cannot be drawn as png: the process that draws"
    with Drawer(memory_bytes=64 << 20) as drawer, pytest.raises(EtbenchError, match=expected):
        drawer.draw(_bar("a"), "png", name="bars")


def test_no_child_is_left(drawer: Drawer) -> None:
    drawer.draw(_bar("a"), "svg", name="bars")
    child = drawer._child
    assert child is not None and child.poll() is None
    drawer.close()
    assert child.poll() == 0, "it ended as its input did"
