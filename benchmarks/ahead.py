"""How often a report calls one of several equal cells the fastest, or beaten, by chance alone.

    python benchmarks/ahead.py

Cells that are equal in latency, accuracy and size are simulated interleaved, in 30 blocks of rounds that
drift as on the machine on which etbench was developed. For comparison: the fastest against the second alone,
each at 95 %.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from simulated import machine

from etbench.results.files.store import read_result
from etbench.results.report.words import leads
from etbench.results.tables.frames import to_frame
from etbench.results.tables.pareto import mark_pareto
from etbench.results.tables.speedup import speedups

GRIDS = ((1, 2), (1, 4), (7, 2), (7, 4))  # models, equal cells of each
BLOCKS = 30
SAMPLE = Path(__file__).parents[1] / "outputs" / "sample_sweep" / "mobilenet_v2_fp32_xnnpack.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reports", type=int, default=500)
    args = parser.parse_args()
    random, row = np.random.default_rng(0), to_frame([read_result(SAMPLE)])
    print("models  equal cells  reports with a false lead  by the second alone  with a beaten cell")
    for models, cells in GRIDS:
        found = [_report(random, row, models, cells) for _ in range(args.reports)]
        ahead, plain, beaten = np.mean(found, axis=0)
        print(f"{models:6}  {cells:11}  {ahead:25.1%}  {plain:19.1%}  {beaten:18.1%}")


def _report(
    random: np.random.Generator, row: pd.DataFrame, models: int, cells: int
) -> tuple[bool, bool, bool]:
    frame = equal_cells(random, row, models, cells)
    fast = frame.sort_values("latency_p50_ms", kind="stable")
    places = fast.groupby("setting").cumcount()
    first, second = (fast[places == place].sort_values("setting") for place in (0, 1))
    plain = np.asarray(speedups(second, first)["speedup_ci95_low"]) > 1
    ahead, *_ = leads(fast)
    return ahead > 0, bool(plain.any()), not mark_pareto(frame)["pareto_optimal"].all()


def equal_cells(random: np.random.Generator, row: pd.DataFrame, models: int, cells: int) -> pd.DataFrame:
    """Return the frame of a sweep in which all cells of a model are equal: that row, with other figures."""
    logs = machine(random, 1, BLOCKS * models * cells, apart_s=0.1)[0]  # one round after the other
    medians = np.exp(logs).reshape(BLOCKS, models * cells)
    for block in medians:
        random.shuffle(block)
    names = [(f"m{model}", f"p{cell}") for model in range(models) for cell in range(cells)]
    by_block = [dict(enumerate(column.tolist())) for column in medians.T]
    repeated = row.loc[np.repeat(row.index, len(names))].reset_index(drop=True)
    return repeated.assign(
        model=[model for model, _ in names],
        setting=[model for model, _ in names],
        precision=[precision for _, precision in names],
        turn_id="same",
        own_blocks=False,
        latency_p50_ms=np.median(medians, axis=0),
        sqnr_db=50.0,
        pte_bytes=1_000,
        round_medians_ms=pd.Series(by_block, dtype="object"),
    )


if __name__ == "__main__":
    main()
