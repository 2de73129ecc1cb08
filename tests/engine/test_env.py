"""A cell that another interpreter builds and runs, and what is refused before any build."""

from __future__ import annotations

from pathlib import Path

import pytest
from other_python import other_python
from running import CONF, TESTS, etbench, status_of

import etbench as api
from etbench.devices.host import Host
from etbench.environments import interpreter, look
from etbench.errors import ConfigError, EtbenchError
from etbench.measure.protocol import MeasureRequest, OtherInterpreter, Subject
from etbench.results.files.store import read_results
from etbench.runtime.binding import binding, check_binding


def test_a_cell_is_built_and_run_in_another_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    other = other_python(tmp_path / "other")
    more = ["delegate=portable", "cache.enabled=false", "repeat=quick", "passes.load=1"]
    cell = api.compose(["model=tiny", f"env={other}", *more], config_dir=CONF)
    result = api.run(cell, out_dir=tmp_path / "out", log_dir=tmp_path).result

    assert result.status == "ok", result.failure
    assert result.artifact is not None and result.artifact.inputs
    facts, found = result.environment, look(interpreter(str(other)))
    assert facts.env == str(other)
    assert facts.binding == str(found.own_binding)
    assert facts.start == "fork", "the measuring process is one of that interpreter"
    assert facts.libraries["executorch"] == found.version_of("executorch")
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == [f"{cell.file_stem}.json"]


def test_rounds_of_several_interpreters_are_all_spawned(tmp_path: Path) -> None:
    def request(*pythons: str | None) -> MeasureRequest:
        subjects = [
            Subject(
                folder="/",
                repeat=api.compose([]).repeat,
                threads=None,
                logits_axis=None,
                log="",
                other_interpreter=python
                and OtherInterpreter(env=python, python=python, version="3.11.7", libraries={}, binding="/"),
            )
            for python in pythons
        ]
        return MeasureRequest(subjects=subjects, seed=0, block_max_s=1, timeout_s=1)

    host = Host(scratch=tmp_path, log=tmp_path / "log", tell=print)
    asked = [host.prepared(request(*pythons)) for pythons in ((None, None), ("a", "a"), ("a", None))]
    assert [one.start for one in asked] == ["auto", "auto", "spawn"]
    assert [one.block_max_s > 1 for one in asked] == [False, False, True], "they stay in common blocks"


def test_another_binding_than_the_interpreters_own_does_not_run(tmp_path: Path) -> None:
    check_binding(Path(binding.__file__))
    (tmp_path / "_C.so").touch()
    with pytest.raises(EtbenchError, match=r"runs the binding .* instead of its own, .*_C\.so") as caught:
        check_binding(tmp_path / "_C.so")
    assert "PYTHONPATH" in caught.value.hint


def test_an_interpreter_that_cannot_be_used_is_refused_before_any_build(tmp_path: Path) -> None:
    empty = other_python(tmp_path / "empty", packages=())
    with pytest.raises(ConfigError) as caught:
        api.compose([f"env={empty}"])
    (fault,) = caught.value.faults
    assert fault.startswith(f"env={empty}: {empty}/bin/python lacks torch, executorch, ")
    assert "-m pip install torch executorch" in fault
    with pytest.raises(ConfigError, match=r"env\.build=nonesuch: nonesuch: no such environment"):
        api.compose(["env.build=nonesuch"])
    with pytest.raises(ConfigError, match=r"env\.run=.*: for device=host only, not for device=ssh; it has"):
        api.compose([f"env={empty}", "device=ssh", "device.host=there"])


def test_an_executorch_without_libraries_has_no_native_runner(tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "executorch" / "extension" / "pybindings").mkdir(parents=True)
    (old / "executorch" / "extension" / "pybindings" / "_portable_lib.cpython-311.so").touch()
    folder = other_python(tmp_path / "other", packages=(str(old),))
    for package in ("torch", "msgspec", "numpy", "psutil", "safetensors"):
        (old / package).mkdir()
    with pytest.raises(ConfigError, match=r"runner=native: executorch .* no libraries .*runner=python"):
        api.compose([f"env.run={folder}", "runner=native"])


def test_doctor_looks_at_another_interpreter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = other_python(tmp_path / "empty", packages=())
    assert status_of("doctor", "--env", str(empty)) == 1
    assert "lacks torch" in " ".join(capsys.readouterr().out.split())


@pytest.mark.long
def test_two_versions_of_executorch_are_measured_interleaved(tmp_path: Path) -> None:
    """Needs a package index: it installs some GB."""
    own = {"ETBENCH_CACHE": str(tmp_path / "cache")}
    made = etbench("env", "create", "executorch==1.4.1", cwd=tmp_path, timeout=1_800, **own)
    assert made.returncode == 0, made.stderr
    command = f"--config-dir {CONF} -m model=tiny env=executorch-1.4.1,null repeat=quick passes.load=1"
    done = etbench(*command.split(), f"hydra.sweep.dir={tmp_path / 'out'}", cwd=tmp_path, **own)
    assert done.returncode == 0, done.stdout + done.stderr
    old, new = sorted(
        (result for _, result in read_results([tmp_path / "out"])[0]),
        key=lambda result: result.environment.libraries["executorch"],
    )
    assert old.environment.libraries["executorch"] == "1.4.1"
    assert old.environment.binding != new.environment.binding
    assert {old.environment.start, new.environment.start} == {"spawn"}
    assert old.turn_id == new.turn_id is not None
