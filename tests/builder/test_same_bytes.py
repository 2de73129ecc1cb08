"""The bytes of a program depend on its recipe alone: not on the process, its neighbours, or our cures."""

from __future__ import annotations

from pathlib import Path

import pytest
from alone import ONE_THREAD, built_alone
from builds import Builds
from running import TESTS

from etbench.builder import Built

INT8, WIDER = "model=tiny precision=int8", "model=tiny precision=int8 model.width=5"
CURED = ("model=two_layers precision=int8", "model=resizing precision=fp32")

# Core ML's lowering takes constants out of the program it is given; so it goes first here, and its own bytes
# differ from one time to the next.
TOGETHER = {
    "model=tiny": ("delegate=coreml", "delegate=vulkan", "delegate=portable", "precision=int8"),
    "model=with_buffer": ("delegate=coreml", "precision=fp16", "precision=fp32"),
}
SHARED = [f"{model} {change}" for model, changes in TOGETHER.items() for change in changes]
COMPARABLE = [text for text in SHARED if "coreml" not in text]


@pytest.fixture(scope="module")
def alone() -> dict[str, list[str]]:
    """The digests of programs built in a process of their own, by their overrides; some were built twice."""
    recipes, uncured = [*COMPARABLE, INT8, WIDER, *CURED], CURED
    digests = built_alone(*map(str.split, recipes), uncured=[text.split() for text in uncured])
    found: dict[str, list[str]] = {}
    for text, digest in zip([*recipes, *uncured], digests, strict=True):
        found.setdefault(text, []).append(digest)
    return found


def test_the_same_recipe_gives_the_same_bytes(alone: dict[str, list[str]]) -> None:
    first, second = alone[INT8]
    assert first == second != alone[WIDER][0]


@pytest.mark.parametrize("recipe", CURED)
def test_programs_are_the_same_with_and_without_the_cures(recipe: str, alone: dict[str, list[str]]) -> None:
    cured, uncured = alone[recipe]
    assert cured == uncured


def test_programs_that_share_a_load_and_export_have_the_bytes_of_one_built_alone(
    alone: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (ONE_THREAD | {"PYTHONPATH": str(TESTS)}).items():
        monkeypatch.setenv(name, value)
    builds = Builds(tmp_path)
    builds.run(*SHARED)
    stages = [stage for _, stage in builds.stages]
    assert (stages.count("export"), stages.count("import")) == (len(TOGETHER), 1)
    assert all(isinstance(what, Built) for what in builds.done.values()), builds.done
    for text in COMPARABLE:
        assert builds.done[text].artifact.sha256 == alone[text][0], text
