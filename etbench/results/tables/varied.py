"""The overrides in which cells of one name differ, such as ``model.width=0.5``: what a sweep varied.

They are read from the commands of the results. A cell that failed has a command too, so it never changes the
names of others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["VARIED_COLUMNS", "overrides_of", "varied_words"]

# Cells with different values of these are not compared with each other.
SETTING = ("model", "repeat", "measure")
# Those with different values of these are alternatives, as precisions are.
VARIANT = ("precision", "delegate", "calibration")
COLUMNS = ("model.inputs", "model.weights")  # have a column of their own
# Their columns, and what these mean.
VARIED_COLUMNS = {
    "varied": "overrides, such as `model.width=0.5`, that differ among cells of one precision and delegate; "
    "cells with different ones are not compared",
    "variant": "such overrides of the precision, delegate or calibration: alternatives, as precisions are",
}
LONGEST = 40  # characters of a value in a name

Overrides = Mapping[str, str]
Identity = tuple[str, str, str]


def overrides_of(command: Sequence[str]) -> dict[str, str]:
    """Return the overrides of a result's command that can distinguish cells, by their keys."""
    pairs = [text.lstrip("+~").partition("=") for text in command if not text.startswith("-")]
    return {
        key: value
        for key, _, value in pairs
        if key.partition(".")[0] in (*SETTING, *VARIANT) and key not in COLUMNS
    }


def varied_words(identities: Sequence[Identity], overrides: Sequence[Overrides]) -> Iterator[tuple[str, str]]:
    """Yield the overrides in which each cell differs from others of its identity, as words.

    The first are those of the setting, within which cells are compared, the second those of the variant. An
    override of the setting that distinguishes two cells is named in all cells of the model.

    Args:
        identities: model, precision and delegate of each cell.
        overrides: those of each cell, from `overrides_of`.

    >>> cells = [{"model.width": "1.0"}, {"model.width": "0.5"}]
    >>> list(varied_words([("net", "fp32", "xnnpack")] * 2, cells))
    [('model.width=1.0', ''), ('model.width=0.5', '')]

    """
    alike: defaultdict[Identity, list[Overrides]] = defaultdict(list)
    for identity, own in zip(identities, overrides, strict=True):
        alike[identity].append(own)
    differing = {identity: _differing(group) for identity, group in alike.items()}
    of_model: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for (model, *_), keys in differing.items():
        of_model[model] |= dict.fromkeys(keys)
    for identity, own in zip(identities, overrides, strict=True):
        yield _words(own, of_model[identity[0]], SETTING), _words(own, differing[identity], VARIANT)


def _differing(group: Sequence[Overrides]) -> list[str]:
    """Return the keys whose values are not the same in all cells, in the order of the commands."""
    if len(group) == 1:
        return []
    keys = dict.fromkeys(key for own in group for key in own)
    return [key for key in keys if len({own.get(key) for own in group}) > 1]


def _words(own: Overrides, keys: Iterable[str], roots: Sequence[str]) -> str:
    return ", ".join(
        f"{key}={_short(own[key])}" for key in keys if key in own and key.partition(".")[0] in roots
    )


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
