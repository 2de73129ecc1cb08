"""The cures for slow lowering are still needed; that they change no byte stands in test_same_bytes.py."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from executorch.backends.xnnpack.partition.graphs import bilinear_2d, sdpa

from etbench.builder import upstream
from etbench.builder.upstream import IN_ATTENTION, IN_RESIZING


def test_torch_still_copies_the_whole_provenance_of_each_node() -> None:
    from torch.fx.traceback import NodeSource

    text = inspect.getsource(NodeSource.__init__)
    assert 'copy.deepcopy(node.meta["from_node"])' in text, "upstream.py is no longer needed"


def test_torch_still_looks_up_all_operators_for_each_namespace() -> None:
    from torch._export import utils

    text = inspect.getsource(utils._collect_all_valid_cia_ops_for_namespace)
    assert "_materialize_cpp_cia_ops()" in text, "upstream.py need not look them up once"


def test_torch_still_annotates_each_kernel_that_an_operator_is_given() -> None:
    from torch._ops import OperatorBase

    assert "def inner(fn: Callable[_P, _T]) -> Callable[_P, _T]:" in inspect.getsource(OperatorBase.py_impl)


def test_what_stands_for_callable_knows_callables() -> None:
    upstream.apply()
    from torch import _ops

    assert isinstance(print, _ops.Callable)
    assert not isinstance(1, _ops.Callable)
    assert _ops.Callable[[int], str] is _ops.Callable


def test_the_quantizer_still_exports_patterns_of_batch_norm_for_each_graph() -> None:
    from executorch.backends.xnnpack.quantizer import xnnpack_quantizer_utils as quantizer

    text = inspect.getsource(inspect.unwrap(quantizer._do_annotate_conv_bn))
    assert "_get_aten_graph_module_for_pattern(pattern" in text, "upstream.py need not avoid it"


@pytest.mark.parametrize(
    ("patterns", "operator"),
    [(sdpa.get_graphs, IN_ATTENTION), (bilinear_2d.get_graphs, IN_RESIZING)],
    ids=["attention", "resizing"],
)
def test_every_pattern_has_the_operator_without_which_it_is_not_looked_for(
    patterns: Any, operator: str
) -> None:
    with warnings.catch_warnings(action="ignore"):  # of the libraries
        found: Sequence[Any] = patterns()
    assert len(found) >= 2
    for pattern in found:
        assert any(operator in str(node.target) for node in pattern.graph.nodes)


def test_executorch_still_imports_the_whole_compiler_of_torch() -> None:
    from executorch.exir.program import _program

    assert f"from {upstream.REINPLACING} import" in inspect.getsource(_program)
    text = (Path(torch.export.__file__).parent / "_remove_auto_functionalized_pass.py").read_text()
    assert "from torch._inductor" in text, "upstream.py need not avoid it"


def test_an_operator_that_changes_its_input_is_put_back_by_torch() -> None:
    with torch.library._scoped_library("etbench_tests", "DEF") as library:
        library.define("add_one_(Tensor(a!) x) -> ()")
        library.impl("add_one_", lambda x: x.add_(1), "CPU")
        library.impl("add_one_", lambda x: None, "Meta")

        class Adds(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                y = x * 2
                torch.ops.etbench_tests.add_one_(y)
                return y

        with warnings.catch_warnings(action="ignore"):  # of the libraries
            program = torch.export.export(Adds(), (torch.ones(2),)).run_decompositions({})
            before = {str(node.target) for node in program.graph.nodes}
            after = {str(node.target) for node in upstream.reinplace(program).graph.nodes}
    assert "auto_functionalized_v2" in before
    assert "etbench_tests.add_one_.default" in after
    assert "auto_functionalized_v2" not in after


def test_the_passes_of_xnnpack_still_export_their_patterns_for_every_graph() -> None:
    from executorch.backends.xnnpack._passes import convert_to_sdpa, convert_to_upsample_bilinear2d

    for module in (convert_to_sdpa, convert_to_upsample_bilinear2d):
        (converter,) = [value for name, value in vars(module).items() if name.startswith("ConvertTo")]
        text = inspect.getsource(inspect.unwrap(converter.call))
        assert ".get_graphs" in text, "upstream.py need not avoid it"
