"""What is called for a sample: the same each time, or the next token of a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from etbench.config import Generation
from etbench.measure.passes.work import timed_ms, work_of

LENGTHS = Generation(prompt_tokens=3, new_tokens=4, max_tokens=8)
PROMPT = (torch.tensor([[4, 5, 6]]), torch.tensor([0]))


class Counting:
    """A program whose next token is always one more than the last; it keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[int], int]] = []
        self.fetched = 0

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Tensor]:
        tokens, position = inputs
        self.calls.append((tokens[0].tolist(), int(position)))
        return [torch.nn.functional.one_hot(tokens[:, -1] + 1, 20).float()]

    def get_outputs(self, clone_outputs: bool = True) -> list[Tensor]:
        self.fetched += 1
        return []


def test_a_text_goes_on_from_its_own_tokens_and_begins_again_when_it_is_complete() -> None:
    program = Counting()
    work = work_of(program, PROMPT, LENGTHS)
    for _ in range(4):
        work.make_ready()
        work.step()
    text = [([4, 5, 6], 0), ([7], 3), ([8], 4), ([9], 5)]
    assert program.calls == [*text, *text[:2]], "four tokens are chosen, the last of them is not called with"
    assert len(work.prefill_ms) == 2


def test_warming_up_leaves_no_prompt_behind() -> None:
    program = Counting()
    work = work_of(program, PROMPT, LENGTHS)
    work.begin()
    work.make_ready()
    work.step()
    work.start_over()
    assert work.prefill_ms == []
    work.make_ready()
    assert program.calls[-1] == ([4, 5, 6], 0)
    assert len(work.prefill_ms) == 1


def test_steps_without_end_stay_inside_of_the_cache() -> None:
    program = Counting()
    work = work_of(program, PROMPT, LENGTHS)
    work.begin()
    for _ in range(6):
        work.step()
    assert [position for _, position in program.calls] == [0, 3, 4, 5, 5, 5, 5]


def test_any_other_model_gets_the_same_call_each_time() -> None:
    program = Counting()
    work = work_of(program, PROMPT, None)
    work.begin()
    for _ in range(2):
        work.make_ready()
        work.step()
    assert program.calls == [([4, 5, 6], 0)] * 3
    assert program.fetched == 2, "the binding is made warm"
    assert work.prefill_ms == []


def test_several_times_in_a_row_are_timed_together() -> None:
    calls = []
    assert timed_ms(lambda: calls.append(1), 50) > 0
    assert len(calls) == 50
