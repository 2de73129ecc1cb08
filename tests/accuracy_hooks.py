"""Accuracy hooks, named by `evaluate._target_`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def spread(program: Any, *, scale: float) -> dict[str, float]:
    """Figures of the outputs of one batch of ones, the last of them not finite."""
    import numpy as np

    (output,) = program(np.ones(program.shapes[0]))
    return {"spread": scale * float(output.max() - output.min()), "nothing": float("nan")}


def wrong_shape(program: Any) -> Any:
    import numpy as np

    return program(np.zeros((7, 7), np.float32))


def no_figures(program: Any) -> Any:
    return ["a list"]


def broken(program: Any) -> Any:
    raise LookupError("the data set is not what it was")


def leaving_a_process(program: Any, *, until: str) -> dict[str, float]:
    """A figure, a word that is printed, and a fork that lives until there is this file."""
    if os.fork() == 0:
        while not Path(until).exists():
            time.sleep(0.1)
        os._exit(0)
    print("a word of the hook")
    return {"figure": 1.0}


def sleeping(program: Any) -> Any:
    time.sleep(3_600)


def quitting(program: Any) -> Any:
    import sys

    sys.exit("no data")
