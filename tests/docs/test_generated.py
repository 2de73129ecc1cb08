"""The pages of docs/ that come from the code are current and name all that there is."""

from __future__ import annotations

import argparse
import json
import re

import pytest
from generate import PAGES, _arguments, cli_page, options_page
from generate import _usage as usage_of
from layers import LAYERS
from running import TESTS

from etbench.cli.commands import COMMANDS

DOCS, CONF = TESTS.parent / "docs", TESTS.parent / "conf"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    written, now = (DOCS / name).read_text(encoding="utf-8"), PAGES[name]()
    if name.endswith(".json"):
        written, now = json.loads(written), json.loads(now)
    assert written == now, "python docs/generate.py"


def test_every_option_and_key_has_a_row() -> None:
    page = options_page()
    for path in CONF.glob("*/**/*.yaml"):
        group, *rest = path.relative_to(CONF).with_suffix("").parts
        assert f"| `{group}={'/'.join(rest)}` |" in page
    for key in ("threads", "measure.block_max_s", "repeat.rounds", "model.seq_len", "precision.group_size"):
        assert f"| `{key}` |" in page


def test_every_subcommand_and_argument_has_a_row() -> None:
    page = cli_page()
    for name, command in COMMANDS.items():
        section = page.split(f"\n## etbench {name}\n")[1].split("\n## ")[0]
        for action in command.parser()._actions:
            for option in action.option_strings:
                assert f"`{option}`" in section or option in ("-h", "--help", "--shell-completion", "-sc")


def test_every_argument_of_the_page_has_a_meaning_and_two_columns() -> None:
    rows = [line for line in cli_page().splitlines() if line.startswith("| `")]
    for row in rows:
        name, meaning = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])
        assert name and meaning, row


@pytest.mark.parametrize(
    ("options", "usage"),
    [
        ({}, "x a"),
        ({"nargs": "?"}, "x [a]"),
        ({"nargs": "*"}, "x [a…]"),
        ({"nargs": "+"}, "x a…"),
        ({"metavar": "KEY=VALUE", "nargs": "*"}, "x [KEY=VALUE…]"),
    ],
)
def test_the_usage_shows_which_arguments_may_be_left_out(options: dict[str, str], usage: str) -> None:
    parser = argparse.ArgumentParser("x", add_help=False)
    parser.add_argument("a", **options)  # type: ignore[arg-type]
    assert usage_of(parser) == usage
    (row,) = [line for line in _arguments(parser) if line.startswith("| `")]
    assert row.startswith(f"| `{usage.removeprefix('x ')}` |")


def test_the_usage_shows_options_with_a_value_that_may_be_left_out() -> None:
    parser = argparse.ArgumentParser("x", add_help=False)
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("--drift", nargs="?", metavar="MINUTES")
    parser.add_argument("--env", metavar="NAME")
    assert usage_of(parser) == "x [--flag] [--drift [MINUTES]] [--env NAME]"


def test_the_picture_shows_every_package() -> None:
    svg = (DOCS / "images" / "packages.svg").read_text(encoding="utf-8")
    for package in LAYERS:
        assert f">{package}</text>" in svg
