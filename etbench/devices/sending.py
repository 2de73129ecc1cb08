"""Send files to a machine without etbench, through its shell: once, and checked by their SHA-256."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from etbench.host.shell import Shell
from etbench.system.files import sha256

__all__ = ["missing_there", "send"]


def missing_there(shell: Shell, files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of those files that are missing there, or differ, by their paths there."""
    return _missing(shell, {there: sha256(path) for there, path in files.items()})


def send(
    shell: Shell,
    files: Mapping[str, Path],
    missing: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    hint: str,
) -> None:
    """Send the files that are missing there.

    Args:
        shell: of the machine.
        files: by their paths there.
        missing: what `missing_there` returned.
        tell: receives a line about how much is sent.
        hint: of the error if a file does not arrive intact.

    Raises:
        EtbenchError: of stage ``connect`` if one does not arrive intact.

    """
    if not missing:
        return
    size = sum(files[there].stat().st_size for there in missing)
    tell(f"sending {size / 1e6:.1f} MB to {shell.machine}")
    coming = f".coming-{uuid.uuid4().hex[:8]}"  # a file has its name only when it is complete
    _for_each(shell, missing, 'mkdir -p "${name%/*}" && rm -f "$name".coming-*')
    for there in missing:
        shell.push(files[there], f"{there}{coming}")
    _for_each(shell, missing, f'chmod 755 "$name{coming}" && mv -f "$name{coming}" "$name"')
    if broken := _missing(shell, missing):
        raise shell.error(f"{', '.join(broken)} did not arrive intact", hint=hint)


def _missing(shell: Shell, digests: Mapping[str, str]) -> dict[str, str]:
    told = (
        line.split(maxsplit=1)
        for line in _for_each(shell, digests, 'sha256sum "$name"').splitlines()
        if " " in line
    )
    there = {name: digest for digest, name in told}
    return {name: digest for name, digest in digests.items() if there.get(name) != digest}


def _for_each(shell: Shell, names: Iterable[str], command: str) -> str:
    """Run a command of the machine's shell for each ``$name``; errors show up in the files."""
    text = f"while read -r name; do {command}; done 2>/dev/null; true"
    return shell.shell(text, feed="".join(f"{name}\n" for name in names))
