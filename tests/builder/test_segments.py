"""What the bytes of a program are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import CONF, TESTS

from etbench.builder import Artifact, build
from etbench.preflight.compose import compose

WEIGHTS_OF_TINY = 4 * (4 * 3 * 3 * 3 + 4 + 144 * 5 + 5)


@pytest.fixture(params=["portable", "xnnpack"])
def built(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """The small model on a delegate."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    recipe = compose(["model=tiny", f"delegate={request.param}"], config_dir=CONF).recipe
    return build(recipe, tmp_path, log=tmp_path / "log", on_event=lambda _: None)


def test_weights_belong_to_the_program_or_to_its_delegate(built: Artifact) -> None:
    assert built.constant_bytes is not None
    assert built.delegate_bytes is not None
    if built.delegation.subgraphs:
        assert built.constant_bytes == 0
        assert WEIGHTS_OF_TINY <= built.delegate_bytes < built.pte_bytes
    else:
        assert built.constant_bytes == WEIGHTS_OF_TINY
        assert built.delegate_bytes == 0
