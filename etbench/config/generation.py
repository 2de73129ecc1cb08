"""The lengths of the text that a language model reads and generates."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

__all__ = ["GENERATE", "Generation", "Tokens", "length_fault"]

GENERATE = "generate"  # the task of a model that generates token by token, with a cache inside its program

Tokens = Annotated[int, Meta(ge=2, le=131_072)]


class Generation(Struct, frozen=True, kw_only=True):
    """A prompt of `prompt_tokens`, followed by `new_tokens` generated ones, in a cache of `max_tokens`."""

    prompt_tokens: Tokens
    new_tokens: Tokens
    max_tokens: Tokens


def length_fault(options: dict[str, Any]) -> str | None:
    """Return what is wrong with the lengths in a model's options: all tokens must fit the cache."""
    prompt, new, most = (options.get(name) for name in Generation.__struct_fields__)
    if prompt is None or new is None or most is None or prompt + new <= most:
        return None
    return (
        f"model.prompt_tokens={prompt} and model.new_tokens={new}: model.max_tokens={most} is too small "
        f"for both; set it to {prompt + new} or more"
    )
