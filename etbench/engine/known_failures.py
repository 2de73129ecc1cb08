"""Failures of torch, ExecuTorch and its delegates that are known, each with its cure, declared once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec
from msgspec import Struct

from etbench.events import Failure
from etbench.runtime.error_codes import explain

__all__ = ["KNOWN", "KnownFailure", "diagnosed", "known_failure"]

ISSUES = "https://github.com/pytorch/executorch/issues"
AS_BUILT = "as_built"
PULLS = "https://github.com/pytorch/executorch/pull"
# Kinds of errors that etbench itself raises, with a hint of their own.
OWN_KINDS = ("EtbenchError", "ProcessDied", "Timeout", "Garbage", "MemoryError", "OutOfMemory", "Interrupted")


class KnownFailure(Struct, frozen=True, kw_only=True):
    """A failure that is recognized by its text.

    `pattern` is searched in the message, in what the runtime printed and in the traceback. `precision` and
    `delegate` limit it to those names; ``*`` matches anything. `link` is where the library describes it.
    """

    code: str
    pattern: str
    cause: str
    cure: str
    link: str
    precision: str = "*"
    delegate: str = "*"

    def covers(self, text: str, precision: str, delegate: str) -> bool:
        """Return whether this is what failed."""
        return (
            fnmatchcase(precision, self.precision)
            and fnmatchcase(delegate, self.delegate)
            and re.search(self.pattern, text) is not None
        )

    @property
    def hint(self) -> str:
        """Cause, cure and link in one sentence."""
        return f"{self.cause}: {self.cure} ({self.link})"


KNOWN: tuple[KnownFailure, ...] = (
    KnownFailure(
        code="export.branches_on_data",
        pattern="Could not guard on data-dependent expression",
        cause="an exported program cannot choose its next operator by the values of a tensor",
        cure="write the choice with torch.where, or with torch.cond for two branches",
        link="https://docs.pytorch.org/docs/stable/cond.html",
    ),
    KnownFailure(
        code="lower.not_core",
        pattern="is not in Core ATen opset",
        cause="ExecuTorch refuses operators outside of its core set",
        cure="delegate.check_ir=false lowers it without this check; it runs if the runtime or the delegate "
        "has a kernel for it",
        link=f"{ISSUES}/15673",
    ),
    KnownFailure(
        code="lower.complex",
        pattern="mismatched dtypes(?s:.*)torch\\.complex",
        cause="ExecuTorch does not take complex numbers in most operators",
        cure="compute with real ones, as with the cosine and sine of a rotary embedding",
        link=f"{PULLS}/20828",
    ),
    KnownFailure(
        code="lower.mixed_dtypes",
        pattern="mismatched dtypes",
        cause="ExecuTorch refuses an operator whose inputs have different dtypes",
        cure="convert them to one dtype in the model; delegate.check_ir=false lowers it without this check",
        link=f"{ISSUES}/7112",
    ),
    KnownFailure(
        code="xnnpack.kept_whole",
        pattern="was not decomposed or delegated",
        delegate="xnnpack*",
        cause="XNNPACK keeps operators such as linear whole and does not take them inside of torch.cond",
        cure="delegate=portable runs it; or compute both branches and choose with torch.where",
        link=f"{PULLS}/17677",
    ),
    KnownFailure(
        code="xnnpack.quantized_pad",
        pattern="Failed to create StaticConstantPad node",
        cause="XNNPACK pads int8 only if its input and its output have the same scale",
        cure="precision.keep_fp32=[<the module with the pad>], precision=int8_dynamic or delegate=portable",
        link=f"{PULLS}/20553",
    ),
    KnownFailure(
        code="xnnpack.dynamic_layout",
        pattern="Propagating input shapes failed|ChannelsLastTaggedReshapePass",
        precision="int8_dynamic*",
        delegate="xnnpack*",
        cause="XNNPACK's lowering mixes up the memory layouts around a convolution in dynamic int8",
        cure="precision=int8, or precision.keep_fp32=[<the convolution>]; delegate=portable runs it as it is",
        link=f"{PULLS}/21637",
    ),
    KnownFailure(
        code="runtime.memory_layout",
        pattern="input tensors have different dim orders",
        cause="a portable kernel does not take tensors of different memory layouts",
        cure="model.memory_format=contiguous, or delegate=xnnpack, which takes more operators",
        link=f"{ISSUES}/12914",
    ),
    KnownFailure(
        code="inductor.quantized_pool",
        pattern=r"Could not run 'aten::quantized_max_pool2d' with arguments from the 'CPU' backend",
        cause="Inductor replaces a quantized max pooling by an operator that a compiled package cannot call",
        cure="use precision=fp32 or precision=int8_dynamic on inductor, or another delegate",
        link="https://github.com/pytorch/pytorch/blob/v2.13.0/torch/_inductor/fx_passes/quantization.py",
        delegate="inductor",
    ),
    KnownFailure(
        code="runtime.no_kernel",
        pattern=r"kernel '[^']+' not found|Missing operator: ",
        cause="the runtime has no kernel for an operator that no delegate took",
        cure="use a delegate that takes it, or write the model without it",
        link=f"{ISSUES}/12464",
    ),
)


def known_failure(failure: Failure, precision: str, delegate: str) -> KnownFailure | None:
    """Return the first entry of the table that covers a failure."""
    text = "\n".join([failure.message, *failure.log, failure.traceback])
    return next((known for known in KNOWN if known.covers(text, precision, delegate)), None)


def diagnosed(failure: Failure, *, precision: str, delegate: str) -> Failure:
    """Return a failure with its cause first in the message, and with a hint to what can be done.

    Args:
        failure: as the process reported it.
        precision: the short name of the cell's precision.
        delegate: the name of its delegate.

    """
    known = known_failure(failure, precision, delegate)
    hint = known.hint if known else _general_hint(failure, precision, delegate)
    return msgspec.structs.replace(
        failure, message=_message(failure), hint=hint, known=known.code if known else ""
    )


def _message(failure: Failure) -> str:
    """Return the message with the first line of the runtime before it, if the message has only a code."""
    if not failure.log or not (explain(failure.message) or failure.kind == "ProcessDied"):
        return failure.message
    if failure.log[0] in failure.message:
        return failure.message
    first, *more = failure.message.splitlines()
    return "\n".join([f"{failure.log[0]} ({first})", *more])


def _general_hint(failure: Failure, precision: str, delegate: str) -> str:
    """Return the hint of an unknown failure: its own, or what the code means, and what to try instead."""
    meaning = explain(failure.message)
    hint = failure.hint or meaning
    of_library = failure.stage in ("quantize", "lower") and failure.kind not in OWN_KINDS
    others = " or ".join(_others(precision, delegate)) if meaning or of_library else ""
    return "; ".join(filter(None, [hint, f"to see which part is the cause, try {others}" if others else ""]))


def _others(precision: str, delegate: str) -> Iterator[str]:
    """Yield the simpler choices that etbench has in place of a precision and a delegate."""
    if precision == AS_BUILT:  # a ready program is what it is
        return
    if precision == "int8_dynamic":
        yield "precision=int8"
    if precision != "fp32":
        yield "precision=fp32"
    if delegate != "portable":
        yield "delegate=portable"
