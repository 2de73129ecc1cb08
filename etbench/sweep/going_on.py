"""The last words of a sweep that was cut short."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etbench.config.command import resume_arguments, shell_words
from etbench.errors import ConfigError
from etbench.sweep.manifest import has_manifest
from etbench.system.interrupt import interrupted

__all__ = ["saying_how_to_go_on"]


@contextmanager
def saying_how_to_go_on(folder: Path, what: str, *, only_interrupted: bool = False) -> Iterator[None]:
    """Print the command that resumes a sweep where the body does not get to its end.

    Args:
        folder: of the sweep; one without a manifest cannot be resumed.
        what: happened, in words.
        only_interrupted: what ends the body otherwise is not worth these words.

    """
    try:
        yield
    except ConfigError:
        raise
    except BaseException:
        if has_manifest(folder) and (interrupted() or not only_interrupted):
            sys.stderr.write(f"{what}; go on with: {shell_words(resume_arguments(folder))}\n")
        raise
