"""Results for publication: without host names, paths of the user and addresses of devices.

A checksum that only this machine can compute takes the place of each. So two results of one host, or with the
same checkpoint, have the same word there, and results are compared and paired as before.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import platform
import re
import sys
import sysconfig
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from etbench.redaction import arguments_without_secrets, without_secrets, without_secrets_in
from etbench.results.schema import Result

__all__ = ["anonymous"]

DIGITS = 6
HIDDEN = re.compile(rf"hidden-[0-9a-f]{{{DIGITS}}}")
# What results are paired by, as far as it is a text: it is never a path.
IDENTITY = frozenset(
    {
        *("cell_id", "created_at", "delegate", "model_name", "model_type"),
        *("precision", "precision_short", "status", "turn_id"),
    }
)
ADDRESSES = ("host", "serial", "address")  # keys of `device` in the configuration
OPTION = re.compile(r"(?P<key>[+~]*[\w./-]+=)(?P<quote>['\"]?)(?P<path>(?:~|\.\.)?/.*?)(?P=quote)", re.DOTALL)
# A path in quotes, one without spaces that is absolute, below a home folder or above the working folder, and
# one of Windows.
PATH = re.compile(
    r"(?<=['\"])(?:~[\w.-]*|\.\.)?/[^'\"\n]+(?=['\"])"
    r"|(?:file://(?=/)|(?<![\w.:/~\])>]))(?:~[\w.-]*|\.\.)?/(?!/)[^\s'\"`:,;(){}\[\]<>|=]+"
    r"|(?<!\w)[A-Za-z]:\\[^\s'\"`,;(){}\[\]<>|]+"
)


def anonymous(result: Result) -> Result:
    """Return a result without what identifies a person or a machine."""
    facts, device = result.environment, result.config.get("device")
    device = device if isinstance(device, dict) else {}
    addresses = {key: device[key] for key in ADDRESSES if device.get(key)}
    hide = _Hiding(map(str, [platform.node(), facts.host, facts.node or "", *addresses.values()]))
    raw = msgspec.to_builtins(result)
    raw["config"] = without_secrets_in(raw["config"])  # of older versions
    raw["command"] = arguments_without_secrets(raw["command"])
    raw |= {name: hide(value) for name, value in raw.items() if name not in IDENTITY}
    raw["environment"] |= {name: _hidden(getattr(facts, name)) for name in ("host", "node")}
    if device:
        raw["config"]["device"] |= {key: _hidden(str(value)) for key, value in addresses.items()}
        raw["config"]["device"] |= {"options": []} if "options" in device else {}
    return msgspec.convert(raw, Result)


class _Hiding:
    """Replaces paths, and the names of hosts and devices, in texts at any depth."""

    def __init__(self, names: Iterable[str]) -> None:
        every = {part for name in names for part in _parts(name)} - {"unknown", "localhost"}
        longest = sorted(map(re.escape, every), key=len, reverse=True)
        self._known: dict[str, str] = {}  # a result repeats its keys in each round
        self._names = re.compile(rf"(?<![\w.-])(?:{'|'.join(longest)})(?![\w-])" if longest else "(?!)")

    def __call__(self, value: Any) -> Any:
        match value:
            case str():
                return self._text(value)
            case {"root": "~" | "/", "path": str(path)}:  # a file that was read
                return value | {"path": _hidden(path)}
            case {"items_sha256": str(), "correct": str()}:  # `ItemAnswers`: base64, which may begin with /
                return value
            case dict():
                return {self._text(key): self(inner) for key, inner in value.items()}
            case list() if not value or not isinstance(value[0], float):
                return [self(inner) for inner in value]
        return value

    def _text(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = self._hidden_in(text)
        return self._known[text]

    def _hidden_in(self, text: str) -> str:
        text = without_secrets(text)
        if "/" in text or "\\" in text:
            text = self._without_paths(text)
        name = self._names.fullmatch(text)  # a word of its own, such as a status, is not the name of a host
        return text if name else self._names.sub(lambda name: str(_hidden(name[0])), text)

    @staticmethod
    def _without_paths(text: str) -> str:
        if Path(text).is_absolute() and "\n" not in text and Path(text).parent != Path(text):
            return _shown(text)
        if option := OPTION.fullmatch(text):
            return f"{option['key']}{option['quote']}{_shown(option['path'])}{option['quote']}"
        for folder, name in _known_folders():
            text = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", name, text)
        return PATH.sub(lambda path: _shown(path[0].removeprefix("file://")), text)


def _parts(name: str) -> Iterator[str]:
    """Yield a name, the host in it, and that host without its domain."""
    if not name or HIDDEN.fullmatch(name):
        return
    host = urlsplit(name if "//" in name else f"//{name}").hostname or name
    short = host.partition(".")[0]
    yield from (name, host)
    if re.fullmatch(r"[A-Za-z][\w-]{2,}", short):  # not the first number of an address
        yield short


def _hidden(text: str | None) -> str | None:
    """Return the word that takes the place of a name or a path."""
    if text is None or HIDDEN.fullmatch(text):
        return text
    return f"hidden-{hashlib.blake2b(text.encode(), key=_key(), digest_size=16).hexdigest()[:DIGITS]}"


def _shown(path: str) -> str:
    """Return a path below the working folder or a package, or the word that replaces any other."""
    for folder, name in _known_folders():
        if path == folder or path.startswith(f"{folder}/"):
            return name + path.removeprefix(folder)
    return str(_hidden(path))


@functools.cache
def _key() -> bytes:
    """Return what makes the checksums those of this machine: nobody else can try names and paths."""
    try:
        told = Path("/etc/machine-id").read_text(encoding="utf-8").strip()
    except OSError:
        told = ""
    return (told or f"{uuid.getnode():x}").encode()[:64]


def _known_folders() -> list[tuple[str, str]]:
    """Return the folders that have a name here, the longest first."""
    found = {
        sys.base_prefix: "python",
        sys.prefix: "python",
        sysconfig.get_path("stdlib"): "python",
        sysconfig.get_path("platlib"): "site-packages",
        sysconfig.get_path("purelib"): "site-packages",
        str(Path(__file__).parents[2]): "etbench",
    }
    with contextlib.suppress(FileNotFoundError):  # it was removed
        found[str(Path.cwd())] = "."
    found.pop("/", None)
    return sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True)
