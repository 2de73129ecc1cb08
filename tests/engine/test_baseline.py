"""A cell measured in turn with an older result of it: real programs, real processes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from running import BRIEF, CONF, etbench, refusal_of

from etbench.artifact import references_path
from etbench.builder.cache import Cache
from etbench.config.sections import Dynamic
from etbench.engine.baseline import Baseline, find_base, has_measured, kept_program
from etbench.errors import EtbenchError
from etbench.preflight.compose import compose
from etbench.results.comparison.compare import compare_results
from etbench.results.files.baselines import keep_baseline
from etbench.results.files.store import read_result, read_results
from etbench.results.schema import InTurn

pytestmark = pytest.mark.early

TINY = ("--config-dir", str(CONF), "model=tiny", "delegate=portable")
NEVER = ("fail_above=1000%", "allow_undecided=true")  # however slow the machine, or few the rounds
SHORT = ("repeat.spread_s=0", "passes.load=1", "report.enabled=false")  # 30 rounds are over in a second


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that kept its program."""
    cwd = tmp_path_factory.mktemp("once")
    done = etbench(*TINY, "repeat=quick", "keep_pte=true", "hydra.run.dir=base", cwd=cwd)
    assert done.returncode == 0, done.stdout
    return cwd / "base"


@pytest.fixture
def base(once: Path, tmp_path: Path) -> Path:
    """Its result, in a folder of the test's own."""
    return shutil.copytree(once, tmp_path / "base") / "tiny_fp32_portable.json"


def _compared(tmp_path: Path, *more: str, status: int = 0) -> InTurn:
    done = etbench(*TINY, *SHORT, "compare_to=base", "hydra.run.dir=new", *more, cwd=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    result = read_result(tmp_path / "new" / "tiny_fp32_portable.json")
    assert result.in_turn is not None
    assert [facts.block for facts in result.in_turn.base_facts] == [
        facts.block for facts in result.round_facts
    ], "the two must be in the same blocks"
    assert result.in_turn.comparison.verdict in done.stdout
    return result.in_turn


def test_the_very_same_program_is_not_built_again(base: Path, tmp_path: Path) -> None:
    # All rounds however slow the machine, and no regression where noise looks like one.
    in_turn = _compared(tmp_path, "repeat.rounds_s=600", *NEVER)
    assert in_turn.base_program == "the same program"
    assert in_turn.base_file == str(Path("base") / base.name)
    assert in_turn.comparison.how == "in turn"
    assert len(in_turn.base_rounds) >= 30
    old, new = read_result(base), read_result(tmp_path / "new" / base.name)
    assert old.artifact is not None
    assert (in_turn.base_cell_id, in_turn.base_created_at) == (old.cell_id, old.created_at)
    assert (in_turn.base_sha256, in_turn.base_runtime) == (
        old.artifact.sha256,
        old.environment.libraries["executorch"],
    )
    (cell,) = compare_results([old], [new], threshold=10.0).cells
    assert (cell.how, cell.ratio) == ("in turn", in_turn.comparison.ratio), "of the stored rounds"


def test_a_wider_model_is_a_regression_against_the_kept_program(base: Path, tmp_path: Path) -> None:
    in_turn = _compared(tmp_path, "model.width=64", status=3)
    assert in_turn.base_program == "the program kept next to the baseline's result"
    assert (in_turn.comparison.verdict, in_turn.comparison.regression) == ("slower", True)
    assert in_turn.comparison.low > 1


def test_a_program_that_is_gone_is_built_again_from_the_result(base: Path, tmp_path: Path) -> None:
    base.with_suffix(".pte").unlink()
    in_turn = _compared(tmp_path, "model.width=5", *NEVER)
    assert in_turn.base_program == (
        "the artifact cache, from the configuration in the baseline's result, with the same bytes"
    )


def test_a_program_that_is_gone_from_the_cache_too_is_built_again(base: Path, tmp_path: Path) -> None:
    base.with_suffix(".pte").unlink()
    in_turn = _compared(tmp_path, "model.width=5", *NEVER, "cache.enabled=false")
    assert (
        in_turn.base_program
        == "a new build, from the configuration in the baseline's result, with the same bytes"
    )


def test_a_tampered_program_is_not_used(base: Path, tmp_path: Path) -> None:
    base.with_suffix(".pte").write_bytes(b"something else")
    assert "the artifact cache" in _compared(tmp_path, "model.width=5", *NEVER).base_program


def test_a_base_that_has_no_such_cell_is_a_failure_that_names_what_is_there(
    base: Path, tmp_path: Path
) -> None:
    done = etbench(*TINY, "compare_to=base", "hydra.run.dir=new", "precision=int8", cwd=tmp_path)
    assert done.returncode == 1
    assert "no measured result of tiny_int8_portable; found: tiny_fp32_portable" in done.stdout


def test_a_base_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    said = refusal_of(*TINY, "compare_to=nowhere", cwd=tmp_path)
    assert "compare_to=nowhere: no such file or folder" in said


def test_of_several_results_of_one_name_a_cell_is_given_its_own(tmp_path: Path) -> None:
    grid = (*TINY, "model.width=4,5", *BRIEF)
    done = etbench("-m", *grid, "hydra.sweep.dir=base", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = etbench("-m", *grid, "hydra.sweep.dir=new", "compare_to=base", *NEVER, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results, _ = read_results([tmp_path / "new"])
    assert [result.in_turn.base_program for _, result in results if result.in_turn] == (
        2 * ["the same program"]
    )
    assert [result.in_turn.family for _, result in results if result.in_turn] == [2, 2]
    assert "2 cells, judged as one family" in done.stdout


def test_a_base_that_was_built_for_other_constants_or_sizes_does_not_lend_its_program(
    base: Path, tmp_path: Path
) -> None:
    baseline = Baseline(base, read_result(base))
    artifact = baseline.result.artifact
    assert artifact is not None
    scaled = msgspec.structs.replace(artifact, constants={"scale": "2.5"})
    with pytest.raises(EtbenchError, match=r"built for no constants, this cell for \{'scale': '2\.5'\}"):
        kept_program(baseline, scaled, tmp_path, tmp_path)
    other = msgspec.structs.replace(artifact, sha256="0" * 64, dynamic=Dynamic(batch=8))
    assert kept_program(baseline, other, tmp_path, tmp_path) is None, "it cannot run the references"


def test_a_kept_baseline_is_found_by_its_name_and_never_built_again(base: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=0)
    kept, _ = keep_baseline("main", base.parent, cache)
    cell = compose([*TINY[2:], f"cache.dir={cache.folder}"], config_dir=CONF)
    found = find_base(cell, "baseline:main")
    assert found.path.parent == kept.folder
    again = msgspec.structs.replace(found.result, config=cell.config)
    assert has_measured("baseline:main", again)
    assert not has_measured("baseline:gone", again)
    program_path = found.path.with_suffix(".pte")
    program_path.chmod(0o666)
    with pytest.raises(EtbenchError, match=r"baseline:main: .*\.pte can be changed by other users"):
        find_base(cell, "baseline:main")
    shared = msgspec.structs.replace(cell, cache=msgspec.structs.replace(cell.cache, shared=True))
    assert find_base(shared, "baseline:main") == found
    artifact = found.result.artifact
    assert artifact is not None
    other = msgspec.structs.replace(artifact, sha256="0" * 64)
    (tmp_path / "new").mkdir()
    references_path(tmp_path / "new").touch()
    (folder := tmp_path / "program").mkdir()
    program = kept_program(found, other, tmp_path / "new", folder)
    assert program is not None
    assert (program.folder, program.sha256) == (folder, artifact.sha256)
    program_path.unlink()
    with pytest.raises(EtbenchError, match="the program of baseline:main is gone or damaged"):
        kept_program(found, other, tmp_path / "new", folder)


def test_what_the_base_was_run_with_is_its_own_and_said(base: Path, tmp_path: Path) -> None:
    more = ("threads=1", "+delegate.runtime.weight_cache=true", "repeat=quick", *NEVER)
    found = _compared(tmp_path, *more).base_program
    assert found == "the same program, with its own threads=null, weight_cache=null"


def test_a_base_of_an_older_etbench_serves_as_long_as_its_program_is_there(
    base: Path, tmp_path: Path
) -> None:
    older = json.loads(base.read_text())
    older["config"]["calibration"]["forgotten"] = 1
    base.write_text(json.dumps(older))
    quick = ("repeat=quick", *NEVER)
    assert _compared(tmp_path, *quick).base_program == "the same program"
    shutil.rmtree(tmp_path / "new")
    assert "kept next to" in _compared(tmp_path, *quick, "model.width=5").base_program
    base.with_suffix(".pte").unlink()
    done = etbench(*TINY, "compare_to=base", "model.width=5", "hydra.run.dir=none", cwd=tmp_path)
    assert done.returncode == 1
    failure = read_result(tmp_path / "none" / "tiny_fp32_portable.json").failure
    assert failure is not None
    assert failure.stage == "compare_to"
    assert "calibration.forgotten: unknown key" in failure.message
    assert "measure the baseline again" in failure.hint
