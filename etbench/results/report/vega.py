"""Vega, Vega-Lite and Vega-Embed as one script, bundled once and then kept.

vl-convert carries all three, but bundles them with a JavaScript runtime of its own: some 1.5 s of CPU in
which every other thread of the process is blocked.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from importlib.metadata import version
from pathlib import Path

from etbench.system.files import replace_file
from etbench.system.reading import read_file

__all__ = ["vega_script"]


def vega_script(cache: Path | None) -> str:
    """Return the script; it defines ``vegaEmbed`` and nothing else.

    Args:
        cache: a folder that keeps it, by the version of vl-convert and with its checksum; None keeps it only
            in this process.

    """
    if cache is None:
        return _bundled()
    kept = cache / "report" / f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, ValueError):  # not there yet, or not readable
        digest, script = read_file(kept).decode().split("\n", 1)
        if digest == _digest(script):
            return script
    script = _bundled()
    with contextlib.suppress(OSError):  # a full disk, or a read-only cache
        kept.parent.mkdir(parents=True, exist_ok=True)
        replace_file(kept, f"{_digest(script)}\n{script}".encode())
    return script


@functools.cache
def _bundled() -> str:
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return f"(() => {{{bundle}}})();"


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode("utf-8")).hexdigest()
