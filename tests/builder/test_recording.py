"""What a program was made from is found, compared with what is there now, and with another checkout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from projects import Files, importable, write_files
from safetensors.numpy import save_file

from etbench.artifact.sources import Sources
from etbench.builder.cache import changed_since
from etbench.builder.recording import OutdatedCodeError, Recorder
from etbench.config.component import instantiate
from etbench.environments import versions

READ = "from pathlib import Path\n"
ENTRY = "def build():\n    return 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder from which modules are imported, and which is the working folder."""
    (folder := tmp_path / "project").mkdir()
    with importable(folder, work=folder):
        yield folder


def _sources(target: str = "entry.build", recorder: Recorder | None = None) -> Sources | str:
    recorder = recorder or Recorder()
    with recorder.reading() as reads:
        instantiate(target, {}, stage="load")
    return recorder.sources([target], [reads])


def _recorded(target: str = "entry.build", recorder: Recorder | None = None) -> Sources:
    found = _sources(target, recorder)
    assert isinstance(found, Sources), found
    return found


def _paths(sources: Sources) -> list[str]:
    return [file.path for file in (*sources.code, *sources.data)]


def _edit(file: Path) -> None:
    file.write_text(f"{file.read_text()}\n# edited\n")


PROJECTS: dict[str, tuple[Files, str]] = {
    "sub-package": (
        {
            "entry.py": f"from nets.seg import LAYERS\n{ENTRY}",
            "nets/__init__.py": "",
            "nets/seg.py": "LAYERS = 2",
        },
        "nets/seg.py",
    ),
    "the package itself": (
        {"entry.py": f"import nets.seg\n{ENTRY}", "nets/__init__.py": "LAYERS = 2", "nets/seg.py": ""},
        "nets/__init__.py",
    ),
    "sibling of which only a constant is used": (
        {"entry.py": f"from settings import LAYERS\n{ENTRY}", "settings.py": "LAYERS = 2"},
        "settings.py",
    ),
    "namespace package": (
        {"entry.py": f"from space.inner.seg import LAYERS\n{ENTRY}", "space/inner/seg.py": "LAYERS = 2"},
        "space/inner/seg.py",
    ),
    "inside a function": (
        {
            "entry.py": "def build():\n    from late import LAYERS\n    return LAYERS\n",
            "late.py": "LAYERS = 2",
        },
        "late.py",
    ),
    "through another module, relatively": (
        {
            "entry.py": f"from nets import whole\n{ENTRY}",
            "nets/__init__.py": "",
            "nets/whole.py": "from .parts import LAYERS",
            "nets/parts.py": "LAYERS = 2",
        },
        "nets/parts.py",
    ),
    "by a name that is not in the text": (
        {
            "entry.py": "from importlib import import_module\ndef build():\n    import_module('chosen')\n",
            "chosen.py": "",
        },
        "chosen.py",
    ),
    "from a folder that the module itself adds": (
        {
            "entry.py": f"import sys\nsys.path.append(__file__[:-8] + 'lib')\nimport helper\n{ENTRY}",
            "lib/helper.py": "",
        },
        "lib/helper.py",
    ),
    "a file beside the module": (
        {
            "entry.py": f"{READ}def build():\n    Path(__file__).with_name('labels.txt').read_text()\n",
            "labels.txt": "cat",
        },
        "labels.txt",
    ),
    "a file of the working folder": (
        {
            "entry.py": f"{READ}def build():\n    Path('data/labels.txt').read_bytes()\n",
            "data/labels.txt": "cat",
        },
        "data/labels.txt",
    ),
}


@pytest.mark.parametrize("what", PROJECTS)
def test_what_a_model_reads_counts_here_and_in_another_checkout(
    what: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, decisive = PROJECTS[what]
    write_files(project, files | {"beside.py": "it is not imported"})
    sources = _recorded()
    assert decisive in _paths(sources)
    assert "entry.py" in _paths(sources)
    assert "beside.py" not in _paths(sources)
    assert changed_since(sources) == ""
    other = tmp_path / "checkout"
    shutil.copytree(project, other)
    _edit(project / decisive)
    assert changed_since(sources) == f"{decisive} changed since"
    (project / decisive).unlink()
    assert changed_since(sources) == f"{decisive} no longer found"
    monkeypatch.chdir(other)
    monkeypatch.setattr(
        sys, "path", [str(other), *(place for place in sys.path if str(project) not in place)]
    )
    assert changed_since(sources) == ""
    _edit(other / decisive)
    assert changed_since(sources) == f"{decisive} changed since"


@pytest.mark.parametrize("kind", ["path", "finder"])
def test_a_package_that_is_installed_for_editing_is_code_of_the_user(
    kind: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(project, {"entry.py": f"import edited.core\n{ENTRY}"})
    write_files(tmp_path / "src", {"edited/__init__.py": "", "edited/core.py": "LAYERS = 2"})
    if kind == "path":
        monkeypatch.syspath_prepend(tmp_path / "src")
    else:  # as setuptools installs it
        from setuptools.command.editable_wheel import _finder_template

        found = ModuleType("__editable___edited_finder")
        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
        monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
        text = _finder_template("edited", {"edited": str(tmp_path / "src" / "edited")}, {})
        exec(compile(text, "finder", "exec"), vars(found))
        found.install()
    sources = _recorded()
    assert [file.module for file in sources.code] == ["edited", "edited.core", "entry"]
    _edit(tmp_path / "src" / "edited" / "core.py")
    assert changed_since(sources) == "edited/core.py changed since"


def test_a_package_that_is_installed_counts_by_its_version(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "lib" / "site-packages"
    info = "layers_of_others-1.0.dist-info/METADATA"
    metadata = "Metadata-Version: 2.1\nName: layers_of_others\nVersion: {}\n"
    write_files(installed, {"layers_of_others.py": "", info: metadata.format("1.0")})
    write_files(project, {"entry.py": f"import layers_of_others\n{ENTRY}"})
    monkeypatch.syspath_prepend(installed)
    versions._here.cache_clear()
    sources = _recorded()
    assert (_paths(sources), sources.packages) == (["entry.py"], {"layers_of_others": "1.0"})
    assert changed_since(sources) == ""
    _edit(installed / "layers_of_others.py")
    assert changed_since(sources) == ""
    (installed / info).write_text(metadata.format("2.0"))
    versions._here.cache_clear()
    assert changed_since(sources) == "layers_of_others was 1.0, is 2.0"


def test_a_module_that_takes_the_place_of_another_counts(project: Path) -> None:
    write_files(project, {"entry.py": f"import nets.seg\n{ENTRY}", "nets/seg.py": "LAYERS = 2"})
    sources = _recorded()
    write_files(project, {"nets/seg/__init__.py": "LAYERS = 4"})
    assert changed_since(sources) == "nets/seg.py changed since"


def test_a_module_that_an_earlier_model_has_imported_is_in_the_list_of_each_that_uses_it(
    project: Path,
) -> None:
    write_files(project, {"shared.py": "import base", "base.py": "", "own.py": ""})
    for name, imported in {"first": "shared, own", "second": "shared"}.items():
        write_files(project, {f"{name}.py": f"import {imported}\n{ENTRY}"})
    recorder = Recorder()
    first, second = (_paths(_recorded(f"{name}.build", recorder)) for name in ("first", "second"))
    assert first == ["base.py", "first.py", "own.py", "shared.py"]
    assert second == ["base.py", "second.py", "shared.py"]
    write_files(project, {"third.py": f"__import__('first')\n{ENTRY}"})
    assert "own.py" in _paths(_recorded("third.build", recorder)), "it may have any of them"


SAFETENSORS = {
    "load_file": "from safetensors.numpy import load_file\ndef build():\n    load_file('w.safetensors')\n",
    "safe_open": "import safetensors\ndef build():\n    safetensors.safe_open('w.safetensors', 'np')\n",
}


@pytest.mark.parametrize("way", SAFETENSORS)
def test_weights_that_safetensors_reads_count(way: str, project: Path) -> None:
    save_file({"w": np.zeros(3)}, project / "w.safetensors")
    write_files(project, {"entry.py": SAFETENSORS[way]})
    sources = _recorded()
    save_file({"w": np.ones(4)}, project / "w.safetensors")
    assert changed_since(sources) == "w.safetensors changed since"


def test_what_the_recipe_names_is_left_to_its_key(project: Path) -> None:
    write_files(project, {"entry.py": f"{READ}def build():\n    Path('w.bin').read_bytes()\n", "w.bin": ""})
    recorder = Recorder()
    with recorder.reading() as reads:
        instantiate("entry.build", {}, stage="load")
    sources = recorder.sources(["entry.build"], [reads], known=[Path("w.bin")])
    assert isinstance(sources, Sources)
    assert _paths(sources) == ["entry.py"]


def test_a_file_that_was_looked_for_counts_when_it_appears(project: Path) -> None:
    body = "    try:\n        open('own.txt').close()\n    except FileNotFoundError:\n        return\n"
    write_files(project, {"entry.py": f"def build():\n{body}"})
    sources = _recorded()
    write_files(project, {"own.txt": "now"})
    assert changed_since(sources) == "own.txt is new"


def test_what_is_written_is_temporary_or_of_the_system_does_not_count(project: Path) -> None:
    body = [
        "open('log.txt', 'w').close()",
        "open('log.txt', 'a').close()",
        "open('tmp/cached').close()",
        "open('/proc/self/stat').close()",
        "import os, json.tool; os.listdir('.'); open(json.tool.__file__).close()",
    ]
    write_files(project, {"entry.py": "def build():\n    " + "\n    ".join(body), "tmp/cached": ""})
    assert _paths(_recorded()) == ["entry.py"]


@pytest.mark.parametrize("names", [["nets/seg.py"], ["data.txt"]], ids=["code", "data"])
def test_what_is_edited_while_it_is_used_gives_no_list_and_ends_the_process(
    names: Sequence[str], project: Path
) -> None:
    files = {"nets/seg.py": "LAYERS = 2", "data.txt": "2"}
    body = f"def build():\n    Path({names[0]!r}).write_text(Path('data.txt').read_text() + '#')\n"
    write_files(project, files | {"entry.py": f"import nets.seg\n{READ}{body}"})
    recorder = Recorder()
    recorder.check_still()
    assert _sources(recorder=recorder) == f"{project / names[0]} was edited meanwhile"
    with pytest.raises(OutdatedCodeError, match=f"{names[0]} was edited after it was read"):
        recorder.check_still()


def test_several_changes_are_told_in_one_line(project: Path) -> None:
    names = [f"part{number}" for number in range(5)]
    write_files(project, {f"{name}.py": "" for name in names} | {"gone.py": ""})
    write_files(project, {"entry.py": f"import gone, {', '.join(names)}\n{ENTRY}"})
    sources = _recorded()
    for name in names:
        _edit(project / f"{name}.py")
    (project / "gone.py").unlink()
    assert changed_since(sources) == (
        "part0.py, part1.py, part2.py and 2 more changed since; gone.py no longer found"
    )
