"""A log with one line of JSON per event of a run, for the web page, a script or ``tail -f``."""

from __future__ import annotations

import contextlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from etbench.events import Event
from etbench.events.encoding import as_json

__all__ = ["EVENT_LOG", "EventLog", "LoggedEvent", "read_events"]

EVENT_LOG = "events.jsonl"  # the name that conf/config.yaml gives it

_MILLISECOND = 1_000  # microseconds


class LoggedEvent(Event, frozen=True, kw_only=True, omit_defaults=True, tag=False):
    """An event with its time in UTC, and the process that ran the cell.

    `host` is the same name as in the environment of results; logs of older versions do not have it.
    """

    at: datetime
    pid: int
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
                file.write(as_json(logged) + b"\n")


def read_events(path: Path, offset: int = 0) -> tuple[list[LoggedEvent], int]:
    """Read the events from a position on, and return them with the position to go on from.

    A line that is still being written is left for the next call; a line that is not an event is skipped. A
    file that does not exist has no events.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            body = file.read()
    except FileNotFoundError:
        return [], offset
    complete = body[: body.rfind(b"\n") + 1]
    events = []
    for line in complete.splitlines():
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            events.append(_decoder.decode(line))
    return events, offset + len(complete)
