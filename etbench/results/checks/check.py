"""The declaration of one check."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from etbench.results.schema import Finding, Severity

__all__ = ["Check"]

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """Something that can be wrong or doubtful about a result, or about several together.

    Args:
        code: stable; results, `checks.accept` and `--fail-if finding:CODE` use it.
        severity: of an ``error`` the cell has the status ``wrong``.
        title: what it means, for the documentation.
        find: returns the facts as a message, or None if the check does not apply. It depends on nothing but
            what it is given.
        cure: what to do about it.

    """

    code: str
    severity: Severity
    title: str
    find: Callable[[Subject], str | None]
    cure: str = ""

    def finding(self, subject: Subject, accept: Collection[str] = ()) -> Finding | None:
        """Return what the check finds; an error whose code is in `accept`, or fits a pattern, is accepted."""
        message = self.find(subject)
        if message is None:
            return None
        accepted = self.severity == "error" and any(fnmatchcase(self.code, one) for one in accept)
        severity: Severity = "warning" if accepted else self.severity
        return Finding(code=self.code, severity=severity, message=message, cure=self.cure, accepted=accepted)
