"""Which of several programs of one recipe was made from the code and data as they are now.

The cache finds a program in two steps, as ccache does with its manifests. The key of a recipe
(`etbench.builder.cache.fingerprint`) covers what is known before the build. What a model imports and opens is
known only after it: the builder records that in a list (`etbench.artifact.sources`, written by
`etbench.builder.recording`), and the program is stored under the key and the checksum of the list. To find a
program, every list that is stored for the key is compared with the present contents of its files::

    v2/4f/4f0c….9a31…/            a program: the key of its recipe, and the checksum of its list
        model.pte
        reference.safetensors
        entry.json                {"key": "4f0c…", "artifact": {"sources": {
                                     "code": [{"module": "nets.seg", "path": "nets/seg.py", "sha256": …}],
                                     "data": [{"root": "nets", "path": "nets/labels.txt", "sha256": …}],
                                     "packages": {"einops": "0.8.0"}}, …}, …}

So a list comes and goes with its program, by one rename, and needs no lock. Paths are relative: a module is
found by its name, and a file from the folder of a module, the working folder or the home folder, so that
another checkout finds the program. A remote cache cannot list its files everywhere; it has the lists of a key
in one file, a `Manifest`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.artifact.sources import DataFile, Sources
from etbench.builder.cache.entry import Sidecar
from etbench.builder.cache.fingerprint import digest
from etbench.environments import version_in
from etbench.system.modules import find_module, import_folders, import_path, look_again
from etbench.text import and_more

__all__ = ["KEPT", "Manifest", "changed_since"]

KEPT = 16  # programs of one key; the least recently used beyond go first


class Manifest(Struct, frozen=True, kw_only=True):
    """The programs of one key in a remote cache, newest first."""

    entries: list[Sidecar] = []

    @classmethod
    def decode(cls, body: bytes, key: str) -> Manifest:
        """Return the valid entries of a manifest; none if it is damaged or has another format."""
        try:
            read = msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls()
        return cls(entries=[entry for entry in read.entries if entry.is_valid and entry.key == key])

    def encode(self) -> bytes:
        """Return the bytes of its file."""
        return msgspec.json.format(msgspec.json.encode(self))

    def with_entry(self, new: Sidecar) -> Manifest:
        """Return it with an entry, which replaces that of the same list; the oldest may be left out."""
        others = [entry for entry in self.entries if entry.folder_name != new.folder_name]
        return Manifest(entries=[new, *others][:KEPT])


def changed_since(sources: Sources, env: str | None = None) -> str:
    """Describe what differs from a list now, such as ``nets/seg.py changed since``; empty if nothing does.

    Nothing is imported: modules are only looked for.

    Args:
        sources: the list.
        env: the interpreter whose packages count, see `etbench.environments.interpreter`; None for this one.

    """
    path = import_path()
    if sources.code or sources.data:
        look_again()
    now = {code.path: (code.sha256, _checksum(find_module(code.module, path))) for code in sources.code}
    now |= {data.path: (data.sha256, _checksum(_found(data, path))) for data in sources.data}
    differing = {name: pair for name, pair in now.items() if pair[0] != pair[1]}
    changed = [name for name, pair in differing.items() if all(pair)]
    gone = [name for name, (_, there) in differing.items() if not there]
    new = [name for name, (before, _) in differing.items() if not before]
    versions = {
        name: (before, version_in(env, name) or "not installed") for name, before in sources.packages.items()
    }
    words = [
        f"{and_more(names, most=3)} {what}"
        for names, what in ((changed, "changed since"), (gone, "no longer found"), (new, "is new"))
        if names
    ]
    words += [
        f"{name} was {before}, is {there}" for name, (before, there) in versions.items() if before != there
    ]
    return "; ".join(words)


def _found(data: DataFile, path: list[str]) -> Path | None:
    """Return where a file of a list is, or would be; None if its root does not exist."""
    match data.root:
        case "/":
            return Path(data.path)
        case ".":
            return Path.cwd() / data.path
        case "~":
            return Path.home() / data.path
        case top:
            places = [folder / data.path for folder in import_folders(top, path)]
            return next((place for place in places if place.exists()), None)


def _checksum(file: Path | None) -> str:
    """Return the checksum of a file; empty if there is none, or it is something else, or cannot be read."""
    try:
        return digest(file) if file and file.is_file() else ""
    except OSError:
        return ""
