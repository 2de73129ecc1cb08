"""The cure for torchvision beside a CPU torch, and whether it is still needed."""

from __future__ import annotations

import subprocess
import sys

from etbench.models.torchvision_ops import extension_loads

CURED = """
from etbench.models.torchvision_ops import ensure_importable
ensure_importable(); ensure_importable()
import torchvision
print(len(torchvision.models.list_models()))
"""


def _python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_torchvision_imports_with_the_cure() -> None:
    done = _python(CURED)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def test_the_cure_is_needed_just_where_the_extension_does_not_load() -> None:
    """Where this fails because plain torchvision imports by itself, the cure can go."""
    done = _python("import torchvision")
    assert (done.returncode == 0) == extension_loads(), done.stderr
    assert done.returncode == 0 or "torchvision::nms does not exist" in done.stderr
