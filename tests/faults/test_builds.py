"""A build that goes wrong is the failure of its cell, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeps import sweep

BROKEN = {
    "segfault": "load ProcessDied: the process of etbench.builder was killed by SIGSEGV",
    "abort": "load ProcessDied: the process of etbench.builder was killed by SIGABRT",
    "killed": "load ProcessDied: the process of etbench.builder was killed by SIGKILL",
    "exit": "load ProcessDied: the process of etbench.builder exited with status 3",
    "memory": "load MemoryError: MemoryError",
    "garbage": "load EtbenchError: the child process wrote",
    "hang": "load Timeout: the process of etbench.builder gave no answer within 60 s and was killed",
}


@pytest.mark.cold
def test_builders_that_break_and_the_next_build_after_each(tmp_path: Path) -> None:
    ways = ",".join(
        ["hang", *(way for way in BROKEN if way != "hang"), "nothing"]
    )  # one hangs while the other builds
    swept = sweep(
        tmp_path,
        *("model=misbehaving", f"model.how={ways}", "build.timeout_s=60", "sweep.builders=2"),
        status=1,
        cells=8,
    )
    by_way = {result.config["model"]["how"]: stem for stem, result in swept.results.items()}
    assert {way: swept.failure_of(by_way[way])[: len(text)] for way, text in BROKEN.items()} == BROKEN
    assert swept.results[by_way["nothing"]].status == "ok"


@pytest.mark.long
def test_what_never_ends_or_wants_all_memory_is_the_failure_of_its_cell(tmp_path: Path) -> None:
    ways = ("hang in forward", "more memory than there is", "nothing")
    quoted = ",".join(f"'{way}'" for way in ways)
    (tmp_path / "built").mkdir()
    grid = ("model=misbehaving", f"model.how={quoted}", "build.timeout_s=30", "sweep.builders=1")
    swept = sweep(tmp_path / "built", *grid, status=1, cells=3)
    by_way = {result.config["model"]["how"]: result for result in swept.results.values()}
    assert by_way["hang in forward"].failure.kind == "Timeout"
    assert "allocate memory" in by_way["more memory than there is"].failure.message
    assert by_way["nothing"].status == "ok"
    (tmp_path / "judged").mkdir()
    hook = ("evaluate._target_=accuracy_hooks.sleeping", "measure.timeout_s=15")
    swept = sweep(tmp_path / "judged", "model=tiny", *hook, status=1, cells=1)
    assert "Timeout: a round or check took longer than 15 s" in swept.failure_of("tiny_fp32_portable")


def test_an_export_that_fails_and_a_lowering_that_fails(tmp_path: Path) -> None:
    grid = ("model=unexportable,tiny", "delegate=unlowerable,portable")
    swept = sweep(tmp_path, *grid, "cache.enabled=false", "sweep.builders=1", status=1, cells=4)
    assert swept.failure_of("unexportable_fp32_portable").startswith("export ")
    assert "this delegate takes nothing" in swept.failure_of("tiny_fp32_unlowerable")
    assert swept.failure_of("tiny_fp32_unlowerable").startswith("lower ")
    assert swept.results["tiny_fp32_portable"].status == "ok"


def test_a_pair_that_cannot_be_is_skipped_with_its_reason(tmp_path: Path) -> None:
    grid = ("model=tiny,recurrent", "precision=int8", "delegate=picky,portable")
    swept = sweep(tmp_path, *grid, "sweep.fail_fast=true", status=0, cells=4)
    assert swept.results["tiny_int8_picky"].status == "skipped"
    assert swept.results["tiny_int8_picky"].reason == "this test says so"
    assert swept.results["tiny_int8_portable"].status == "ok"
    unquantized = swept.results["recurrent_int8_portable"]
    assert (unquantized.status, unquantized.artifact, unquantized.failure) == ("skipped", None, None)
    assert unquantized.reason == (
        "int8 quantizes nothing of this model, so the program would be that of fp32: its operators are gru"
    )


def test_fail_fast_leaves_the_rest_undone(tmp_path: Path) -> None:
    swept = sweep(
        tmp_path,
        *("model=unexportable,tiny", "sweep.fail_fast=true", "sweep.builders=1"),
        status=1,
        cells=1,
    )
    assert list(swept.results) == ["unexportable_fp32_portable"]
