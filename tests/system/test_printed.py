"""What is read from the log of a failed process; the texts are those of executorch 1.5.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.errors import EtbenchError
from etbench.system.printed import adding_printed, runtime_lines

