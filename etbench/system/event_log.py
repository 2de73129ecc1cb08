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
from etbench.system.files import append_to
from etbench.system.reading import open_regular
from etbench.system.strict_json import decode_json, encode_json

__all__ = ["EVENT_LOG", "EventLog", "LoggedEvent", "read_events"]

EVENT_LOG = "events.jsonl"  # the name that conf/config.yaml gives it

_MILLISECOND = 1_000  # microseconds
_MOST_BYTES = 2**26  # read at once; a day of events has a tenth of this


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
            append_to(self._path, encode_json(logged) + b"\n")


def read_events(path: Path, offset: int = 0) -> tuple[list[LoggedEvent], int]:
    """Read the events from a position on, and return them with the position to go on from.

    A line that is still being written is left for the next call, as is what is beyond 64 MB; a line that is
    not an event is skipped. A file that does not exist, or is not a regular file, has no events.
    """
    try:
        with open_regular(path) as file:
            file.seek(offset)
            body = file.read(_MOST_BYTES)
    except OSError:
        return [], offset
    complete = body[: body.rfind(b"\n") + 1]
    if len(body) == _MOST_BYTES and not complete:
        return [], offset + len(body)  # in the middle of a line that is not an event
    events = []
    for line in complete.splitlines():
        with contextlib.suppress(msgspec.DecodeError):
            events.append(decode_json(line, LoggedEvent))
    return events, offset + len(complete)
