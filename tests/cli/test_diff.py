"""`etbench diff`: which two cells it takes, what it prints from their profiles, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from running import status_of

from etbench.measure.pass_results import Operator, Profile
from etbench.results.files.store import write_result
from etbench.results.schema import Result


def _profile(convolution: str, kind: str, mean_ms: float) -> Profile:
    times = [(convolution, kind, mean_ms), ("Add (ND) #1", "delegated", 1.0)]
    return Profile(
        execute_ms=mean_ms + 1.5,
        elsewhere_ms=0.5,
        inferences=3,
        operators=[
            Operator(name=name, kind=kind, instruction=0, mean_ms=ms, share=None) for name, kind, ms in times
        ],
    )


@pytest.fixture
def sweep(tmp_path: Path, make_result: Callable[..., Result]) -> Path:
    """Two profiled cells, of which one left the convolution behind, and one without a profile."""
    taken = make_result(profile=_profile("Convolution (NHWC, F32) IGEMM #1", "delegated", 8.0), p50=9.0)
    left = make_result(delegate="other", profile=_profile("convolution.out", "portable", 20.0), p50=22.0)
    assert left.artifact
    delegation = msgspec.structs.replace(
        left.artifact.delegation,
        left_behind={"aten.convolution.default": 1},
        reasons={"aten.convolution.default": "too wide"},
        subgraphs=2,
    )
    left = msgspec.structs.replace(
        left,
        artifact=msgspec.structs.replace(
            left.artifact, delegation=delegation, pte_bytes=2_000, sha256="1" * 64
        ),
    )
    for number, result in enumerate((taken, left, make_result(precision="int8"))):
        write_result(result, tmp_path, str(number))
    return tmp_path


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, Any]:
    status = status_of("diff", *arguments, "--format=json")
    return status, json.loads(capsys.readouterr().out)


def test_stored_profiles_are_shown_but_name_no_cause(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = (str(sweep), "--a", "fp32 xnnpack", "--b", "delegate=other")
    status, found = _json(capsys, *cells)
    assert status == 4
    assert found["interleaved"] is False
    assert "not measured now: " in found["notes"][0]
    first = found["parts"][0]
    assert (first["kind"], first["cause"], first["change"]["change_ms"]) == (
        "convolutions and linear layers",
        False,
        12.0,
    )
    assert (first["a_portable"], first["b_portable"]) == (0, 1)
    assert found["delegation"][0]["reason"] == ""  # `add` is first; nothing is known of it
    assert {one["name"]: one["reason"] for one in found["delegation"]}[
        "aten.convolution.default"
    ] == "too wide"
    chart = sweep / "why.svg"
    assert status_of("diff", *cells, "--allow-undecided", f"--chart={chart}") == 0
    assert chart.read_text().count("convolutions and linear layers") >= 1
    printed = capsys.readouterr().out
    assert "no cause is named" in printed
    assert "convolution" in printed
    assert "subgraphs 1 to 2" in printed
    assert "file 1,000 to 2,000 bytes" in printed
    assert status_of("diff", *cells, "--no-measure", "--format=markdown") == 4
    assert (
        "| convolutions and linear layers | 8 | 20 | +12 | none | 1 more on portable kernels in B"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "A: {sweep}: 3 cells fit: resnet18_fp32_other, resnet18_fp32_xnnpack, resnet18_int8_xnnpack"),
        (("--a=fp16",), "no cell fits 'fp16'"),
        (("--a=other", "--b=delegate=other"), "A and B are the same result"),
        (("--a=other", "--b=int8"), "resnet18_int8_xnnpack: no profile in the result"),
        (("--a=other", "--b=fp32 xnnpack", "--measure"), "was measured on"),
        (("--a=other", "--where=model=gpt2"), "no cell meets 'model=gpt2'"),
    ],
)
def test_cells_that_cannot_be_compared_are_refused_with_what_there_is(
    arguments: tuple[str, ...], says: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("diff", str(sweep), *arguments) == 2
    assert says.format(sweep=sweep) in " ".join(capsys.readouterr().err.split())
