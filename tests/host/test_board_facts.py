"""Facts about a machine without Python, from what its files say."""

from __future__ import annotations

import pytest

from etbench.host.board_facts import usable_cores

X86 = "\n\n".join(f"processor : {cpu}\nphysical id : 0\ncore id : {cpu // 2}" for cpu in range(8))
ARM = "\n\n".join(f"processor\t: {cpu}\nCPU part\t: 0xd08" for cpu in range(4))


@pytest.mark.parametrize(
    ("cpuinfo", "nproc", "expected"),
    [(X86, "8", 4), (X86, "3", 3), (ARM, "4", 4), (ARM, "2", 2), (ARM, "", 4), ("", "", 1)],
    ids=[
        "two per core",
        "of which three are allowed",
        "arm",
        "arm, two allowed",
        "no nproc",
        "nothing known",
    ],
)
def test_a_process_may_use_the_physical_cores_that_it_is_allowed(
    cpuinfo: str, nproc: str, expected: int
) -> None:
    assert usable_cores({"cpuinfo": cpuinfo, "nproc": nproc}) == expected
