"""A builder process: it builds one recipe after another, and keeps the last model for its next precision."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from etbench.artifact import Artifact, BuildRequest, shared_part
from etbench.events import OnEvent, Stages
from etbench.system.channel import print_to, serve

if TYPE_CHECKING:
    from etbench.builder.pipeline import Prepared


class _Builder:
    """The state that a process keeps between two builds."""

    def __init__(self) -> None:
        self._imported = False
        self._shared: bytes = b""
        self._prepared: Prepared | None = None

    def handle(self, request: BuildRequest, emit: OnEvent, _: Callable[[Struct], None]) -> Artifact:
        """Build one recipe."""
        print_to(request.log)
        stages = Stages(emit)
        if not self._imported:
            with stages("import"):
                self._import()
        from etbench.builder.pipeline import build_artifact, prepare
        from etbench.builder.ready import adopt

        if request.recipe.model.ready:
            return adopt(request.recipe.model, Path(request.folder), stages)
        shared = shared_part(request.recipe)
        if shared != self._shared or self._prepared is None:
            self._shared, self._prepared = shared, None  # the old model makes room for the new one
            self._prepared = prepare(request.recipe, stages)
        return build_artifact(request.recipe, self._prepared, Path(request.folder), stages)

    def _import(self) -> None:
        from etbench.models.torchvision_ops import ensure_importable

        gc.disable()  # all that an import makes is kept: looking for garbage takes a fifth of the time
        ensure_importable()
        from etbench.builder import upstream

        upstream.apply()
        import etbench.builder.pipeline  # noqa: F401

        gc.freeze()  # a million objects of torch that no collection need look at again
        gc.set_threshold(100_000, 20, 20)  # a lowering makes millions of objects, few of them garbage
        gc.enable()
        self._imported = True


if __name__ == "__main__":
    serve(BuildRequest, _Builder().handle)
