"""What a decision optimizes and what must hold, as a sweep or a user declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.results.decision.bounds import Bound, bound_faults, parse_bounds
from etbench.results.decision.figures import ACCURACY, name_fault
from etbench.results.tables.metrics import METRIC

__all__ = ["ALIASES", "Bounds", "Rules", "declared", "recorded_rules"]

Bounds = Mapping[str, str | float]
ALIASES = {"latency_ms.p50": METRIC}  # of objectives
DEFAULT_BOUNDS = {f"{ACCURACY}*": ">=-1pp vs fp32"}


class Rules(Struct, frozen=True, kw_only=True):
    """What a decision optimizes and what must hold."""

    objective: str = METRIC
    bounds: list[Bound] = []

    @classmethod
    def of(cls, objective: str, bounds: Bounds | None) -> Rules:
        """Read an objective and bounds as YAML has them; without bounds, the accuracy is bounded.

        Raises:
            EtbenchError: if one of them is not valid.

        """
        name = ALIASES.get(objective, objective)
        given = DEFAULT_BOUNDS if bounds is None else bounds
        if faults := bound_faults(given):
            raise EtbenchError("\n".join(faults), stage="decide")
        if fault := name_fault(name):
            raise EtbenchError(f"objective {objective}: {fault}", stage="decide")
        return cls(objective=name, bounds=parse_bounds(given))

    @property
    def accuracies(self) -> list[str]:
        """The objective and the bounds that are an accuracy, by name or pattern (``eval_*``)."""
        names = (self.objective, *(one.name for one in self.bounds))
        return [name for name in names if name.startswith(ACCURACY)]


def recorded_rules(configs: Sequence[dict[str, object]]) -> Rules:
    """Return the rules of the configurations of results, or the default if they differ or have none."""
    return Rules.of(*declared(configs))


def declared(configs: Sequence[dict[str, object]]) -> tuple[str, Bounds | None]:
    """Return the objective and the bounds of configurations, as `Rules.of` reads them."""
    recorded = [config.get("decision") for config in configs]
    first = recorded[0] if recorded else None
    if isinstance(first, dict) and all(one == first for one in recorded):
        return first.get("objective", METRIC), first.get("bounds")
    return METRIC, None
