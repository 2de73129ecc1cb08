"""The time that a report of 200 cells takes, and which parts take it.

    python benchmarks/report.py

The cells are copies of the sample sweep with names of their own, each with 30 rounds drawn from its samples.
For comparison, the same files are read and written as one CSV file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from common import print_machine, timed, with_rounds

from etbench.results import load_results
from etbench.results.charts import draw_all
from etbench.results.files.store import read_results, write_result
from etbench.results.report import gather, html_page
from etbench.results.report.words import summarize_in_words
from etbench.results.schema import Result
from etbench.results.tables.frames import to_frame
from etbench.results.tables.labels import label_cells

SAMPLE = Path(__file__).resolve().parent.parent / "outputs" / "sample_sweep"
ROUNDS, SAMPLES = 30, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=200)
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        _write_cells(folder, args.cells)
        whole_s = _command("-m", "etbench", "report", str(folder), "-o", f"{name}/page.html")
        plain_s = _command("-c", _plain(folder))
        size_mb = (folder / "page.html").stat().st_size / 1e6
        print(f"{args.cells} cells: {whole_s:.1f} s and {size_mb:.1f} MB, Python's start included;")
        print(f"  {whole_s / plain_s:.1f} times reading them and to_csv, {plain_s:.1f} s")
        _parts(folder)


def _write_cells(folder: Path, count: int) -> None:
    """Write copies of the sample's results with names and rounds of their own."""
    generator = np.random.default_rng(0)
    sample = [result for _, result in read_results([SAMPLE])[0]]
    for number in range(count):
        result = sample[number % len(sample)]
        pool = [value for samples in result.rounds for value in samples]
        rounds = generator.choice(pool, (ROUNDS, SAMPLES)).tolist()
        copy = msgspec.structs.replace(
            with_rounds(result, rounds),
            model_name=f"{result.model_name}_{number // len(sample)}",
            cell_id=f"{number:012x}",
        )
        write_result(copy, folder, f"{copy.model_name}_{copy.precision_short}_{copy.delegate}")


def _plain(folder: Path) -> str:
    return f"from etbench.results import load_results; load_results({str(folder)!r}).to_csv('/dev/null')"


def _command(*arguments: str) -> float:
    return timed([sys.executable, *arguments])


def _parts(folder: Path) -> None:
    """Print the seconds of each part, run one after the other in this process."""
    results: list[Result] = []
    reported = None

    def read() -> None:
        found, unreadable = read_results([folder])
        assert not unreadable, unreadable[0]
        results.extend(result for _, result in found)

    def words() -> None:
        summarize_in_words(label_cells(to_frame(results)), results)

    def charts() -> None:
        for chart in draw_all(results).values():
            chart.to_dict()

    def content() -> None:
        nonlocal reported
        reported = gather(results)

    def page() -> None:
        assert reported is not None
        html_page(reported)

    parts = {"reading": read, "to_frame": lambda: load_results(folder), "the words": words}
    parts |= {"each chart once": charts, "all of the content": content, "the page": page}
    for what, part in parts.items():
        begun = time.perf_counter()
        part()
        print(f"  {what:<20} {time.perf_counter() - begun:.2f} s")


if __name__ == "__main__":
    main()
