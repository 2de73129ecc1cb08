"""Why a partitioner left an operator behind, if it reports a reason."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from executorch.exir.backend.canonical_partitioners.config_partitioner import (
    ConfigerationBasedPartitioner,
    format_target_name,
)
from executorch.exir.backend.utils import WhyNoPartition
from torch import fx

__all__ = ["Rejections", "listening"]

# The rules of XNNPACK's partitioner log at level DEBUG which node they refuse, and why (executorch 1.5.1).
RULES = "executorch.backends.xnnpack.partition.config"
NO_RULE = "the partitioner has no rule for this operator"


class Rejections(logging.Handler):
    """Collects the reasons that partitioners log while they partition.

    Args:
        partitioners: in the order in which they run.

    """

    def __init__(self, partitioners: Sequence[Any]) -> None:
        super().__init__(logging.DEBUG)
        self._said: dict[str, str] = {}  # by the name of the node, the first reason counts
        rules = [one for one in partitioners if isinstance(one, ConfigerationBasedPartitioner)]
        self._known: set[str] | None = None  # operators that have a rule, if all partitioners use rules
        if rules and len(rules) == len(partitioners):
            self._known = {name for one in rules for name in one.target_partitioner_configs}

    def emit(self, record: logging.LogRecord) -> None:
        """Record why a node was refused."""
        said = record.msg
        if isinstance(said, WhyNoPartition) and said.node is not None:
            self._said.setdefault(said.node.name, said.reason)

    def reason(self, node: fx.Node) -> str:
        """Return why this node of the lowered graph is not in a subgraph, or an empty string if unknown."""
        if node.name in self._said:
            return self._said[node.name]
        name = format_target_name(getattr(node.target, "__name__", ""))
        return NO_RULE if self._known is not None and name not in self._known else ""


@contextmanager
def listening(partitioners: Sequence[Any]) -> Iterator[Rejections]:
    """Yield the reasons that partitioners log within the body, and keep them out of other logs."""
    logger = logging.getLogger(RULES)
    rejections, level, propagates = Rejections(partitioners), logger.level, logger.propagate
    logger.addHandler(rejections)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield rejections
    finally:
        logger.removeHandler(rejections)
        logger.setLevel(level)
        logger.propagate = propagates
