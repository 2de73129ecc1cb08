"""Known failures of libraries; the texts are those of executorch 1.5.1 and torch 2.13."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from etbench.engine.known_failures import KNOWN, diagnosed, known_failure
from etbench.events import Failure
from etbench.system.printed import runtime_lines

REFUSED = "the runtime refuses the program: Failed to load method forward, error: 0x:{}"
# By the code of the failure: precision, delegate, stage, message, and what was printed.
SEEN = {
    "export.branches_on_data": (
        *("fp32", "xnnpack", "export"),
        "Could not guard on data-dependent expression Eq(u0, 1) (unhinted: Eq(u0, 1)).  (Size-like symbols: "
        "none)\n\nconsider using data-dependent friendly APIs such as guard_or_false, guard_or_true and "
        "statically_known_true.\nCaused by: (_export/non_strict_utils.py:1205 in __torch_function__)",
        "",
    ),
    "lower.not_core": (
        *("fp32", "xnnpack", "lower"),
        "Operator torch._ops.aten.bitwise_right_shift.Tensor_Scalar is not in Core ATen opset "
        '(https://pytorch.org/docs/stable/torch.compiler_ir.html#core-aten-ir)."\nThere are a few things to '
        "try:\n",
        "",
    ),
    "lower.complex": (
        *("fp32", "xnnpack", "lower"),
        "These operators are taking Tensor inputs with mismatched dtypes: Operator: <EdgeOpOverload: "
        "aten.mul.Tensor>: schema = aten::mul.Tensor(Tensor self, Tensor other) -> Tensor with args: "
        "{'self': torch.complex64, 'other': torch.complex64, '__ret_0': torch.complex64}\nstack trace: …",
        "",
    ),
    "lower.mixed_dtypes": (
        *("fp32", "portable", "lower"),
        "These operators are taking Tensor inputs with mismatched dtypes: Operator: <EdgeOpOverload: "
        "aten.addmm.default> with args: {'self': torch.float32, 'mat1': torch.float64}",
        "",
    ),
    "xnnpack.kept_whole": (
        *("fp32", "xnnpack", "lower"),
        "Node aten_linear_default with op <EdgeOpOverload: aten.linear.default>: schema = aten::linear("
        "Tensor input, Tensor weight, Tensor? bias=None) -> Tensor was not decomposed or delegated.\nThis op "
        "was registered by the partitioner AcyclicXnnpackPartitioner to not be decomposed.",
        "",
    ),
    "xnnpack.quantized_pad": (
        *("int8", "xnnpack", "load_program", REFUSED.format("1")),
        "[threadpool.cpp:66] Resetting threadpool to 1 threads.\n"
        "[XNNCompiler.cpp:1262] Failed to create StaticConstantPad node 5 with code: "
        "xnn_status_invalid_parameter\n"
        "[XNNPACKBackend.cpp:143] XNNCompiler::compileModel failed: 0x1\n"
        "[method.cpp:128] Init failed for backend XnnpackBackend: 0x1\n",
    ),
    "xnnpack.dynamic_layout": (
        *("int8_dynamic", "xnnpack", "parity", "method->execute() failed with error 0x1"),
        "[XNNExecutor.cpp:169] Internal Error: Propagating input shapes failed with code: "
        "xnn_status_invalid_parameter\n"
        "[method.cpp:1528] CALL_DELEGATE execute failed at instruction 4: 0x1\n",
    ),
    "runtime.memory_layout": (
        *("fp32", "portable", "parity", "method->execute() failed with error 0x12"),
        "[tensor_util_portable.cpp:130] Check failed (all_contiguous || all_channels_last): 3 input tensors "
        "have different dim orders\n"
        "[op_mul.cpp:37] Check failed (tensors_have_same_dim_order(a, b, out)): \n"
        "[method.cpp:1483] KernelCall failed at instruction 0:1 in operator aten::mul.out: 0x12\n",
    ),
    "inductor.quantized_pool": (
        *("int8", "inductor", "parity"),
        "Could not run 'aten::quantized_max_pool2d' with arguments from the 'CPU' backend. This could be "
        "because the operator doesn't exist for this backend, or was omitted during the selective/custom "
        "build process",
        "",
    ),
    "runtime.no_kernel": (
        *("fp32", "portable", "load_program", REFUSED.format("14")),
        "[cpuinfo_utils.cpp:87] Failed to open midr file /sys/devices/soc0/image_version\n"
        "[operator_registry.cpp:277] kernel 'aten::max_pool3d_with_indices.out' not found.\n"
        "[operator_registry.cpp:278] dtype: 6 | dim order: [\n[operator_registry.cpp:278] 0,\n"
        "[operator_registry.cpp:278] ]\n"
        "[method.cpp:822] Missing operator: [2] aten::max_pool3d_with_indices.out\n"
        "[method.cpp:1128] There are 1 instructions don't have corresponding operator registered. See logs "
        "for details\n",
    ),
}
FIRST = {
    "xnnpack.quantized_pad": "XNNCompiler.cpp: Failed to create StaticConstantPad node 5 with code: "
    "xnn_status_invalid_parameter (the runtime refuses the program: Failed to load method forward, error: "
    "0x:1)",
    "xnnpack.dynamic_layout": "XNNExecutor.cpp: Internal Error: Propagating input shapes failed with code: "
    "xnn_status_invalid_parameter (method->execute() failed with error 0x1)",
    "runtime.memory_layout": "tensor_util_portable.cpp: Check failed (all_contiguous || all_channels_last): "
    "3 input tensors have different dim orders (method->execute() failed with error 0x12)",
    "runtime.no_kernel": "operator_registry.cpp: kernel 'aten::max_pool3d_with_indices.out' not found. "
    "(the runtime refuses the program: Failed to load method forward, error: 0x:14)",
}


def _failure(
    stage: str, message: str, printed: str = "", kind: str = "RuntimeError", hint: str = ""
) -> Failure:
    return Failure(
        stage=stage, kind=kind, message=message, hint=hint, traceback="", log=list(runtime_lines(printed))
    )


@pytest.mark.parametrize("code", [known.code for known in KNOWN])
def test_a_known_failure_is_recognized_and_its_cure_and_link_are_the_hint(code: str) -> None:
    precision, delegate, stage, message, printed = SEEN[code]
    found = diagnosed(_failure(stage, message, printed), precision=precision, delegate=delegate)
    (known,) = [one for one in KNOWN if one.code == code]
    assert found.known == code
    assert known.cure in found.hint and known.link in found.hint
    assert found.message.splitlines()[0] == FIRST.get(code, message.splitlines()[0])


def test_the_other_form_of_mixed_up_layouts_is_recognized_too() -> None:
    message = (
        "required rank 4 tensor to use channels_last format (in ChannelsLastTaggedReshapePass)\n\n"
        "While executing %aten__to_copy_default : [num_users=1] = call_function[target=executorch.exir."
        "dialects.edge._ops.aten._to_copy.default](args = (%getitem_2,), kwargs = {memory_format: "
        "torch.channels_last})"
    )
    found = diagnosed(_failure("lower", message), precision="int8_dynamic", delegate="xnnpack")
    assert found.known == "xnnpack.dynamic_layout"


def test_every_entry_has_a_link_to_its_library_and_a_code_of_its_own() -> None:
    assert list(SEEN) == [known.code for known in KNOWN]
    for known in KNOWN:
        assert re.fullmatch(
            r"https://(github\.com/pytorch/(executorch/(issues|pull)/\d+|pytorch/blob/v2.+)|docs\.pytorch\.org/.+)",
            known.link,
        )


def test_what_etbench_offers_instead_is_named() -> None:
    cures = {known.code: known.cure for known in KNOWN}
    assert "delegate.check_ir=false" in cures["lower.not_core"]
    assert (
        "torch.cond" in cures["export.branches_on_data"] and "torch.where" in cures["export.branches_on_data"]
    )
    assert "precision.keep_fp32" in cures["xnnpack.quantized_pad"]
    assert "precision=int8," in cures["xnnpack.dynamic_layout"]
    assert "delegate=portable" in cures["xnnpack.kept_whole"]


def test_an_entry_is_limited_to_its_precision_and_delegate() -> None:
    precision, delegate, stage, message, printed = SEEN["xnnpack.dynamic_layout"]
    failure = _failure(stage, message, printed)
    assert known_failure(failure, precision, delegate) is not None
    assert known_failure(failure, precision, "xnnpack_per_op") is not None
    assert known_failure(failure, "int8", delegate) is None
    assert known_failure(failure, precision, "portable") is None
    assert all(
        fnmatchcase("int8", known.precision) for known in KNOWN if known.code != "xnnpack.dynamic_layout"
    )


@pytest.mark.parametrize(
    ("stage", "kind", "message", "hint", "precision", "delegate", "expected"),
    [
        ("lower", "KeyError", "'val'", "", "int8", "xnnpack", "try precision=fp32 or delegate=portable"),
        (
            "lower",
            "KeyError",
            "'val'",
            "",
            "int8_dynamic",
            "portable",
            "try precision=int8 or precision=fp32",
        ),
        ("lower", "KeyError", "'val'", "", "fp32", "portable", ""),
        (
            "parity",
            "RuntimeError",
            "execute() failed with error 0x21",
            "",
            "fp32",
            "xnnpack",
            "MemoryAllocation",
        ),
        ("parity", "RuntimeError", "error 0x1", "", "fp32", "xnnpack", "is the cause, try delegate=portable"),
        ("load_program", "RuntimeError", "error 0x:23", "", "as_built", "xnnpack", "0x23 InvalidProgram"),
        (
            "quantize",
            "EtbenchError",
            "matches no module",
            "layers are a, b",
            "int8",
            "xnnpack",
            "layers are a, b",
        ),
        ("load", "ValueError", "no such weights", "", "int8", "xnnpack", ""),
        ("evaluate", "LookupError", "the data set", "", "int8", "xnnpack", ""),
    ],
)
def test_the_hint_of_any_other_failure_is_what_fits_it(
    stage: str, kind: str, message: str, hint: str, precision: str, delegate: str, expected: str
) -> None:
    found = diagnosed(_failure(stage, message, kind=kind, hint=hint), precision=precision, delegate=delegate)
    assert found.known == ""
    assert expected in found.hint if expected else not found.hint
    if precision == "as_built" or kind == "EtbenchError":
        assert "try" not in found.hint


def test_the_type_that_an_input_should_have_comes_first() -> None:
    printed = "[method.cpp:1206] Input 0 has unexpected scalar type: expected Double but was Float.\n"
    code = "method->set_inputs() for method 'forward' failed with error 0x12"
    found = diagnosed(_failure("parity", code, printed), precision="fp32", delegate="xnnpack")
    assert (
        found.message
        == f"method.cpp: Input 0 has unexpected scalar type: expected Double but was Float. ({code})"
    )


def test_what_was_printed_by_the_way_does_not_replace_an_error_of_python() -> None:
    printed = "[XNNExecutor.cpp:169] something that was only a remark\n"
    found = diagnosed(
        _failure("evaluate", "no labels", printed, kind="KeyError"), precision="fp32", delegate="x"
    )
    assert (found.message, found.log) == ("no labels", ["XNNExecutor.cpp: something that was only a remark"])
