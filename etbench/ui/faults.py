"""What the page does with a file that cannot be shown: it shows the reason, and all the other files."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from etbench.text import printable

__all__ = ["Fault", "attempt", "noting_faults"]

MOST = 300  # characters
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """Why something cannot be shown."""

    reason: str


def reason_of(error: BaseException) -> str:
    """Return an error in one line."""
    first = next(iter(str(error).splitlines()), "")
    return printable(f"{type(error).__name__}: {first}" if first else type(error).__name__)[:MOST]


@contextmanager
def noting_faults(on_fault: Callable[[str], None]) -> Iterator[None]:
    """Call a function with the reason if the body fails, whatever is in the files that it reads or shows.

    The readers name what they expect to be wrong with a file. This is for all else: one file, also one that
    somebody sent, must not hide the others, and a fault of etbench itself must not stop the page.
    """
    try:
        yield
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        on_fault(f"{reason_of(error)} ({Path(place.filename).name}:{place.lineno})")


def attempt(make: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | Fault:
    """Return what a function makes of data from files, or why it cannot be made; see `noting_faults`."""
    faults: list[str] = []
    with noting_faults(faults.append):
        return make(*args, **more)
    return Fault(faults[0])
