"""A folder of results as nobody would want to get it: what has stopped the page, or could."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from running import TESTS

from etbench.events import Failure
from etbench.results.files.store import read_result
from etbench.results.schema import Result

GOOD = TESTS.parent / "outputs" / "sample_sweep" / "resnet18_fp32_xnnpack.json"
DEEP = 100_000

NOBODY = 2**22 + 1  # above the highest number that Linux gives a process
AT = '"at":"2026-01-01T00:00:00Z"'
KNOWN = f'{AT},"pid":{NOBODY},"cell":"a","cell_id":"0"'
BAD_EVENTS = (
    '{"kind":"round","x":' + "[" * DEEP,
    '{"a":' * DEEP,
    "{" * DEEP,
    '{"kind":"round","at":"0001-01-01T00:00:00","pid":2}',
    *(f'{{"kind":"round",{AT},"pid":{pid}}}' for pid in (-1, 0, 2**31, 2**70)),
    *(
        f'{{"kind":"round",{KNOWN},"p50_ms":1.0,{more}}}'
        for more in ('"done":-1', '"of":99999999999', '"round_ms":-1.0', '"round_ms":1e308')
    ),
)
EVENTS = (
    f'{{"kind":"cell_started",{KNOWN}}}',
    *(
        f'{{"kind":"round",{KNOWN},"done":9,"of":1,"p50_ms":{p50},"round_ms":{each}}}'
        for p50, each in ((0, 0), (0, 5e-324), (1e12, 1), (1, 1.0000000000000002))
    ),
    f'{{"kind":"cell_finished",{KNOWN},"status":"ok","message":"\\u0000.json"}}',
    f'{{"kind":"cell_finished",{AT},"pid":{NOBODY},"cell":"\\u0000","cell_id":"1","message":"fifo.json"}}',
    f'{{"kind":"cell_finished",{AT},"pid":{NOBODY},"cell":"../../etc/passwd","cell_id":"2","message":".."}}',
)


def make_hostile(folder: Path) -> None:
    """Fill a new folder: results, links, a FIFO, and the log and manifest of a run."""
    (folder / ".sweep").mkdir(parents=True)
    (folder / ".sweep" / "manifest.json").write_text('{"argv":' + "[" * DEEP)
    (folder / "events.jsonl").write_text("\n".join([*BAD_EVENTS, *EVENTS, ""]))
    os.mkfifo(folder / "console.log")
    os.mkfifo(folder / "fifo.json")
    (folder / "folder.json").mkdir()
    (folder / "loop.json").symlink_to("loop.json")
    (folder / "zero.json").symlink_to("/dev/zero")
    (folder / "deep.json").write_text("[" * DEEP)
    (folder / "deep_config.json").write_text('{"schema_version":1,"config":' + '{"a":' * DEEP)
    (folder / "empty.json").touch()
    with suppress(OSError):  # not every file system has such names
        shutil.copy(GOOD, os.fsencode(folder) + b"/not\xff.json")
    for name, changes in _results().items():
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(changes))


def _results() -> dict[str, Result]:
    good = read_result(GOOD)
    assert good.latency_ms is not None and good.artifact is not None
    replace = msgspec.structs.replace

    def of(name: str, **changes: Any) -> Result:
        return replace(good, model_name=name, created_at="2000-01-01T00:00:00+00:00", **changes)

    silent = Failure(stage="lower", kind="RuntimeError", message="", hint="", traceback="")
    zeros = dict.fromkeys(("avg", "min", "max", "std_dev", "p50", "p95", "p99"), 0.0)
    return {
        "large_integer": of("large", artifact=replace(good.artifact, pte_bytes=2**70)),
        "no_latency": of("no_latency", latency_ms=replace(good.latency_ms, **zeros), rounds=[[0.0] * 5] * 8),
        "no_message": of(
            "silent", status="failed", failure=silent, latency_ms=None, rounds=[], round_facts=[], repeat=0
        ),
    }
