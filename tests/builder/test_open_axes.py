"""Which axes of the inputs change their size, and inputs of other sizes."""

from __future__ import annotations

from pathlib import Path

import torch
from running import build_here

from etbench.builder.open_axes import open_axes
from etbench.config.sections import Dynamic


def test_an_axis_that_has_the_length_of_the_batch_by_chance_is_left_if_the_model_does_not_take_it() -> None:
    rnn = torch.nn.LSTM(8, 4, batch_first=True)
    example = (torch.randn(1, 3, 8), torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    tried = 0

    def runs(inputs: tuple[torch.Tensor, ...]) -> bool:
        nonlocal tried
        tried += 1
        try:
            rnn(inputs[0], inputs[1:])
        except RuntimeError:
            return False
        return True

    found = open_axes(example, Dynamic(batch=4, measure=[3]), runs)
    assert found.of_inputs == [{0: 0}, {1: 0}, {1: 0}], "the first axis of a state counts the layers"
    assert [[*tensor.shape] for tensor in found.resized(example, {0: 4})] == [[4, 3, 8], [1, 4, 4], [1, 4, 4]]
    sizes = [(other.inputs[0].shape[0], other.timed) for other in found.other_sizes(example)]
    assert sizes == [(3, True), (4, False)]
    assert tried > 1
    assert open_axes(example, Dynamic(batch=4)).of_inputs == [{0: 0}] * 3, "the usual choice if all run"


def test_nothing_is_tried_where_there_is_no_choice() -> None:
    def never(_: object) -> bool:
        raise AssertionError

    assert open_axes((torch.randn(1, 3, 8, 8),), Dynamic(batch=4), never).of_inputs == [{0: 0}]
    assert open_axes((torch.randn(1, 3),), Dynamic(), never).of_inputs == [{}]


def test_an_input_of_another_length_stays_as_it_is() -> None:
    example = (torch.zeros(2, 7), torch.zeros(2, 7), torch.zeros(7, 3))
    found = open_axes(example, Dynamic(batch=4, seq_len=9))
    assert found.of_inputs == [{0: 0, 1: 1}, {0: 0, 1: 1}, {}]


def test_the_state_of_a_recurrent_model_grows_with_its_batch(tmp_path: Path) -> None:
    from etbench.measure.passes.rounds import check

    state = ("model=structured", "model.which='state of one'", "delegate=portable")
    artifact = build_here(tmp_path / "a", *state, "+model.dynamic.batch=3", "+model.dynamic.measure=[2]")
    assert artifact.batch == 1
    assert [one.inputs for one in artifact.timed_sizes] == [[[2, 3, 16], [1, 2, 32], [1, 2, 32]]]
    found = check(tmp_path / "a", threads=1, logits_axis=None)
    assert [one.inputs[0][0] for one in found.other_sizes] == [2, 3]
    for parity in (found.parity, *(one.parity for one in found.other_sizes)):
        assert parity.sqnr_db > 80
