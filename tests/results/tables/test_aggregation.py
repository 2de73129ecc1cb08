"""Many files become tables one after the other; what was read before is not read again."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from running import environment

from etbench.host.fingerprint import machine_name
from etbench.measure.pass_results import Operator, Profile
from etbench.results import aggregate, load_results
from etbench.results.files.store import UnreadableError, read_result, write_result
from etbench.results.schema import Result
from etbench.results.tables import rows
from etbench.results.tables.index import HIDDEN, NAME, SOURCES
from etbench.results.tables.rows import row_of, stream_rows

MakeResult = Callable[..., Result]
SAMPLE = Path(__file__).parents[3] / "outputs" / "sample_sweep"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, as they are."""
    names: list[str] = []

    def recorded(path: Path) -> Result:
        names.append(path.name)
        return read_result(path)

    monkeypatch.setattr(rows, "read_result", recorded)
    return names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample sweep's results."""
    shutil.copytree(SAMPLE, tmp_path / "in", ignore=shutil.ignore_patterns("*.csv", "*.md", HIDDEN))
    return tmp_path / "in"


def _tables(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.csv")}


def _aggregated(folder: Path, out: Path) -> dict[str, str]:
    aggregate([folder], out)
    return _tables(out)


def test_only_new_and_changed_files_are_read_and_the_tables_are_the_same(
    folder: Path, tmp_path: Path, read: list[str]
) -> None:
    first = _aggregated(folder, tmp_path / "first")
    assert len(read) == 28
    read.clear()
    assert _aggregated(folder, tmp_path / "second") == first
    assert read == []
    changed = folder / "resnet18_fp32_xnnpack.json"
    result = msgspec.structs.replace(read_result(changed), load_ms=123.0)
    changed.unlink()
    write_result(result, folder, changed.stem)
    (folder / "gpt2_int8_portable.json").unlink()
    write_result(msgspec.structs.replace(result, created_at="2026-02-01", model_name="new"), folder, "new")
    third = _aggregated(folder, tmp_path / "third")
    assert sorted(read) == ["new.json", "resnet18_fp32_xnnpack.json"]
    table = pd.read_csv(tmp_path / "third" / "results.csv").set_index(["model", "precision", "delegate"])
    assert table.loc[("resnet18", "fp32", "xnnpack"), "load_ms"] == 123.0
    assert ("gpt2", "int8", "portable") not in table.index
    aggregate([folder], tmp_path / "plain", remember=False)
    assert _tables(tmp_path / "plain") == third


def test_a_row_from_the_index_is_the_row_of_the_file(folder: Path, make_result: MakeResult) -> None:
    operators = [Operator(name="conv", kind="portable", instruction=0, mean_ms=2.0, share=0.5)]
    profile = Profile(execute_ms=4.0, elsewhere_ms=0.5, inferences=9, operators=operators)
    write_result(make_result(profile=profile, load_ms=1), folder, "profiled")
    fresh = [row for _, row in stream_rows([folder], remember=True)]
    known = [row for _, row in stream_rows([folder], remember=True)]
    assert known == fresh
    assert [[type(value) for value in row] for row in known] == [
        [type(value) for value in row] for row in fresh
    ]


def test_results_csv_is_as_pandas_would_write_it(folder: Path, tmp_path: Path) -> None:
    text = _aggregated(folder, tmp_path / "out")["results.csv"]
    assert text == load_results(folder).drop(columns=["sweep", "file"]).to_csv(
        index=False, lineterminator="\n"
    )


def test_parquet_has_the_columns_and_values_of_the_csv(folder: Path, tmp_path: Path) -> None:
    aggregate([folder], tmp_path)
    expected = load_results(folder).drop(columns=["sweep", "file"])
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "results.parquet"), expected)


def test_without_pyarrow_there_is_no_parquet(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etbench.results.tables.aggregation.find_spec", lambda name: None)
    assert "results.csv" in {path.name for path in aggregate([folder], tmp_path)}
    assert not (tmp_path / "results.parquet").exists()


def test_a_change_of_any_module_that_rows_come_from_begins_the_index_anew() -> None:
    program = "import sys, etbench.results.tables.rows; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    package = "etbench.results."
    loaded = {name for name in done.stdout.split() if name.startswith(package)}
    modules = {f"etbench.{name}".replace("/", ".") for name in SOURCES}
    rooms = {f"etbench.results.{name}" for name in ("checks", "files", "schema", "tables")}
    assert loaded - rooms == {name for name in modules if name.startswith(package)}


def _truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _overwritten(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[4096:] = os.urandom(len(body) - 4096)
    file.write_bytes(body)


def _of_another_version(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 7")


def _with_a_trigger(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END")


def _of_another_form(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE files ADD COLUMN more")


def _with_flipped_bits(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE files SET body = zeroblob(length(body))")


def _with_rows_of_another_kind(file: Path) -> None:
    body = msgspec.msgpack.encode(["a row", "of two"])
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE files SET body = ?, mac = ?", (body, sha256(body).digest()))


def _with_rows_of_other_files(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        (mac, body), *_ = connection.execute("SELECT mac, body FROM files ORDER BY path")
        connection.execute("UPDATE files SET mac = ?, body = ?", (mac, body))


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"no database at all" * 400),
        _truncated,
        _overwritten,
        _of_another_version,
        _with_a_trigger,
        _of_another_form,
        _with_flipped_bits,
        _with_rows_of_another_kind,
        _with_rows_of_other_files,
    ],
    ids=[
        "empty",
        "foreign",
        "truncated",
        "overwritten",
        "version",
        "trigger",
        "form",
        "bits",
        "rows",
        "others",
    ],
)
def test_a_damaged_index_is_begun_anew(
    damage: Callable[[Path], None], folder: Path, tmp_path: Path, read: list[str]
) -> None:
    first = _aggregated(folder, tmp_path / "first")
    damage(folder / HIDDEN / NAME)
    assert _aggregated(folder, tmp_path / "second") == first
    aggregate([folder], tmp_path / "third")
    read.clear()
    assert _aggregated(folder, tmp_path / "fourth") == first
    assert read == [], "the index was not made again"


def test_the_rows_of_an_index_that_somebody_else_made_are_not_believed(
    folder: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path / "theirs"))
    first = _aggregated(folder, tmp_path / "first")
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path / "ours"))
    read.clear()
    assert _aggregated(folder, tmp_path / "second") == first
    assert len(read) == 28
    assert (tmp_path / "ours" / "report" / "index.key").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_takes_no_index_is_done_without(folder: Path, tmp_path: Path, read: list[str]) -> None:
    (folder / HIDDEN).write_text("a file where the index should be")  # as refused as in a read-only folder
    first = _aggregated(folder, tmp_path / "first")
    assert _aggregated(folder, tmp_path / "second") == first
    assert len(read) == 2 * 28


def test_an_index_that_another_process_writes_is_done_without(folder: Path, tmp_path: Path) -> None:
    first = _aggregated(folder, tmp_path / "first")
    with sqlite3.connect(folder / HIDDEN / NAME) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert _aggregated(folder, tmp_path / "second") == first


@pytest.mark.parametrize("place", [".", ".."])
def test_the_index_knows_files_by_their_path_in_the_folder(
    place: str, folder: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregate([folder], tmp_path / "first")
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder if place == "." else folder / "inner")
    read.clear()
    aggregate([Path(place)], tmp_path / "second")
    assert read == []
    moved = folder.rename(tmp_path / "elsewhere")
    aggregate([moved], tmp_path / "third")
    assert read == []


def test_unreadable_files_are_named_each_time_and_read_once(
    folder: Path, tmp_path: Path, read: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "half.json").write_text('{"model_name": "resnet18", ')
    for out in ("first", "second"):
        caplog.clear()
        aggregate([folder], tmp_path / out)
        assert [record.message for record in caplog.records if "half.json" in record.message]
    assert read.count("half.json") == 1


def test_a_copy_is_named_and_left_out(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    original = folder / "resnet18_fp32_xnnpack.json"
    copy = shutil.copy(original, folder / "zz_backup.json")
    assert len(load_results(folder)) == 28
    assert f"left out {copy}: a copy of {original}" in caplog.text


def test_cells_measured_again_and_mixed_machines_are_told_apart(
    tmp_path: Path, make_result: MakeResult, caplog: pytest.LogCaptureFixture
) -> None:
    here = make_result(p50=10)
    there = make_result(
        p50=30, environment=msgspec.structs.replace(here.environment, cpu="EPYC"), created_at="2026-01-02"
    )
    renamed = msgspec.structs.replace(here.environment, host="another container")
    again = make_result(p50=12, environment=renamed, created_at="2026-01-03")
    for name, result in (("here", here), ("there", there), ("again", again)):
        write_result(result, tmp_path / "in", name)
    aggregate([tmp_path / "in"], tmp_path)
    assert "resnet18 fp32 xnnpack was measured 2 times" in caplog.text
    assert "again.json" in caplog.text
    machines = [machine_name(result.environment) for result in (here, there)]
    assert f"2 different values of machine are mixed: {machines[1]}: " in caplog.text
    assert "there.json" in caplog.text
    pivot = pd.read_csv(tmp_path / "pivot.csv").set_index("machine")
    assert pivot["fp32_xnnpack_p50_ms"].to_dict() == dict(zip(machines, [11.0, 30.0], strict=True))
    assert list(pd.read_csv(tmp_path / "ranking.csv")["machine"]) == [machines[0], *machines]


def test_plain_sweeps_are_not_commented_on(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        aggregate([folder], tmp_path)
    assert caplog.text == ""
    assert "machine" not in pd.read_csv(tmp_path / "ranking.csv").columns


def test_samples_are_not_kept(tmp_path: Path, make_result: MakeResult) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    result = make_result(rounds=[[float(number) for number in range(1, 20_001)]])
    for number in range(20):
        stamp = (day + timedelta(days=number)).isoformat()
        write_result(msgspec.structs.replace(result, created_at=stamp), tmp_path, f"{number}")
    one = sum(samples.__sizeof__() + 24 * len(samples) for samples in result.rounds)
    tracemalloc.start()
    assert not any(isinstance(row, UnreadableError) for _, row in stream_rows([tmp_path]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * one, "the samples of several files were held at once"


def test_the_row_of_a_result_has_no_samples(make_result: MakeResult) -> None:
    assert len(msgspec.msgpack.encode(row_of(make_result(rounds=[[1.0] * 10_000])))) < 1_000
