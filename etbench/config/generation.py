"""How long the texts are that a language model reads and writes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

__all__ = ["GENERATE", "Generation", "Tokens", "length_fault"]

GENERATE = "generate"  # the task of a model that writes token by token, from a cache inside of its program

Tokens = Annotated[int, Meta(ge=2, le=131_072)]


class Generation(Struct, frozen=True, kw_only=True):
    """A prompt of so many tokens, to which so many are added, in a cache that holds `max_tokens` at most."""

    prompt_tokens: Tokens
    new_tokens: Tokens
    max_tokens: Tokens


def length_fault(options: dict[str, Any]) -> str | None:
    """Return what is wrong with the lengths among a model's options: what is written must fit the cache."""
    prompt, new, most = (options.get(name) for name in Generation.__struct_fields__)
    if prompt is None or new is None or most is None or prompt + new <= most:
        return None
    return (
        f"model.prompt_tokens={prompt} and model.new_tokens={new}: the cache holds model.max_tokens={most}; "
        f"raise that to {prompt + new} or more"
    )
