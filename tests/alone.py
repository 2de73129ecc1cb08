"""Programs that are each built in a process of its own, as by a builder that has built nothing before.

As a script: reads one JSON object per line, builds its recipe in a fork of its own, and prints the SHA-256 of
the program, or a line that starts with "error". All forks share the imported libraries; a first build imports
more of them, so a program that no test looks at comes first.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from running import CONF, environment

__all__ = ["ONE_THREAD", "built_alone"]

# A fork has none of the threads that its parent started, and would wait for them without end.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def built_alone(*recipes: Sequence[str], uncured: Sequence[Sequence[str]] = ()) -> list[str]:
    """Return the digests of programs built one by one.

    Args:
        recipes: overrides of a cell each.
        uncured: more of them, built without what `etbench` changes in the libraries.

    """
    asked = [(list(one), True) for one in recipes] + [(list(one), False) for one in uncured]
    lines = "".join(f"{json.dumps({'overrides': one, 'cured': cured})}\n" for one, cured in asked)
    done = subprocess.run(
        [sys.executable, __file__],
        input=lines,
        env=environment(**ONE_THREAD),
        capture_output=True,
        text=True,
        check=True,
    )
    digests = done.stdout.split("\n")[:-1]
    assert all(len(digest) == 64 for digest in digests), done.stdout + done.stderr
    assert len(digests) == len(asked)
    return digests


def _build(overrides: list[str], cured: bool) -> str:
    from etbench.builder import upstream
    from etbench.builder.pipeline import build_artifact, prepare
    from etbench.events import Stages
    from etbench.preflight.compose import compose

    if cured:
        upstream.apply()
    recipe, stages = compose(overrides, config_dir=CONF).recipe, Stages(lambda _: None)
    with tempfile.TemporaryDirectory() as folder:
        return build_artifact(recipe, prepare(recipe, stages), Path(folder), stages).sha256


def _serve() -> None:
    from etbench.models.torchvision_ops import ensure_importable

    ensure_importable()
    _build(["model=constant", "precision=int8"], cured=False)
    gc.freeze()
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                print(_build(**json.loads(line)), flush=True)
            except Exception as error:
                print(f"error: {error!r}", flush=True)
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    _serve()
