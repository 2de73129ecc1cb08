"""Where the differences of profiled cells lie: which cells are paired, and what the report has of them."""

from __future__ import annotations

from collections.abc import Callable

from etbench.measure.pass_results import Operator, Profile
from etbench.results.report.content import gather
from etbench.results.report.why import differences
from etbench.results.schema import Result


def _profile(mean_ms: float) -> Profile:
    name = "Convolution (NHWC, F32) IGEMM #1"
    one = Operator(
        name=name, kind="delegated", instruction=0, mean_ms=mean_ms, share=0.5, module="a.b", flops=10**6
    )
    return Profile(execute_ms=2 * mean_ms, elsewhere_ms=mean_ms, inferences=3, operators=[one])


def test_profiled_cells_are_explained_from_fp32_on_their_own_delegate(
    make_result: Callable[..., Result],
) -> None:
    cells = [
        make_result(profile=_profile(4.0), p50=8.0),
        make_result(precision="int8", profile=_profile(1.0), p50=2.0),
        make_result(precision="int8", delegate="portable", profile=_profile(1.0)),
        make_result(precision="fp16"),
    ]
    (found,) = differences(cells)
    assert (found.a, found.b) == ("resnet18 fp32 xnnpack", "resnet18 int8 xnnpack")
    assert not found.causes
    sections = {section.name: section for section in gather(cells).sections}
    assert len(sections["why"].specs) == len(sections["why"].numbers) == 1
    captions = [grid.caption for grid in sections["operators"].numbers]
    assert captions[:2] == ["Time by kind of operator", "Time by module"]
    assert "why" not in {section.name for section in gather(cells[2:]).sections}
