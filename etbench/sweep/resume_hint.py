"""Print how to resume a sweep that was interrupted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etbench.config.command import resume_arguments, shell_words
from etbench.errors import ConfigError
from etbench.sweep.manifest import has_manifest
from etbench.system.interrupt import interrupted

__all__ = ["resume_hint"]


@contextmanager
def resume_hint(folder: Path, what: str, *, only_interrupted: bool = False) -> Iterator[None]:
    """Print the command that resumes a sweep if the body does not finish.

    Args:
        folder: the folder of the sweep; without a manifest, it cannot be resumed.
        what: a description of what happened.
        only_interrupted: print it only after an interrupt, not after errors.

    """
    try:
        yield
    except ConfigError:
        raise
    except BaseException:
        if has_manifest(folder) and (interrupted() or not only_interrupted):
            sys.stderr.write(f"{what}; resume it with: {shell_words(resume_arguments(folder))}\n")
        raise
