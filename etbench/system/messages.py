"""What goes over the pipes between etbench and its children, a line of JSON each."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from etbench.events import Event, Failure

__all__ = ["Answer", "Failed", "Message", "Part", "Request", "Said"]

FIELD = "message_type"


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a child that lives on is asked; the messages that answer it repeat its number."""

    number: int
    body: msgspec.Raw


class Said(Struct, frozen=True, kw_only=True, tag="said", tag_field=FIELD):
    """A line about slow going."""

    text: str


class Part(Struct, frozen=True, kw_only=True, tag="part", tag_field=FIELD):
    """A part of the answer that is complete before the rest."""

    request: int
    body: msgspec.Raw


class Answer(Struct, frozen=True, kw_only=True, tag="answer", tag_field=FIELD):
    """The answer, or the end of it; a child that is asked only once does not number it."""

    request: int | None = None
    body: msgspec.Raw


class Failed(Failure, frozen=True, kw_only=True, tag="failure", tag_field=FIELD):
    """Why there is no answer: the last message of a child that failed in an orderly way."""

    request: int | None = None


Message = Event | Said | Part | Answer | Failed
