"""docs/reference/delegates.md against the tree and the installed wheel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from running import TESTS

from etbench.errors import ConfigError
from etbench.preflight.compose import compose

ROOT = TESTS.parent
PAGE = (ROOT / "docs" / "reference" / "delegates.md").read_text(encoding="utf-8")
WHEEL = Path(str(files("executorch").joinpath("")))
NO_BACKEND = {"example", "test", "transforms", "__pycache__"}
PARENTS = {"apple", "arm"}  # folders of several backends

# Tries to import each module and prints what came of it.
IMPORTS = """
import importlib, json, sys
from etbench.models.torchvision_ops import ensure_importable
ensure_importable()
found = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(f"executorch.backends.{name}")
    except Exception as error:
        found[name] = str(error)
    else:
        found[name] = None
print(json.dumps(found))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the page speaks of the wheel for Linux")


def _rows(title: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


REJECTED = {row[0].strip("`"): (row[1], row[2]) for row in _rows("Other backends of the wheel")}


def test_the_delegates_of_the_page_are_those_of_the_tree() -> None:
    chosen = {row[0].strip("`") for row in _rows("Available delegates")}
    assert chosen == {path.stem for path in (ROOT / "conf" / "delegate").glob("*.yaml")}


def test_every_backend_of_the_wheel_is_on_the_page() -> None:
    offered = {"xnnpack", "openvino", "vulkan", "webgpu", "apple.coreml"}
    named = offered | {
        ".".join(name.split(".")[: 2 if name.split(".")[0] in PARENTS else 1]) for name in REJECTED
    }
    there = {path.name for path in (WHEEL / "backends").iterdir() if path.is_dir()} - NO_BACKEND - PARENTS
    assert there <= named
    assert {
        f"apple.{path.name}" for path in (WHEEL / "backends" / "apple").iterdir() if path.is_dir()
    } <= named


def test_the_options_of_the_page_are_options() -> None:
    options = [row[0].strip("`") for row in _rows("Options of xnnpack")]
    assert len(options) == 3
    for option in options:
        assert compose(["delegate=xnnpack", option]) != compose(["delegate=xnnpack"])
    with pytest.raises(ConfigError):
        compose(["delegate.runtime.save_weight_cache_on_disk=true"])


def test_what_the_page_says_of_imports_is_so() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS, *REJECTED], capture_output=True, text=True, check=True
    )
    errors = json.loads(done.stdout.splitlines()[-1])
    for name, (where, why) in REJECTED.items():
        if name.startswith("cadence") and sys.version_info >= (3, 12):
            continue  # what it lacks there is another thing
        if where == "at import":
            said = re.search(r"`(.+?)`", why)
            assert said is not None
            assert errors[name] is not None, f"{name} imports here: can it be a delegate now?"
            assert said[1] in errors[name]
        else:
            assert errors[name] is None, name


def test_the_kernels_of_the_runtime_are_the_optimized_ones() -> None:
    binding = next((WHEEL / "extension" / "pybindings").glob("_C.*")).read_bytes()
    libraries = {path.name for path in (WHEEL / "lib").iterdir()}
    assert b"libexecutorch_kernels_optimized" in binding
    assert not any("portable" in name for name in libraries)
    kernels = next((WHEEL / "lib").glob("libexecutorch_kernels_optimized.*")).read_bytes()
    optimized = set(re.findall(rb"opt_[a-z0-9_]+_out", kernels))
    assert {b"opt_linear_out", b"opt_mm_out", b"opt_native_layer_norm_out"} <= optimized
    assert not any(b"conv" in name for name in optimized)
