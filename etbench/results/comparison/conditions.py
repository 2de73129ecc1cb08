"""What must be equal for two results to be compared, and what may differ if the user allows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.host.fingerprint import hardware_differences, software
from etbench.results.comparison.interleaved import measured_with
from etbench.results.comparison.pairing import cell_name
from etbench.results.schema import Result

__all__ = ["ACROSS", "Difference", "OtherConditionsError", "differences", "refuse_other_conditions"]

ACROSS = ("machines", "versions", "settings")  # the kinds of conditions that `--across` allows to differ


class OtherConditionsError(EtbenchError):
    """Separate runs were measured under different conditions; `kinds` must all be allowed to compare them."""

    def __init__(self, listed: str, kinds: Collection[str]) -> None:
        self.listed = f"baseline and new were measured under different conditions:\n{listed}"
        self.kinds = kinds
        super().__init__(
            f"{self.listed}\nadd --across {','.join(kinds)} to compare them anyway", stage="compare"
        )


class Difference(Struct, frozen=True, kw_only=True):
    """A condition that differs, the kind of it that `--across` allows, and both values."""

    kind: str
    name: str
    base: str
    new: str

    @property
    def words(self) -> str:
        """Its name and both values, as part of a cell's name."""
        return f"{self.name} {self.base} to {self.new}"


def differences(base: Result, new: Result) -> list[Difference]:
    """Return the conditions in which two results differ; what one of them does not know does not count."""
    return [
        Difference(kind=kind, name=name, base=_word(old), new=_word(now))
        for kind, name, old, now in _conditions(base, new)
        if old != now
    ]


def refuse_other_conditions(pairs: Iterable[tuple[Result, Result]], across: Collection[str]) -> None:
    """Raise an error if separate runs differ in conditions that the user has not allowed to differ.

    Args:
        pairs: baseline and new result of each cell that was not interleaved.
        across: of `ACROSS`.

    Raises:
        OtherConditionsError: which lists the conditions, and the option that allows them.

    """
    lines: dict[str, None] = {}
    kinds = set(across)
    for base, new in pairs:
        found = [one for one in differences(base, new) if one.kind not in across]
        lines |= dict.fromkeys(f"{one.name}: {one.base} and {one.new}" for one in found)
        kinds |= {one.kind for one in found}
        if found and new.in_turn:
            other = measured_with(new.in_turn, base, new)
            lines[f"{cell_name(new)} was interleaved with {other}"] = None
    if lines:
        listed = "\n".join(f"  - {line}" for line in lines)
        raise OtherConditionsError(listed, [kind for kind in ACROSS if kind in kinds])


def _word(value: object) -> str:
    return "unknown" if value is None else str(value)


def _conditions(base: Result, new: Result) -> Iterator[tuple[str, str, object, object]]:
    sides = base.environment, new.environment
    for name, values in hardware_differences(*sides).items():
        yield "machines", name, *values
    versions = [software(side) for side in sides]
    for name in versions[0]:
        old, now = versions[0][name], versions[1][name]
        if name != "kernel" or None not in (old, now):  # results of older versions lack the kernel
            yield "versions", name, old, now
    executed = [side.runtime_words for side in sides]
    if None not in executed and {side.runtime for side in sides} != {"executorch"}:  # named above
        yield "versions", "runtime", executed[0], executed[1]
    for name in ("threads", "runner"):
        yield "settings", name, getattr(sides[0], name), getattr(sides[1], name)
    old, now = (side.start for side in sides)
    if None not in (old, now):  # results of older versions, and of the native runner, do not know it
        yield "settings", "start", old, now
