"""A build that goes wrong is the failure of its cell, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeps import Swept, sweep


def _beside_a_good_one(cwd: Path, *overrides: str) -> Swept:
    """Sweep the bad cell together with one that works, with one builder, so that both meet in it."""
    return sweep(cwd, *overrides, "sweep.builders=1", status=1, cells=2)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("segfault", "load ProcessDied: the process of etbench.build was killed by SIGSEGV"),
        ("abort", "load ProcessDied: the process of etbench.build was killed by SIGABRT"),
        ("killed", "load ProcessDied: the process of etbench.build was killed by SIGKILL"),
        ("memory", "load MemoryError: MemoryError"),
        ("garbage", "load EtbenchError: the child process wrote"),
        ("exit", "load ProcessDied: the process of etbench.build exited with status 3"),
    ],
)
def test_a_builder_that_breaks(how: str, expected: str, tmp_path: Path) -> None:
    swept = _beside_a_good_one(tmp_path, "model=misbehaving,tiny", f"+model.how={how}")
    assert swept.failure_of("misbehaving_fp32_portable").startswith(expected)
    assert swept.results["tiny_fp32_portable"].status == "ok"


def test_a_build_that_hangs_is_killed_at_its_limit(tmp_path: Path) -> None:
    swept = _beside_a_good_one(
        tmp_path, "model=misbehaving,tiny", "+model.how=hang", "build.timeout_s=25", "cache.enabled=false"
    )
    assert "Timeout: the process of etbench.build gave no answer within 25 s" in swept.failure_of(
        "misbehaving_fp32_portable"
    )
    assert swept.results["tiny_fp32_portable"].status == "ok"


def test_an_export_that_fails(tmp_path: Path) -> None:
    swept = _beside_a_good_one(tmp_path, "model=unexportable,tiny")
    assert swept.failure_of("unexportable_fp32_portable").startswith("export ")
    assert swept.results["tiny_fp32_portable"].status == "ok"


def test_a_lowering_that_fails(tmp_path: Path) -> None:
    swept = _beside_a_good_one(tmp_path, "model=tiny", "delegate=unlowerable,portable")
    assert "this delegate takes nothing" in swept.failure_of("tiny_fp32_unlowerable")
    assert swept.failure_of("tiny_fp32_unlowerable").startswith("lower ")
    assert swept.results["tiny_fp32_portable"].status == "ok"


def test_a_pair_that_cannot_be_is_skipped_with_its_reason(tmp_path: Path) -> None:
    swept = sweep(tmp_path, "model=tiny", "precision=int8", "delegate=picky,portable", status=0, cells=2)
    assert swept.results["tiny_int8_picky"].status == "skipped"
    assert swept.results["tiny_int8_picky"].reason == "this test says so"
    assert swept.results["tiny_int8_portable"].status == "ok"


def test_fail_fast_leaves_the_rest_undone(tmp_path: Path) -> None:
    swept = sweep(
        tmp_path,
        *("model=unexportable,tiny", "sweep.fail_fast=true", "sweep.builders=1"),
        status=1,
        cells=1,
    )
    assert list(swept.results) == ["unexportable_fp32_portable"]
