"""A log with one line of JSON per event of a run, for the web page, a script or ``tail -f``."""

from __future__ import annotations

import contextlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from etbench.events import Event

__all__ = ["EVENT_LOG", "EventLog", "LoggedEvent", "read_events"]

EVENT_LOG = "events.jsonl"  # the name that conf/config.yaml gives it
MOST_BYTES = 8 << 20  # at once

_MILLISECOND = 1_000  # microseconds


class LoggedEvent(Event, frozen=True, kw_only=True, omit_defaults=True, tag=False):
    """An event with its time in UTC, and the process that ran the cell.

    `host` is the same name as in the environment of results; logs of older versions do not have it.
    """

    at: Annotated[datetime, Meta(tz=True)]
    pid: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    host: str = ""

    @property
    def foreign(self) -> bool:
        """Whether the process ran on another machine or in a container, so that `pid` has no meaning here."""
        return self.host not in ("", platform.node())


_decoder = msgspec.json.Decoder(LoggedEvent)


class EventLog:
    """Appends events to a file, each line at once: several processes may write to the same one.

    An event that cannot be written is lost without an error, since a full disk must not end a measurement;
    the results report the full disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: Event) -> None:
        """Append one event."""
        now = datetime.now(UTC)
        at = now.replace(microsecond=now.microsecond // _MILLISECOND * _MILLISECOND)
        told = msgspec.structs.asdict(event)
        logged = LoggedEvent(**told, at=at, pid=os.getpid(), host=platform.node())
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(msgspec.json.encode(logged) + b"\n")


def read_events(path: Path, offset: int = 0) -> tuple[list[LoggedEvent], int]:
    """Read the events from a position on, and return them with the position to go on from.

    A line that is still being written is left for the next call, as is what exceeds `MOST_BYTES`; a line that
    is not an event is skipped. What is not a file that can be read has no events.
    """
    try:
        if not path.is_file():  # opening a FIFO would wait for its writer
            return [], offset
        with path.open("rb") as file:
            file.seek(offset)
            body = file.read(MOST_BYTES)
    except OSError:
        return [], offset
    end = body.rfind(b"\n") + 1
    if not end and len(body) == MOST_BYTES:  # no event is that long
        return [], offset + len(body)
    events = []
    for line in body[:end].splitlines():
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            events.append(_decoder.decode(line))
    return events, offset + end
