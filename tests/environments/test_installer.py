"""The command line of uv says what the user has set for pip."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from etbench.environments.installer import install_command


@pytest.mark.parametrize("more", [[], ["https://example.org/more"]], ids=["one index", "two"])
def test_all_indexes_of_pip_count_alike(
    more: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", " ".join(more))
    (tmp_path / "uv").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    uv, *words, package = install_command(sys.executable, ["toy-package==2.0"])
    assert (uv, package) == (str(tmp_path / "uv"), "toy-package==2.0")
    assert words[words.index("--default-index") + 1] == "https://example.org/simple"
    assert [words[n + 1] for n, word in enumerate(words) if word == "--index"] == more
    assert (words[-1:] == ["unsafe-best-match"]) == bool(more)
