"""A builder process: it builds one recipe after another, and keeps the last model for its next precision."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from etbench.artifact import Artifact, BuildRequest, shared_part
from etbench.artifact.sources import Sources
from etbench.builder.fingerprint import named_files
from etbench.builder.recording import Reads, Recorder, is_of_etbench
from etbench.config import Recipe
from etbench.events import OnEvent, Stages
from etbench.system.channel import print_to, serve

if TYPE_CHECKING:
    from etbench.builder.pipeline import Prepared


class _Builder:
    """The state that a process keeps between two builds."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._shared: bytes = b""
        self._prepared: Prepared | None = None
        self._loaded: Reads | None = None

    def handle(self, request: BuildRequest, emit: OnEvent, _: Callable[[Struct], None]) -> Artifact:
        """Build one recipe.

        Raises:
            OutdatedCodeError: if code or data were edited that this process has read for an earlier recipe.

        """
        print_to(request.log)
        stages = Stages(emit)
        if self._recorder is None:
            with stages("import"):
                self._recorder = self._import()
        self._recorder.check_still()
        from etbench.builder.pipeline import build_artifact, prepare
        from etbench.builder.ready import adopt

        if request.recipe.model.ready:
            return adopt(request.recipe.model, Path(request.folder), stages)
        shared = shared_part(request.recipe)
        if shared != self._shared or self._prepared is None:
            self._shared, self._prepared = shared, None  # the old model makes room for the new one
            with self._recorder.reading() as self._loaded:
                self._prepared = prepare(request.recipe, stages)
        with self._recorder.reading() as built:
            artifact = build_artifact(request.recipe, self._prepared, Path(request.folder), stages)
        assert self._loaded is not None
        sources = _sources(self._recorder, request.recipe, self._loaded, built)
        if isinstance(sources, str):
            stages.progress("build", f"the program was not added to the cache: {sources}")
            return artifact
        return msgspec.structs.replace(artifact, sources=sources)

    def _import(self) -> Recorder:
        """Import what all builds need, and return what records the rest."""
        from etbench.models.torchvision_ops import ensure_importable

        gc.disable()  # all that an import makes is kept: looking for garbage takes a fifth of the time
        ensure_importable()
        from etbench.builder import upstream

        upstream.apply()
        import etbench.builder.pipeline  # noqa: F401

        gc.freeze()  # a million objects of torch that no collection need look at again
        gc.set_threshold(100_000, 20, 20)  # a lowering makes millions of objects, few of them garbage
        gc.enable()
        return Recorder()


def _sources(recorder: Recorder, recipe: Recipe, loaded: Reads, built: Reads) -> Sources | str:
    """Return what the user's functions of a recipe have read; the key covers what those of etbench read."""
    when = {recipe.model.target: loaded, recipe.precision.target: built, recipe.delegate.target: built}
    own = {target: reads for target, reads in when.items() if not is_of_etbench(target)}
    return recorder.sources(own, list(own.values()), named_files(recipe)) if own else Sources()


if __name__ == "__main__":
    serve(BuildRequest, _Builder().handle)
