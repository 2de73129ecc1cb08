"""The builder process: reads a request on standard input, answers on standard output."""

from __future__ import annotations

from pathlib import Path

from etbench.build.artifact import Artifact, BuildRequest
from etbench.events import OnEvent, Stages
from etbench.process import serve


def _handle(request: BuildRequest, emit: OnEvent) -> Artifact:
    stages = Stages(emit)
    with stages("import"):
        from etbench.models.torchvision_ops import ensure_importable

        ensure_importable()
        from etbench.build.pipeline import build_artifact
    return build_artifact(request.recipe, Path(request.folder), stages)


if __name__ == "__main__":
    serve(BuildRequest, _handle)
