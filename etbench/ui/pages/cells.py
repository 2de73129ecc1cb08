"""The table of a run's cells: the progress of each, the spread of its rounds, and a link to its result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nicegui.events import GenericEventArguments

from etbench.sweep.progress import CellProgress
from etbench.ui.library import Library
from etbench.ui.pages.frame import inspect_address, offer_file, table, table_rows
from etbench.ui.watch import Watch

__all__ = ["CellTable", "histogram"]

COLUMNS = ("cell", "stage", "rounds", "round medians, ms", "p50 ms", "result")
BINS = 24
LEAST_SPREAD = 1e-9  # of the largest value

# Vue's templates: the browser draws from a few numbers, so that updates are cheap while a cell is timed.
NAME = """
<q-td :props="props">
  <a v-if="props.row.inspect" :href="props.row.inspect" title="Inspect the result">{{ props.value }}</a>
  <span v-else>{{ props.value }}</span>
</q-td>
"""
SPREAD = f"""
<q-td :props="props">
  <div v-if="props.value" role="img" :aria-label="props.value.words">
    <svg class="eb-spread" viewBox="0 0 {BINS} 10" preserveAspectRatio="none" aria-hidden="true">
      <rect v-for="(height, bin) in props.value.bars" :x="bin + 0.08" width="0.84"
            :y="10 - height" :height="height" />
      <line :x1="props.value.p50" :x2="props.value.p50" y1="0" y2="10" />
    </svg>
    <div class="eb-scale"><span>{{{{ props.value.low }}}}</span><span>{{{{ props.value.high }}}}</span></div>
  </div>
</q-td>
"""
RESULT = """
<q-td :props="props">
  <q-btn v-if="props.value" flat dense no-caps size="sm" icon="download" label="JSON"
         :aria-label="'Download ' + props.value" @click="() => $parent.$emit('download', props.row.key)" />
</q-td>
"""


class CellTable:
    """Shows the cells of a run.

    Args:
        library: has the names of results on the Inspect tab.

    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._watch: Watch | None = None
        self._rows: list[dict[str, object]] = []
        self._table = table(COLUMNS, [], numbers=2)
        for number in (2, 3):
            self._table.columns[number].update(classes="eb-wide", headerClasses="eb-wide")
        for number, template in ((0, NAME), (3, SPREAD), (5, RESULT)):
            self._table.add_slot(f"body-cell-{number}", template)
        self._table.on("download", self._download)

    def show(self, watch: Watch) -> None:
        """Show the current state of a run; the browser is updated only if it changed."""
        self._watch = watch
        rows = table_rows([_words(row, watch.notes.get(key, "")) for key, row in watch.rows.items()])
        for key, row in zip(watch.rows, rows, strict=True):
            row["key"] = key
            if key in watch.files:
                row["5"] = f"{watch.rows[key].name}.json"
                row["inspect"] = self._address(watch, key)
        if rows != self._rows:
            self._rows = self._table.rows = rows

    def _address(self, watch: Watch, cell_id: str) -> str | None:
        key = self._library.key_of(watch.files[cell_id])
        return inspect_address(key) if key else None

    def _download(self, event: GenericEventArguments) -> None:
        """Send a result; the browser names the cell, not a path."""
        file = self._watch.files.get(str(event.args)) if self._watch else None
        if self._watch is None or file is None:
            return
        offer_file(file, f"{self._watch.rows[str(event.args)].name}.json")


def histogram(medians_ms: Sequence[float], p50_ms: float) -> dict[str, object] | None:
    """Return the spread of the rounds of a cell, for the browser to draw; None for fewer than two.

    `bars` are heights from 0 to 10, `p50` is a position from 0 to `BINS`; `low` and `high` are in ms.
    """
    if len(medians_ms) < 2:
        return None
    low, high = min(medians_ms), max(medians_ms)
    spread = max(high - low, LEAST_SPREAD * max(1.0, high))  # so that equal ones are in one bin
    counts = np.histogram(medians_ms, BINS, (low, low + spread))[0]
    return {
        "bars": (10 * counts / counts.max()).round(2).tolist(),
        "p50": round(min(max((p50_ms - low) / spread, 0.0), 1.0) * BINS, 2),
        "low": f"{low:.3g}",
        "high": f"{high:.3g}",
        "words": f"{len(medians_ms)} round medians from {low:.3g} to {high:.3g} ms",
    }


def _words(row: CellProgress, note: str) -> list[object]:
    """Return the cells of a row of the table."""
    doing = row.doing
    if note and row.over:
        doing += f" {note}" if row.state == "failed" else f": {note}"
    rounds = f"{row.done} of {row.of}" if row.of else ""
    if row.p50_ms is None:
        return [row.name, doing, rounds, None, "", None]
    return [row.name, doing, rounds, histogram(row.medians_ms, row.p50_ms), f"{row.p50_ms:.3g}", None]
