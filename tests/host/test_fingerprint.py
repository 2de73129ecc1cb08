"""A machine is its hardware: not the name of its host, and not what is installed on it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from etbench.host.environment import Environment, read_environment
from etbench.host.fingerprint import hardware, hardware_differences, machine_name, software

HERE = read_environment(threads=2)


def _but(**changes: Any) -> Environment:
    return msgspec.structs.replace(HERE, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": "another"},
        {"machine": "arm64"},
        {"product": "Fairphone 5"},
        {"available_cores": 99},
        {"cpu_limit": 1.5},
        {"memory_bytes": HERE.memory_bytes + (1 << 30)},
        {"system": "another 1"},
        {"cpu_flags": []},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_hardware_is_another_machine(changes: dict[str, Any]) -> None:
    other = _but(**changes)
    assert len(hardware_differences(HERE, other)) == 1
    assert machine_name(other) != machine_name(HERE)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "another container"},
        {"kernel": "99", "python": "3.99", "libraries": {}},
        {"load_average": [9.0, 9.0, 9.0], "governor": "powersave", "commit": "a"},
        {"threads": 1, "runner": "native"},
    ],
)
def test_names_and_software_are_not_the_machine(changes: dict[str, Any]) -> None:
    assert hardware_differences(HERE, _but(**changes)) == {}
    assert machine_name(_but(**changes)) == machine_name(HERE)


def test_results_of_older_versions_are_told_apart_by_host_and_cpu() -> None:
    old = _but(system=None, kernel=None)
    assert hardware(old) == {"host": HERE.host, "CPU": HERE.cpu}
    assert hardware_differences(old, HERE) == {}
    assert list(hardware_differences(old, _but(host="there", memory_bytes=1))) == ["host"]
    assert machine_name(old) == f"{HERE.host}, {HERE.cpu}"
    assert machine_name(_but(system=None, host="unknown", cpu="unknown")) == "unknown"


def test_extensions_that_differ_are_named_and_those_in_common_are_not() -> None:
    found = hardware_differences(_but(cpu_flags=["avx", "avx2"]), _but(cpu_flags=["avx", "fma"]))
    assert found == {"vector extensions": ("avx2", "fma")}


def test_this_host_knows_its_system_kernel_and_versions() -> None:
    assert HERE.system
    assert HERE.kernel
    assert software(HERE)["executorch"] == HERE.libraries["executorch"]
