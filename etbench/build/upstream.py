"""Cures for what slows a lowering upstream, each with the version it was seen in. They change no `.pte`."""

from __future__ import annotations

from typing import Any

__all__ = ["apply"]


def apply() -> None:
    """Apply all of them to this process."""
    _share_provenance()


def _share_provenance() -> None:
    """Let nodes of a graph share the records of where they came from instead of copying them.

    torch 2.13: `torch.fx.traceback.NodeSource.__init__` deep-copies the whole history of a node each time a
    pass copies the node, and histories grow with every pass. Records do not change once they are made.
    """
    from torch.fx.traceback import NodeSource

    def itself(record: NodeSource, _memo: dict[int, Any]) -> NodeSource:
        return record

    NodeSource.__deepcopy__ = itself  # type: ignore[attr-defined]
