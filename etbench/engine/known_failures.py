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
OWN_KINDS = ("EtbenchError", "ProcessDied", "Timeout", "Garbage", "MemoryError", "Interrupted")


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


KNOWN: tuple[KnownFailure, ...] = ()


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
