"""Processes without a parent, in a process that adopts them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from running import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans on to an ancestor")

# The first daemon has another session and no parent, the second also an environment of its own.
LEAVES = """
import os, time
from etbench.system.orphans import adopt_orphans, end_orphans

def leave(environment):
    pids, told = os.pipe()
    if (child := os.fork()) == 0:
        os.setsid()
        if (daemon := os.fork()) == 0:
            os.execve("/bin/sleep", ["sleep", "600"], environment)
        os.write(told, b"%d" % daemon)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(pids, 20))

end_orphans()  # this process does not adopt yet
adopt_orphans()
end_orphans()  # there are none
left = [leave(dict(os.environ)), leave({})]
parents = [open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1] for pid in left]
end_orphans()
print(parents == 2 * [str(os.getpid())], any(os.path.exists(f"/proc/{pid}") for pid in left))
"""


def test_a_process_that_adopts_orphans_ends_them_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVES], env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "True False\n", done.stderr
