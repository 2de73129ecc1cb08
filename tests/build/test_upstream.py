"""The cures for slow lowering change no byte of a program, and are still needed."""

from __future__ import annotations

import inspect

from alone import built_alone

RECIPES = [(f"model={model}", "precision=int8") for model in ("tiny", "two_parts")]


def test_programs_are_the_same_with_and_without_them() -> None:
    assert built_alone(*RECIPES) == built_alone(*RECIPES, cured=False)


def test_torch_still_copies_the_whole_provenance_of_each_node() -> None:
    from torch.fx.traceback import NodeSource

    text = inspect.getsource(NodeSource.__init__)
    assert 'copy.deepcopy(node.meta["from_node"])' in text, "upstream.py is no longer needed"
