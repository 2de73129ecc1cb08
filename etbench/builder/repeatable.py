"""Whether the eager model gives one answer for one input, and a state that every run starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from etbench.artifact.arrays import as_array
from etbench.stats import compare_outputs
from etbench.text import and_more

__all__ = ["disagreement", "keeping_state", "random_operators"]

AGREES_DB = 40  # two runs differ in the order of additions at most: above 100 dB
RANDOM = ("bernoulli", "dropout", "exponential", "multinomial", "normal", "poisson", "rand", "uniform")


@contextmanager
def keeping_state(module: nn.Module) -> Iterator[None]:
    """Restore the buffers of a module that its calls change.

    The program starts with the state of the module when it was exported, so the reference must as well.
    """
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        yield
    finally:
        after = dict(module.named_buffers())
        for name, buffer in before.items():
            if after.get(name) is None or not torch.equal(after[name], buffer):
                owner, _, own = name.rpartition(".")
                setattr(module.get_submodule(owner), own, buffer)


def disagreement(first: Sequence[Tensor], again: Callable[[], Sequence[Tensor]]) -> str:
    """Return how much a second run of the eager model differs from the first; empty if it does not.

    Args:
        first: outputs of the first run.
        again: runs the model on the same inputs from the same state.

    """
    parity = compare_outputs([*map(as_array, first)], [*map(as_array, again())])
    if parity.degenerate or parity.exact or parity.worst is None:
        return ""
    worst = parity.outputs[parity.worst]
    if worst.agreement is not None:
        return f"two runs on one input agree in {worst.agreement:.1%} of the elements"
    if worst.sqnr_db is None or worst.sqnr_db >= AGREES_DB:
        return ""
    return f"two runs on one input differ, with an SQNR of {worst.sqnr_db:.1f} dB"


def random_operators(program: ExportedProgram) -> str:
    """Name the operators that draw random numbers and the lines that call them; empty if there are none."""
    found = dict.fromkeys(_random(program))
    return and_more(found, 3)


def _random(program: ExportedProgram) -> Iterator[str]:
    for node in program.graph.nodes:
        name = str(node.target).removeprefix("aten.").partition(".")[0]
        if node.op != "call_function" or not any(word in name for word in RANDOM):
            continue
        if "dropout" in name and node.args[-1] is False:
            continue  # in evaluation mode, it passes its input on
        lines = [line.strip() for line in (node.meta.get("stack_trace") or "").splitlines()]
        code = next((line for line in reversed(lines) if line and not line.startswith("File ")), "")
        yield f"{name} in `{code}`" if code else name
