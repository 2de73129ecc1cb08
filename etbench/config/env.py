"""The interpreters of a cell (`env` in the configuration)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from etbench.config.sections import Section

__all__ = ["CURRENT", "Env", "env_words"]

CURRENT = "current"  # the interpreter that runs etbench, in tables and on command lines
Where = Annotated[str, Meta(min_length=1)]


class Env(Section, frozen=True, kw_only=True):
    """The interpreters that build and run the program of a cell; None for the one that runs etbench.

    Each is the name of a managed environment (`etbench env list`), the folder of a virtual environment, or
    the program of an interpreter. `build` and `run` are `python` if they are not given.
    """

    python: Where | None = None
    build: Where | None = None
    run: Where | None = None

    @property
    def builds(self) -> str | None:
        """The one that builds."""
        return self.build or self.python

    @property
    def runs(self) -> str | None:
        """The one that runs the rounds."""
        return self.run or self.python

    @property
    def words(self) -> str:
        """Both in words, one if they are the same."""
        build, run = (name or CURRENT for name in (self.builds, self.runs))
        return run if build == run else f"{run}, built in {build}"


def env_section(value: Any) -> Any:
    """Return the section for what a command line may give in its place: a name, a path or null.

    `current` is this interpreter, so that it can be one of several in a sweep.
    """
    if value is None or value == CURRENT:
        return {}
    return {"python": value} if isinstance(value, str) else value


def env_words(config: dict[str, Any]) -> str:
    """Return the interpreters of a result in words, from its configuration; older ones have only this one."""
    section = env_section(config.get("env"))
    names = {name: section.get(name) for name in Env.__struct_fields__}
    return Env(**names).words
