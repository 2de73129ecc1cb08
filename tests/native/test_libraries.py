"""The libraries for another architecture: fetched by pip once, complete or absent, and checked."""

from __future__ import annotations

import os
import struct
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from etbench.errors import EtbenchError
from etbench.native.libraries import (
    ARCHITECTURES,
    LIBRARIES,
    executorch_version,
    fetch_libraries,
    libraries_for,
)
from etbench.system.locks import locked

ARM = "aarch64"
OTHER = "x86_64"
RUNTIME = "include/executorch/runtime/core/error.h"


def _elf(architecture: str) -> bytes:
    return b"\x7fELF" + bytes(14) + struct.pack("<H", ARCHITECTURES[architecture]) + b"code"


def _wheel(folder: Path, *, architecture: str = ARM, lacks: str = "") -> Path:
    """Make a wheel for arm64 as pip wants it, with libraries of an architecture."""
    name, tag = f"executorch-{executorch_version()}", f"cp3{sys.version_info.minor}"
    files = {f"executorch/lib/lib{one}.so": _elf(architecture) for one in LIBRARIES}
    files |= {f"executorch/{RUNTIME}": b"header", "executorch/exir/huge.py": b"not wanted"}
    about = f"Metadata-Version: 2.1\nName: executorch\nVersion: {executorch_version()}\n"
    files |= {
        f"{name}.dist-info/METADATA": about.encode(),
        f"{name}.dist-info/WHEEL": b"Wheel-Version: 1.0\n",
        f"{name}.dist-info/RECORD": b"",
    }
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-{tag}-{tag}-manylinux_2_28_aarch64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, body in files.items():
            if not lacks or lacks not in path:
                archive.writestr(path, body)
    return wheel


@pytest.fixture
def offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which pip looks for wheels; something has imported distutils before."""
    monkeypatch.setitem(sys.modules, "distutils", ModuleType("distutils"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "offers"))
    (tmp_path / "offers").mkdir()
    return tmp_path / "offers"


def _fetch(folder: Path) -> Path:
    return fetch_libraries(ARM, folder, on_wait=lambda: None)


def test_they_are_fetched_once_and_again_if_they_have_changed(offers: Path, tmp_path: Path) -> None:
    folder = tmp_path / "native"
    with pytest.raises(EtbenchError, match=r"for aarch64 are not on this host") as caught:
        libraries_for(ARM, None, folder)
    assert "etbench env create --board aarch64" in caught.value.hint
    wheel = _wheel(offers)
    kept = _fetch(folder)
    assert libraries_for(ARM, None, folder) == kept
    found = sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file())
    assert found == sorted([RUNTIME, *(f"lib/lib{one}.so" for one in LIBRARIES)])
    wheel.rename(tmp_path / wheel.name)
    assert _fetch(folder) == kept, "nothing is downloaded again"
    (kept / "lib/libexecutorch.so").write_bytes(b"planted")
    with pytest.raises(EtbenchError, match="are not on this host"):
        libraries_for(ARM, None, folder)
    with pytest.raises(EtbenchError, match=r"pip could not download executorch==") as caught:
        _fetch(folder)
    assert "No matching distribution" in caught.value.message
    (tmp_path / wheel.name).rename(wheel)
    assert _fetch(folder) == kept
    assert libraries_for(ARM, None, folder) == kept
    assert not list(folder.glob(".coming-*"))


def test_of_two_at_once_one_fetches_and_the_other_waits(offers: Path, tmp_path: Path) -> None:
    waits, folder = threading.Event(), tmp_path / "native"
    folder.mkdir()
    name = f"executorch-{executorch_version()}-{ARM}-{os.getuid()}"
    with ThreadPoolExecutor(1) as other:
        with locked(folder / f"{name}.lock", lambda: None):
            found = other.submit(fetch_libraries, ARM, folder, on_wait=waits.set)
            assert waits.wait(300)
            _wheel(offers)
        assert found.result() == folder / name


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"lacks": "threadpool"}, "the wheel for aarch64: lib/libexecutorch_threadpool.so is missing"),
        ({"architecture": OTHER}, "the wheel for aarch64: libexecutorch.so is for x86_64, not aarch64"),
    ],
    ids=["incomplete", "of another architecture"],
)
def test_a_wheel_that_does_not_fit_leaves_nothing(
    made: dict[str, str], message: str, offers: Path, tmp_path: Path
) -> None:
    _wheel(offers, **made)
    with pytest.raises(EtbenchError, match=message):
        _fetch(tmp_path / "native")
    assert [path.suffix for path in (tmp_path / "native").iterdir()] == [".lock"]


def test_a_folder_that_the_user_names_is_checked(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match=r"device.libraries=.*: there is no folder lib in it"):
        libraries_for(ARM, str(tmp_path), tmp_path)
    with zipfile.ZipFile(_wheel(tmp_path / "wheels")) as archive:
        archive.extractall(tmp_path / "unpacked")
    package = tmp_path / "unpacked" / "executorch"
    for named in (package, package.parent):
        assert libraries_for(ARM, str(named), tmp_path) == package
    with pytest.raises(EtbenchError, match=r"libexecutorch\.so is for aarch64, not x86_64"):
        libraries_for(OTHER, str(package), tmp_path)
