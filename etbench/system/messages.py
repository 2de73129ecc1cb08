"""The messages over the pipes between etbench and its children, one line of JSON per message."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import Event, Failure

__all__ = ["Answer", "Failed", "Message", "Part", "Request", "Said", "encoded"]

FIELD = "message_type"


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to a long-lived child; the messages that answer it repeat its number."""

    number: int
    body: msgspec.Raw


class Said(Struct, frozen=True, kw_only=True, tag="said", tag_field=FIELD):
    """A line about slow progress."""

    text: str


class Part(Struct, frozen=True, kw_only=True, tag="part", tag_field=FIELD):
    """A part of the answer that is complete before the rest."""

    request: int
    body: msgspec.Raw


class Answer(Struct, frozen=True, kw_only=True, tag="answer", tag_field=FIELD):
    """The answer, or the end of it; a child that gets only one request does not number it.

    If it `ends`, the child takes no other request: it was forked while it worked.
    """

    request: int | None = None
    body: msgspec.Raw
    ends: bool = False


class Failed(Failure, frozen=True, kw_only=True, tag="failure", tag_field=FIELD):
    """The error instead of an answer: the last message of a child that failed without a crash."""

    request: int | None = None
    ends: bool = False


def encoded(body: Struct, what: str, stage: str) -> msgspec.Raw:
    """Return the body of a message as JSON.

    Args:
        body: what is sent.
        what: names the message in errors.
        stage: of errors.

    Raises:
        EtbenchError: if one of its texts is not valid UTF-8; escaped, it would name another file.

    """
    try:
        return msgspec.Raw(msgspec.json.encode(body))
    except UnicodeEncodeError as error:
        raise EtbenchError(
            f"{what} has a text that is not valid UTF-8: {error.object!a}",
            stage=stage,
            kind=type(error).__name__,
            hint="rename the file or folder, or change the value, that contains it",
        ) from error


Message = Event | Said | Part | Answer | Failed
