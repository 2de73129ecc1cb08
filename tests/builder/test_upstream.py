"""The cures for slow lowering change no byte of a program, and are still needed."""

from __future__ import annotations

import inspect

from alone import built_alone

RECIPES = [(f"model={model}", "precision=int8") for model in ("two_layers", "two_parts")]


def test_programs_are_the_same_with_and_without_them() -> None:
    digests = built_alone(*RECIPES, uncured=RECIPES)
    assert digests[: len(RECIPES)] == digests[len(RECIPES) :]


def test_torch_still_copies_the_whole_provenance_of_each_node() -> None:
    from torch.fx.traceback import NodeSource

    text = inspect.getsource(NodeSource.__init__)
    assert 'copy.deepcopy(node.meta["from_node"])' in text, "upstream.py is no longer needed"


def test_torch_still_looks_up_all_operators_for_each_namespace() -> None:
    from torch._export import utils

    text = inspect.getsource(utils._collect_all_valid_cia_ops_for_namespace)
    assert "_materialize_cpp_cia_ops()" in text, "upstream.py need not look them up once"


def test_the_quantizer_still_exports_patterns_of_batch_norm_for_each_graph() -> None:
    from executorch.backends.xnnpack.quantizer import xnnpack_quantizer_utils as quantizer

    text = inspect.getsource(inspect.unwrap(quantizer._do_annotate_conv_bn))
    assert "_get_aten_graph_module_for_pattern(pattern" in text, "upstream.py need not avoid it"
