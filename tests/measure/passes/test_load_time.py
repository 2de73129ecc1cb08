"""The load pass, and one run of a loaded program."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNTED = """
import os
import numpy as np
import torch
from etbench.measure.passes.load_time import run_once

class Method:
    outputs = [torch.from_numpy(np.zeros(4_000_000, np.float32))]

    def call(self, inputs, clone_outputs=True):
        return [each.clone() for each in self.outputs] if clone_outputs else self.outputs

torch.set_num_threads(2)  # as many as a large copy takes
before = len(os.listdir("/proc/self/task"))
(output,) = run_once(Method(), [])
assert output.shape == (4_000_000,) and output.base is None
print(len(os.listdir("/proc/self/task")) - before)
Method().call([])
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the threads of a process")
def test_large_outputs_are_copied_without_threads_of_torch() -> None:
    """They would count as threads that compute (`etbench.host.threads`), and make the cell wrong."""
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]
