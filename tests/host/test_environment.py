"""What is recorded of the host."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import etbench
from etbench.host import environment
from etbench.host.environment import available_cores, read_environment

ONE_CORE = """
import os
os.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))})
from etbench.host.environment import available_cores
print(available_cores())
"""


def test_the_facts_of_this_host() -> None:
    facts = read_environment(threads=2)
    assert facts.threads == 2
    assert 1 <= facts.available_cores <= facts.physical_cores <= facts.logical_cores
    assert facts.memory_bytes > 1 << 28
    assert facts.python == ".".join(map(str, sys.version_info[:3]))
    assert facts.libraries["torch"].startswith("2.13")
    assert facts.cpu
    assert len(facts.load_average) == 3


def test_a_checkout_that_is_not_installed_knows_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "version_in", lambda env, package: None)
    assert read_environment(threads=None).libraries == {"etbench": etbench.__version__}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform has no CPU affinity")
def test_cores_outside_the_affinity_do_not_count() -> None:
    done = subprocess.run([sys.executable, "-c", ONE_CORE], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1
    assert available_cores() >= 1
