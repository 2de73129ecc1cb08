"""Where the cells were measured: what all have in common once, then how they differ."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pandas as pd

from etbench.host.environment import Environment
from etbench.host.fingerprint import machine_name
from etbench.results.report.grid import Grid, Heading, grid
from etbench.results.schema import Result
from etbench.results.tables.numbers import number

__all__ = ["environment_grids"]

Facts = dict[str, str | None]


def environment_grids(results: Sequence[Result]) -> list[Grid]:
    """Return a table of the facts that all cells have in common, and one of those that differ."""
    counts: dict[str, int] = {}
    known: dict[str, Facts] = {}
    for result in results:
        facts = _facts(result.environment)
        key = msgspec.json.encode(facts, order="sorted").decode()
        counts[key] = counts.get(key, 0) + 1
        known[key] = facts
    names = list(dict.fromkeys(name for facts in known.values() for name in facts))
    differing = [name for name in names if len({facts.get(name) for facts in known.values()}) > 1]
    every = next(iter(known.values()), {})
    common = [{"fact": name, "value": every.get(name)} for name in names if name not in differing]
    shared = grid(
        pd.DataFrame([row for row in common if row["value"] is not None], columns=["fact", "value"]),
        [Heading("fact", "fact"), Heading("value", "all cells")],
        "Environment of all cells",
    )
    rows = [{name: known[key].get(name) for name in differing} | {"cells": counts[key]} for key in known]
    apart = grid(
        pd.DataFrame(rows).sort_values("cells", ascending=False) if rows else pd.DataFrame({"cells": []}),
        [Heading("cells", "cells", number), *(Heading(name, name) for name in differing)],
        "Where environments differ",
    )
    return [shared, apart] if differing else [shared]


def _facts(facts: Environment) -> Facts:
    known = facts.host != "unknown" and facts.memory_bytes > 0
    return {
        "host": facts.host,
        "machine": machine_name(facts) if known else None,
        "CPU": f"{facts.cpu}, {facts.machine}" if known else None,
        "cores": f"{facts.physical_cores} physical, {facts.logical_cores} logical" if known else None,
        "threads": str(facts.threads) if facts.threads is not None else None,
        "runner": facts.runner if known else None,
        "memory": f"{facts.memory_bytes / 2**30:.0f} GiB" if known else None,
        "system": facts.os if known else None,
        "kernel": facts.kernel if known else None,
        "Python": facts.python if known else None,
        **facts.libraries,
    }
