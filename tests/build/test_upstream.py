"""The cures for slow lowering change no byte of a program, and are still needed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from support import CONF, environment

BUILD = """
import copy, sys
from pathlib import Path
from etbench.compose import compose
from etbench.events import Stages
from etbench.models.torchvision_ops import ensure_importable
ensure_importable()
from etbench.build import pipeline, upstream
if sys.argv[1] == "cured":
    upstream.apply()
cell = compose(sys.argv[4:], config_dir=sys.argv[3])
stages = Stages(lambda event: None)
artifact = pipeline.build_artifact(
    cell.recipe, pipeline.prepare(cell.recipe, stages), Path(sys.argv[2]), stages
)
print(artifact.sha256)
"""


def _digest(how: str, folder: Path, *overrides: str) -> str:
    folder.mkdir()
    command = [sys.executable, "-c", BUILD, how, str(folder), str(CONF), *overrides]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("model", ["tiny", "two_parts"])
def test_a_program_is_the_same_with_and_without_them(model: str, tmp_path: Path) -> None:
    command = (f"model={model}", "precision=int8")
    assert _digest("cured", tmp_path / "a", *command) == _digest("plain", tmp_path / "b", *command)


def test_torch_still_copies_the_whole_provenance_of_each_node() -> None:
    from torch.fx.traceback import NodeSource

    text = inspect.getsource(NodeSource.__init__)
    assert 'copy.deepcopy(node.meta["from_node"])' in text, "upstream.py is no longer needed"
