"""The size of a program before it is built: known, guessed from others of its model, or unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from running import CONF

from etbench.artifact import Quantized
from etbench.builder.cache.entry import Entry
from etbench.cli.program_sizes import ProgramSizes
from etbench.config import Cell
from etbench.preflight.compose import compose
from etbench.results.schema import Result

QUANTIZED = Quantized(
    **{"macs": None, "macs_share": None, "weights_share": 1.0},
    **{"operators": {}, "operators_in_float": {}, "layers_in_float": {}},
)


@pytest.fixture(scope="module")
def cells() -> dict[str, Cell]:
    """The cell of a model in several precisions."""
    return {
        name: compose(["model=digits", f"precision={name}"], config_dir=CONF)
        for name in ("fp32", "bf16", "int8")
    }


@pytest.fixture
def entry(make_result: Callable[..., Result]) -> Callable[..., Entry]:
    """A function that makes an entry of the cache with a program of this name and size."""

    def make(name: str, pte_bytes: int, **more: object) -> Entry:
        artifact = msgspec.structs.replace(make_result(pte_bytes=pte_bytes).artifact, **more)
        return Entry(Path(name), "0" * 64, name, artifact, pte_bytes, 0.0)

    return make


def test_a_program_is_as_large_as_the_last_one_of_its_name(
    cells: dict[str, Cell], entry: Callable[..., Entry]
) -> None:
    sizes = ProgramSizes([entry("digits_fp32_xnnpack", 500), entry("digits_fp32_xnnpack", 400)])
    assert (sizes.last(cells["fp32"]), sizes.last(cells["int8"])) == (500, None)
    assert ProgramSizes().last(cells["fp32"]) is None


def test_a_guess_takes_the_precision_into_account_and_no_model_of_a_longer_name(
    cells: dict[str, Cell], entry: Callable[..., Entry]
) -> None:
    other = entry("digits_spread_fp32_xnnpack", 9_000)
    full = ProgramSizes([other, entry("digits_fp32_portable", 400)])
    assert {name: full.guess(cell) for name, cell in cells.items()} == {"fp32": 400, "bf16": 200, "int8": 100}
    small = ProgramSizes([entry("digits_int8_xnnpack", 100, quantized=QUANTIZED)])
    assert small.guess(cells["fp32"]) == 400
    half = ProgramSizes([entry("digits_fp16_xnnpack", 200, float_dtypes=["float16"])])
    assert half.guess(cells["fp32"]) == 400
    assert ProgramSizes([other]).guess(cells["fp32"]) is None
