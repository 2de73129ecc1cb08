"""The second level of the artifact cache: programs built on one machine, for all others, through fsspec.

In the folder of the URL, `<key>.v2.json` has the `entry.json` of each entry of a key (a
`etbench.builder.cache.manifest.Manifest`), and their files are beside it, named by their checksums. They are
written first, so that a visible entry is complete and an interrupted upload leaves no entry. If two machines
write the same key at once, either may win, and the other entry is missing until it is built again. Downloads
are verified like any entry.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from operator import methodcaller
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from etbench.artifact import is_code, program_path
from etbench.builder.cache.entry import FILES, FORMAT, Sidecar, checked_key
from etbench.builder.cache.manifest import Manifest, changed_since

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["OnLost", "RemoteCache"]

TRANSFERS = 4  # at once
SLOWEST_BYTES_PER_S = 250_000  # of one transfer, on top of the timeout

OnLost = Callable[[str], None]
T = TypeVar("T")


class RemoteCache:
    """Programs by key in an object store or a folder that machines share.

    After its first failure, whatever the reason, it is disabled: nothing more is read from it or written to
    it, though an abandoned transfer may still finish. Programs of PyTorch are never shared: they may contain
    code that was compiled for the CPU that built them.

    Args:
        url: of an existing bucket or folder, with a prefix or without.
        options: of its file system in fsspec.
        timeout_s: how long an answer may take; a transfer may take longer, by its size.

    """

    def __init__(self, url: str, options: Mapping[str, Any], timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s
        self._options = options
        self._transfers = threading.BoundedSemaphore(TRANSFERS)
        self._lock = threading.Lock()
        self._lost = False

    def fetch(self, key: str, folder: Path, on_lost: OnLost, env: str | None = None) -> Sidecar | None:
        """Download the files of an entry into an empty folder; None if there is no valid one of this code.

        Args:
            key: of the recipe.
            folder: stays empty if there is no entry.
            on_lost: called with the reason, if this call is the first that fails.
            env: the interpreter that would build it, see `changed_since`.

        """
        return self._unless_lost(lambda: self._download(checked_key(key), folder, env), on_lost)

    def push(self, sidecar: Sidecar, built: Path, on_lost: OnLost) -> None:
        """Upload an entry whose files are in a folder; `on_lost` is as in `fetch`."""
        if not is_code(program_path(built)):
            self._unless_lost(lambda: self._upload(sidecar, built), on_lost)

    def _download(self, key: str, folder: Path, env: str | None) -> Sidecar | None:
        # Not into the folder itself: an abandoned transfer may still write.
        with TemporaryDirectory(dir=folder.parent, prefix="remote-", ignore_cleanup_errors=True) as name:
            for number, sidecar in enumerate(self._manifest(key).entries):
                (staging := Path(name) / str(number)).mkdir()
                if not changed_since(sidecar.sources, env) and self._downloaded(sidecar, staging):
                    for path in FILES:
                        path(staging).replace(path(folder))
                    return sidecar
        return None

    def _downloaded(self, sidecar: Sidecar, staging: Path) -> bool:
        """Download the files of an entry, and return whether they are valid."""
        try:
            for file, blob in self._blobs(sidecar, staging):
                size = self._within(0, methodcaller("size", blob)) or 0  # a web server may not report it
                self._within(size, methodcaller("get_file", blob, str(file)))
        except FileNotFoundError:
            return False
        return not is_code(program_path(staging)) and sidecar.fits(staging)

    def _upload(self, sidecar: Sidecar, built: Path) -> None:
        for file, blob in self._blobs(sidecar, built):
            self._within(file.stat().st_size, partial(_send_file, file, blob))
        manifest = self._manifest(sidecar.key).with_entry(sidecar)
        self._within(0, partial(_send_bytes, manifest.encode(), self._manifest_name(sidecar.key)))

    def _manifest(self, key: str) -> Manifest:
        """Return the entries of a key."""
        try:
            body = self._within(0, methodcaller("cat_file", self._manifest_name(key)))
        except FileNotFoundError:
            return Manifest()
        return Manifest.decode(body, key)

    def _manifest_name(self, key: str) -> str:
        return f"{self.url}/{key}.v{FORMAT}.json"

    def _blobs(self, sidecar: Sidecar, folder: Path) -> Iterator[tuple[Path, str]]:
        """Pair the files of an entry with their names in the remote."""
        for path, digest in zip(FILES, sidecar.digests, strict=True):
            file = path(folder)
            yield file, f"{self.url}/{digest}{file.suffix}"

    @cached_property
    def _store(self) -> AbstractFileSystem:
        from fsspec import url_to_fs  # only if a remote is configured

        scheme = self.url.partition("://")[0]
        options = dict(self._options)
        if scheme in ("s3", "s3a"):  # its own defaults retry for minutes
            limits = {"connect_timeout": self.timeout_s, "read_timeout": self.timeout_s}
            given = options.get("config_kwargs", {})
            options["config_kwargs"] = {**limits, "retries": {"max_attempts": 1}, **given}
        store: AbstractFileSystem = url_to_fs(self.url, **options)[0]
        return store

    def _unless_lost(self, work: Callable[[], T], on_lost: OnLost) -> T | None:
        try:
            with self._transfers:
                return None if self._lost else work()
        except Exception as error:  # the libraries behind fsspec have no common error class
            with self._lock:
                first, self._lost = not self._lost, True
            if first:
                why = " ".join(str(error).split()) or type(error).__name__
                on_lost(f"the remote cache {self.url} is disabled for the rest of this run: {why}")
            return None

    def _within(self, size: int, ask: Callable[[AbstractFileSystem], T]) -> T:
        """Send a request in a thread that ends with the process, so that a missing answer blocks nothing.

        Raises:
            TimeoutError: if it takes longer than is allowed for this size in bytes.

        """
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(ask(self._store))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        limit = self.timeout_s + size / SLOWEST_BYTES_PER_S
        with suppress(TimeoutError):
            return future.result(limit)
        if not future.done():
            raise TimeoutError(f"no answer within {limit:.3g} s")
        return future.result()


def _send_file(file: Path, name: str, store: AbstractFileSystem) -> None:
    with _whole(name, store) as there:
        store.put_file(str(file), there)


def _send_bytes(body: bytes, name: str, store: AbstractFileSystem) -> None:
    with _whole(name, store) as there:
        store.pipe_file(there, body)


@contextmanager
def _whole(name: str, store: AbstractFileSystem) -> Iterator[str]:
    """Yield a name to write to, so that a file appears complete or not at all, and replaces an older one.

    An object store does this itself. In a folder, two processes that write one file would mix their data.
    """
    if not getattr(store, "local_file", False):
        yield name
        return
    beside = f"{name}.{uuid4().hex}.part"
    try:
        yield beside
        store.mv(beside, name)
    except BaseException:
        with suppress(OSError):
            store.rm_file(beside)
        raise
