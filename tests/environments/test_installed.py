"""What is installed for another interpreter, and why etbench cannot use one."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from other_python import INSTALLED, other_python

from etbench.environments import BUILDING, RUNNING, Interpreter, interpreter, look
from etbench.environments.installed import check_one_executorch
from etbench.errors import EtbenchError
from etbench.system.interpreters import command_of


def _look(folder: Path) -> Interpreter:
    return look(interpreter(str(folder)))


def test_an_interpreter_with_these_packages_can_build_and_run(tmp_path: Path) -> None:
    found = _look(other_python(tmp_path / "other"))
    assert found.prefix == str(tmp_path / "other")
    assert found.version_of("Scikit_Learn") == importlib.metadata.version("scikit-learn")
    assert found.has("executorch") and not found.has("no_such_module")
    assert found.own_binding.parent == found.executorch[0] / "extension" / "pybindings"
    assert found.fault(BUILDING) is None and found.fault(RUNNING) is None


def test_an_empty_one_lacks_packages_which_the_pip_line_names(tmp_path: Path) -> None:
    found = _look(other_python(tmp_path / "empty", packages=()))
    python = tmp_path / "empty" / "bin" / "python"
    assert found.fault({"torch": "torch", "scikit-learn": "sklearn"}) == (
        f"{python} lacks torch, scikit-learn; run: {python} -m pip install torch scikit-learn"
    )


def test_two_folders_of_executorch_are_refused(tmp_path: Path) -> None:
    (tmp_path / "more" / "executorch").mkdir(parents=True)
    found = _look(other_python(tmp_path / "other", packages=(*INSTALLED, str(tmp_path / "more"))))
    assert str(found.fault(RUNNING)).endswith(
        f"finds executorch in several folders: {found.executorch[0]}, {tmp_path / 'more' / 'executorch'}"
    )


def test_an_executorch_without_a_binding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more" / "executorch").mkdir(parents=True)
    found = _look(other_python(tmp_path / "other", packages=(str(tmp_path / "more"),)))
    assert "has no Python binding" in str(found.fault({"executorch": "executorch"}))


def test_pythonpath_is_not_what_the_interpreter_finds_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more" / "executorch").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "more"))
    assert not _look(other_python(tmp_path / "empty", packages=())).has("executorch")


def test_a_second_executorch_on_the_path_of_this_process_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_one_executorch()
    (tmp_path / "executorch").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "executorch", raising=False)
    with pytest.raises(EtbenchError, match=f"in several folders: {tmp_path}/executorch, /"):
        check_one_executorch()


def test_a_program_that_is_no_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=r"/true is not a Python interpreter that runs here"):
        look(interpreter("/bin/true"))
    with pytest.raises(EtbenchError, match="nonesuch: no such interpreter"):
        interpreter(str(tmp_path / "nonesuch"))
    with pytest.raises(EtbenchError, match="not a virtual environment: it has no bin/python"):
        interpreter(str(tmp_path))


def test_another_interpreter_runs_etbenchs_own_modules_without_having_it(tmp_path: Path) -> None:
    python = interpreter(str(other_python(tmp_path / "empty", packages=())))
    probe = tmp_path / "probe.py"
    probe.write_text("import sys, etbench.errors\nprint(etbench.errors.__file__, *sys.argv[1:])")
    done = subprocess.run(
        command_of("probe", "one", "two", python=python), cwd=tmp_path, capture_output=True, text=True
    )
    import etbench.errors

    assert done.stdout.split() == [etbench.errors.__file__, "one", "two"], done.stderr
