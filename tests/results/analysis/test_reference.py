"""The page of columns has them all."""

from __future__ import annotations

from pathlib import Path

from etbench.cli.main import main
from etbench.results.analysis.reference import columns_page

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_has_every_column_of_every_table(tmp_path: Path) -> None:
    samples = DOCS.parent / "outputs"
    assert (
        main(
            ["aggregate", str(samples / "sample_sweep"), str(samples / "sample_profile"), "-o", str(tmp_path)]
        )
        == 0
    )
    assert main(["history", str(samples / "sample_history"), "-o", str(tmp_path)]) == 0
    tables = {path.stem: path.read_text().splitlines()[0].split(",") for path in tmp_path.glob("*.csv")}
    assert tables.keys() > {
        "results",
        "precision_comparison",
        "ranking",
        "pivot",
        "profile",
        "delegation",
        "history",
    }
    page = columns_page()
    for table, names in tables.items():
        for name in names:
            written = (
                "{precision}_{delegate}_p50_ms" if table == "pivot" and name.endswith("_p50_ms") else name
            )
            assert f"| `{written}` |" in page, f"{name} of {table}.csv"
