"""The parts of a difference: simulated profiles of two programs with a planted change, or with none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from simulated_rounds import recorded_noise

from etbench.artifact.kinds import COPIES
from etbench.measure.pass_results import Operator
from etbench.results.diff.parts import ANY_PRODUCT, ELSEWHERE, UNEXPLAINED, Part, parts_of
from etbench.results.diff.profiled import Profiled

BLOCKS, TRIALS = 15, 40
CONVOLUTION, LINEAR = "aten.convolution.default", "aten.linear.default"
Change = Callable[[list[Operator]], list[Operator]]


def _operator(
    name: str, mean_ms: float, kind: str = "delegated", module: str = "", graph_name: str = ""
) -> Operator:
    return Operator(
        name=name,
        kind=kind,
        instruction=0,
        mean_ms=mean_ms,
        share=None,
        module=module,
        graph_name=graph_name or (CONVOLUTION if module else ""),
    )


PROGRAM = [
    _operator("Transpose (ND, X32) #1", 0.02),
    *(_operator(f"Convolution (NHWC, F32) IGEMM #{n}", 0.2, module=f"body.{n}") for n in range(5)),
    _operator("call of the delegate", 0.03, "delegate"),
    _operator("cumsum.out", 0.1, "portable"),
    _operator("Add (ND) #1", 0.02),
    _operator("Softmax (NC, F32) #1", 0.05),
    _operator("Fully Connected (NC, F32) GEMM #1", 0.05, graph_name=LINEAR),
]


def _doubled(program: list[Operator]) -> list[Operator]:
    return [*program, _operator("Convolution (NHWC, F32) IGEMM #9", 0.2, module="again")]


def _undelegated(program: list[Operator]) -> list[Operator]:
    left = _operator("convolution.out", 0.6, "portable", module="body.2")
    border = [_operator("Transpose (ND, X32) #2", 0.02), _operator("Transpose (ND, X32) #3", 0.02)]
    return [left if one.module == "body.2" else one for one in program] + border


def _copied(program: list[Operator]) -> list[Operator]:
    return [*program, _operator("_to_dim_order_copy.out", 0.03, "portable")]


def _same(program: list[Operator]) -> list[Operator]:
    return program


def _measured(random: np.random.Generator, operators: list[Operator], noise: np.ndarray) -> Profiled:
    """Simulate blocks: a round with the profiler and one without, each slowed by the noise of its time."""
    wanted = np.array([one.mean_ms for one in operators])
    own = random.normal(0, 0.03, (BLOCKS, len(operators)))
    return Profiled(
        operators=operators,
        latency_ms=(wanted.sum() * 0.95 * np.exp(noise[0])).tolist(),
        times_ms=(wanted * np.exp(noise[1][:, None] + own)).tolist(),
        elsewhere_ms=(0.01 * np.exp(noise[1])).tolist(),
    )


def _trials(change: Change) -> list[tuple[list[Part], Part]]:
    """Measure both programs in turn: the four rounds of each block have a random order."""
    random = np.random.default_rng(0)
    found = []
    for series in recorded_noise(random, TRIALS, 4 * BLOCKS):
        noise = random.permuted(series.reshape(BLOCKS, 4), axis=1).T
        a, b = _measured(random, PROGRAM, noise[:2]), _measured(random, change(PROGRAM), noise[2:])
        _, parts, unexplained = parts_of(a, b)
        found.append((parts, unexplained))
    return found


@pytest.mark.parametrize(
    ("change", "kind"), [(_doubled, "convolution"), (_undelegated, "convolution"), (_copied, COPIES)]
)
def test_a_planted_change_is_the_first_cause_in_95_of_100_trials(change: Change, kind: str) -> None:
    first = [parts[0].kind if parts[0].cause else "" for parts, _ in _trials(change)]
    assert first.count(kind) >= 0.95 * TRIALS


def test_between_equal_programs_there_is_no_cause_in_95_of_100_trials() -> None:
    named = [any(part.cause for part in parts) for parts, _ in _trials(_same)]
    assert sum(named) <= 0.05 * TRIALS


def test_a_part_says_what_moved_and_which_operators_only_one_program_has() -> None:
    (undelegated, _), (doubled, _) = _trials(_undelegated)[0], _trials(_doubled)[0]
    assert (undelegated[0].a_portable, undelegated[0].b_portable) == (0, 1)
    assert (undelegated[0].operators[0].module, undelegated[0].operators[0].b_where) == ("body.2", "portable")
    assert (doubled[0].a_count, doubled[0].b_count) == (5, 6)
    assert [one.module for one in doubled[0].operators if one.a_ms is None] == ["again"]


def test_the_parts_and_what_they_do_not_explain_add_up_to_the_change() -> None:
    random = np.random.default_rng(1)
    noise = np.zeros((2, BLOCKS))
    a, b = _measured(random, PROGRAM, noise), _measured(random, _doubled(PROGRAM), noise)
    latency, parts, unexplained = parts_of(a, b)
    total = sum(part.change.change_ms for part in parts) + unexplained.change.change_ms
    assert total == pytest.approx(latency.change_ms, abs=0.01)
    assert {part.kind for part in parts} >= {ELSEWHERE, "convolution", "linear", "add"}
    assert unexplained.kind == UNEXPLAINED


def test_a_single_block_has_no_intervals_and_so_no_cause() -> None:
    once = [_once(operators) for operators in (PROGRAM, _undelegated(PROGRAM))]
    latency, parts, _ = parts_of(*once)
    assert (latency.low_ms, latency.high_ms) == (None, None)
    assert not any(part.cause for part in parts)
    assert parts[0].kind == "convolution"


def test_operators_without_places_are_matched_in_order_only_if_both_have_as_many() -> None:
    blind = [msgspec.structs.replace(one, module="", graph_name="") for one in PROGRAM]
    more = [*blind, _operator("Convolution (NHWC, F32) IGEMM #9", 0.2)]
    for others, alone in ((blind, 0), (more, 5)):
        _, parts, _ = parts_of(_once(blind), _once(others))
        convolution = next(part for part in parts if part.kind == ANY_PRODUCT)
        unmatched = [one for one in convolution.operators if one.a_ms is None or one.b_ms is None]
        assert len(unmatched) == alone


def _once(operators: Sequence[Operator]) -> Profiled:
    return Profiled(
        operators=list(operators),
        latency_ms=[sum(one.mean_ms for one in operators)],
        times_ms=[[one.mean_ms for one in operators]],
        elsewhere_ms=[0.0],
    )
