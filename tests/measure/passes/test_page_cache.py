"""The kernel's page cache: what lies in it, and what can be got out of it."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import psutil
import pytest

from etbench.errors import EtbenchError
from etbench.measure.passes.page_cache import cached_share, drop_from_cache, fill_cache

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this platform cannot drop pages")
SHM = Path("/dev/shm")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some megabytes on a disk, just written."""
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    below = [mount for mount in mounts if tmp_path.is_relative_to(mount)]
    if mounts[max(below, key=len)] == "tmpfs":
        pytest.skip("the temporary folder lies in memory")
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 << 20))
    return path


def test_a_file_just_written_is_in_memory_until_it_is_dropped(file: Path) -> None:
    assert cached_share(file) == 1.0
    drop_from_cache(file)
    assert cached_share(file) == 0.0


def test_a_dropped_file_can_be_had_back(file: Path) -> None:
    drop_from_cache(file)
    fill_cache(file)
    assert cached_share(file) == 1.0


def test_a_file_that_a_process_has_mapped_stays_and_that_is_said(file: Path) -> None:
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert sum(view[:: mmap.PAGESIZE]) > 0  # touches each page
        with pytest.raises(EtbenchError, match="100% of the file stayed in memory"):
            drop_from_cache(file)


@pytest.mark.skipif(not SHM.is_dir(), reason="no file system in memory here")
def test_a_file_system_in_memory_keeps_its_files_and_that_is_said() -> None:
    with tempfile.NamedTemporaryFile(dir=SHM) as held:
        held.write(b"x" * (1 << 20))
        held.flush()
        with pytest.raises(EtbenchError, match="its file system is in memory"):
            drop_from_cache(Path(held.name))


def test_an_empty_file_has_no_share(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert cached_share(tmp_path / "empty") is None
