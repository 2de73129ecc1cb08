"""The packages depend downwards only, and by its package one sees what a module may import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from layers import HYDRA, LAYERS, TORCH, crossings, cycle, hidden_modules, package_graph
from running import TESTS

ROOT = TESTS.parent


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in path.relative_to(root).parents:
            if folder.name:
                (root / folder / "__init__.py").touch()


def test_no_package_depends_on_one_that_depends_on_it() -> None:
    found = cycle(package_graph(ROOT, "etbench"))
    assert not found, " -> ".join(found)


def test_every_import_goes_downwards_and_guarded_libraries_stay_in_their_packages() -> None:
    found = crossings(ROOT, "etbench", LAYERS, guarded={*TORCH, *HYDRA})
    assert not found, "\n".join(found)


def test_no_module_is_hidden_by_a_function_of_its_name() -> None:
    assert hidden_modules(ROOT, "etbench") == []


def test_the_children_that_build_and_measure_import_neither_hydra_nor_what_they_do_not_need() -> None:
    mains = "etbench.builder.worker, etbench.measure.worker.main, etbench.measure.worker.round_process"
    program = f"import sys, {mains}, etbench.devices.supervisor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {*HYDRA, *TORCH, "pandas", "rich"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "text",
    [
        "import house.top.roof",
        "from house.top import roof",
        "from ..top import roof",
        "def late():\n    from house.top.roof import tile",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.top.roof import Tile",
    ],
    ids=["import", "from", "relative", "lazy", "for type checkers"],
)
def test_a_planted_cycle_is_named(text: str, tmp_path: Path) -> None:
    _write(
        tmp_path, {"top/roof.py": "import house.middle.wall", "middle/wall.py": "import house.cellar.door"}
    )
    assert cycle(package_graph(tmp_path, "house")) == []
    _write(tmp_path, {"cellar/door.py": text})
    found = cycle(package_graph(tmp_path, "house"))
    assert found[0] == found[-1]
    assert set(found) == {"house.top", "house.middle", "house.cellar"}


def test_an_import_that_crosses_a_layer_is_named_with_its_line(tmp_path: Path) -> None:
    layers = {"cellar": ("torch",), "top": ()}
    _write(tmp_path, {"top/roof.py": "import house.cellar", "cellar/door.py": "import torch.nn"})
    assert crossings(tmp_path, "house", layers, guarded={"torch"}) == []
    _write(
        tmp_path, {"top/roof.py": "def late():\n    import torch.nn", "cellar/door.py": "\nimport house.top"}
    )
    _write(tmp_path, {"garden/gate.py": "import house.top", "top/__main__.py": "import house.garden"})
    assert crossings(tmp_path, "house", layers, guarded={"torch"}) == [
        "house.cellar.door:2 imports house.top, which is not below house.cellar",
        "house.garden has no place among the layers",
        "house.top.roof:2 imports torch.nn, which house.top may not",
    ]


def test_a_function_that_hides_a_module_is_named(tmp_path: Path) -> None:
    _write(tmp_path, {"run.py": "def run(): ...", "stop.py": "", "go/now.py": "def now(): ..."})
    (tmp_path / "house" / "__init__.py").write_text("from house.run import run\nfrom house import stop\n")
    (tmp_path / "house" / "go" / "__init__.py").write_text("def now(): ...\n")
    assert hidden_modules(tmp_path, "house") == ["house.run", "house.go.now"]
