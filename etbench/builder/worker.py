"""A builder process: it builds one recipe after another, and keeps the last model for its next precision."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from etbench.artifact import Artifact, BuildRequest, shared_part
from etbench.artifact.sources import Sources
from etbench.builder.cache import named_files
from etbench.builder.recording import Reads, Recorder, is_of_etbench
from etbench.config import Recipe
from etbench.environments.installed import check_one_executorch
from etbench.events import OnEvent, Stages
from etbench.system.channel import print_to, serve

if TYPE_CHECKING:
    from etbench.builder.pipeline import Prepared


class _Builder:
    """The state that a process keeps between two builds."""

    def __init__(self) -> None:
        self._imported = False
        self._recorder: Recorder | None = None
        self._shared: bytes = b""
        self._prepared: Prepared | None = None
        self._loaded = Reads()

    def handle(self, request: BuildRequest, emit: OnEvent, _: Callable[[Struct], None]) -> Artifact:
        """Build one recipe.

        Raises:
            OutdatedCodeError: if code or data were edited that this process has read for an earlier recipe.

        """
        print_to(request.log)
        stages = Stages(emit)
        if not self._imported:
            with stages("import"):
                self._import()
        if self._recorder is not None:
            self._recorder.check_still()
        elif _users_part(request.recipe):
            self._recorder = Recorder()
        from etbench.builder.pipeline import build_artifact, prepare
        from etbench.builder.ready import adopt

        if request.recipe.model.ready:
            return adopt(request.recipe, Path(request.folder), stages)
        shared = shared_part(request.recipe)
        if shared != self._shared or self._prepared is None:
            self._shared, self._prepared = shared, None  # the old model makes room for the new one
            with self._reading() as self._loaded:
                self._prepared = prepare(request.recipe, stages)
        with self._reading() as built:
            artifact = build_artifact(request.recipe, self._prepared, Path(request.folder), stages)
        sources = self._sources(request.recipe, built)
        if isinstance(sources, str):
            stages.progress("build", f"the program was not added to the cache: {sources}")
            return msgspec.structs.replace(artifact, sources_unknown=sources)
        return msgspec.structs.replace(artifact, sources=sources)

    def _reading(self) -> AbstractContextManager[Reads]:
        """Record what is read in the body, once there was a recipe with functions of the user."""
        return self._recorder.reading() if self._recorder else nullcontext(Reads())

    def _sources(self, recipe: Recipe, built: Reads) -> Sources | str:
        """Return what the user's functions of a recipe have read, or why that is not known."""
        users = _users_part(recipe)
        if self._recorder is None or not users:  # the key covers what etbench's own functions read
            return Sources()
        reads = [self._loaded if target == recipe.model.target else built for target in users]
        return self._recorder.sources(users, reads, named_files(recipe))

    def _import(self) -> None:
        from etbench.models.torchvision_ops import ensure_importable

        check_one_executorch()
        gc.disable()  # all that an import makes is kept: looking for garbage takes a fifth of the time
        ensure_importable()
        from etbench.builder import upstream

        upstream.apply()
        import etbench.builder.pipeline  # noqa: F401

        gc.freeze()  # a million objects of torch that no collection need look at again
        gc.set_threshold(100_000, 20, 20)  # a lowering makes millions of objects, few of them garbage
        gc.enable()
        self._imported = True


def _users_part(recipe: Recipe) -> set[str]:
    """Return the targets of a recipe that are functions of the user."""
    targets = {recipe.model.target, recipe.precision.target, recipe.delegate.target}
    return {target for target in targets if not is_of_etbench(target)}


if __name__ == "__main__":
    serve(BuildRequest, _Builder().handle)
