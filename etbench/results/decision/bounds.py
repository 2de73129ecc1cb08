"""A bound on a figure of a cell: ``>=20``, ``<=20MB``, ``>=-0.5pp vs fp32``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from etbench.results.decision.figures import is_share, name_fault

__all__ = ["COMPARE", "Bound", "bound_faults", "parse_bound", "parse_bounds", "parse_value"]

Reference = Literal["fp32", "baseline"]
Kind = Literal["value", "difference", "percent", "factor"]
REFERENCES: tuple[Reference, ...] = ("fp32", "baseline")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SIDES = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
OPPOSITE = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
FORM = re.compile(
    r"\s*(?P<side><=|>=|<|>)\s*(?P<value>[+-]?\d+(?:\.\d+)?)\s*(?P<unit>(?!vs\b)[A-Za-z%]*)"
    r"(?:\s+vs\s+(?P<reference>\w+))?\s*"
)
UNITS: dict[str, dict[str, float]] = {  # by the end of a figure's name: what a unit is in that of the figure
    "_ms": {"us": 1e-3, "ms": 1, "s": 1e3},
    "_bound": {"us": 1e-3, "ms": 1, "s": 1e3},
    "_bytes": {
        **{"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9},
        **{"KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
    },
    "_db": {"dB": 1},
    "joules_per_inference": {"uJ": 1e-6, "mJ": 1e-3, "J": 1},
}
SHARES = {"%": 0.01, "pp": 0.01}
EXAMPLES = '">=20", "<=20MB" or ">=-0.5pp vs fp32"'


class Bound(Struct, frozen=True, kw_only=True):
    """A limit of the figure `name`, or of all accuracies that match it, such as ``eval_*``.

    `value` is a value of the figure, in its unit, or else relative to that of the `reference`: a difference,
    a change in percent or a factor, depending on `kind`. The reference is the same model in fp32, or the same
    cell of a baseline.
    """

    name: str
    side: str
    value: float
    kind: Kind = "value"
    reference: Reference | None = None
    text: str

    def limit(self, reference: float = 0.0) -> float:
        """Return the limit in the unit of the figure, given its value in the reference."""
        if self.kind == "difference":
            return reference + self.value
        if self.kind == "percent":
            return reference * (1 + self.value / 100)
        return reference * self.value if self.kind == "factor" else self.value

    def keeps(self, value: float, limit: float) -> bool:
        """Return whether a value is on the right side of a limit."""
        return COMPARE[self.side](value, limit)

    @property
    def is_upper(self) -> bool:
        """Whether larger values break it."""
        return self.side.startswith("<")

    @property
    def in_words(self) -> str:
        """What must hold, as the end of a sentence such as "the fastest cell whose …"."""
        match = FORM.fullmatch(self.text)
        assert match
        value, unit = float(match["value"]), match["unit"]
        name = f"accuracy ({self.name})" if "*" in self.name else self.name
        reference = "the baseline" if self.reference == "baseline" else self.reference
        if self.kind == "value":
            return f"{name} is {SIDES[self.side]} {value:g} {unit}".rstrip()
        if self.kind == "factor":
            return f"{name} is {SIDES[self.side]} {value:g} times that of {reference}"
        if value == 0:
            return f"{name} is {SIDES[self.side]} that of {reference}"
        side, where = (OPPOSITE[self.side], "below") if value < 0 else (self.side, "above")
        points = "percentage point" if abs(value) == 1 else "percentage points"
        amount = f"{abs(value):g} {points if unit == 'pp' else unit}".rstrip()
        return f"{name} is {SIDES[side]} {amount} {where} {reference}"


def parse_bound(name: str, text: str | float) -> Bound:
    """Read a bound: ``<=``, ``>=``, ``<`` or ``>``, a number, a unit, and ``vs fp32`` or ``vs baseline``.

    The unit is that of the figure if it is left out. ``pp`` are percentage points of a share; beside ``vs``,
    ``%`` is a change relative to the reference and ``x`` a factor.

    Raises:
        ValueError: if it has another form, or a unit that the figure does not have.

    """
    if fault := name_fault(name):
        raise ValueError(fault)
    match = FORM.fullmatch(str(text))
    if match is None:
        if isinstance(text, float | int):
            raise ValueError(f'write ">={text:g}" for the smallest value or "<={text:g}" for the largest')
        raise ValueError(f"{text!r} is not valid; write a bound such as {EXAMPLES}")
    reference = match["reference"]
    if reference is not None and reference not in REFERENCES:
        raise ValueError(f"{text!r}: a bound is relative to {' or '.join(REFERENCES)}, not to {reference!r}")
    kind, factor = _unit(name, match["unit"], str(text), relative=reference is not None)
    if reference is None and (match["unit"] == "pp" or (match["unit"] == "%" and float(match["value"]) < 0)):
        change = f"{' '.join(str(text).split())} vs fp32"
        raise ValueError(f"{text!r} is a limit of {name} itself; write {change!r} for a change against fp32")
    return Bound(
        name=name,
        side=match["side"],
        value=float(match["value"]) * factor,
        kind=kind,
        reference=reference,
        text=" ".join(str(text).split()),
    )


def parse_value(name: str, text: str) -> float:
    """Read a number with a unit of a figure, such as ``20MB``."""
    return parse_bound(name, f"<={text}").value


def parse_bounds(bounds: Mapping[str, str | float]) -> list[Bound]:
    """Read the bounds of several figures."""
    return [parse_bound(name, text) for name, text in bounds.items()]


def bound_faults(bounds: Mapping[str, str | float]) -> list[str]:
    """List what is wrong with bounds, before a sweep spends hours on them."""
    faults = []
    for name, text in bounds.items():
        try:
            parse_bound(name, text)
        except ValueError as error:
            faults.append(f"bound of {name}: {error}")
    return faults


def _unit(name: str, unit: str, text: str, *, relative: bool) -> tuple[Kind, float]:
    """Return what a number with this unit is, and the factor to the unit of the figure."""
    known = SHARES if is_share(name) else next((u for end, u in UNITS.items() if name.endswith(end)), {})
    if relative and unit == "x":
        return "factor", 1
    if relative and unit == "%":
        if is_share(name):
            raise ValueError(f"{text!r}: write pp for percentage points: {text.replace('%', 'pp')!r}")
        return "percent", 1
    if unit and unit not in known:
        units = [*known, *(("%", "x") if relative else ())]
        remedy = f"its units are {', '.join(units)}" if units else "it has no unit"
        raise ValueError(f"{text!r}: {name} is not measured in {unit}; {remedy}")
    return "difference" if relative else "value", known.get(unit, 1)
