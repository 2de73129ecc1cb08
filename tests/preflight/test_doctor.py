"""What the doctor says of this machine and of worse ones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from other_python import other_python
from running import CONF, etbench

from etbench import compose
from etbench.environments.names import COMPLETE, environments_folder
from etbench.host.environment import read_environment
from etbench.preflight.doctor import advise, other_runtimes

GOOD = msgspec.structs.replace(
    read_environment(threads=None),
    governor="performance",
    turbo=False,
    quota_cores=None,
    memory_bytes=16 << 30,
    memory_limit_bytes=None,
)


def test_it_names_cpu_cores_libraries_and_runtimes(tmp_path: Path) -> None:
    done = etbench("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        GOOD.cpu,
        f"{GOOD.physical_cores} physical",
        "executorch 1.5",
        "portable, ",
        "XnnpackBackend",
        "runner=native compiles it",
        "delegate=onnxruntime",
    ):
        assert words in done.stdout


def test_the_converter_in_a_managed_environment_is_named_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path))
    made = other_python(environments_folder() / "litert", packages=())
    (site,) = made.glob("lib/python*/site-packages")
    (site / "litert_torch").mkdir()
    (site / "litert_torch-9.8.7.dist-info").mkdir()
    (site / "litert_torch-9.8.7.dist-info" / "METADATA").write_text("Name: litert-torch\nVersion: 9.8.7\n")
    (made / COMPLETE).touch()
    litert = compose(["delegate=litert"], config_dir=CONF).delegate
    ((_, found),) = other_runtimes([litert])
    assert "litert_torch 9.8.7" in found


def test_a_good_machine_needs_no_advice() -> None:
    assert list(advise(GOOD, 0.01)) == []


@pytest.mark.parametrize(
    ("changes", "busy", "trouble"),
    [
        ({}, 0.5, "50% of the CPUs are busy"),
        ({"governor": "powersave"}, 0.0, "governor powersave"),
        ({"turbo": True}, 0.0, "turbo"),
        ({"quota_cores": 1, "logical_cores": 4}, 0.0, "quota of 1 of 4"),
        ({"memory_limit_bytes": 1 << 30}, 0.0, "1.0 GiB of memory"),
    ],
)
def test_each_known_trouble_is_named_with_a_cure(
    changes: dict[str, object], busy: float, trouble: str
) -> None:
    (advice,) = advise(msgspec.structs.replace(GOOD, **changes), busy)
    assert trouble in advice.trouble
    assert advice.cure
