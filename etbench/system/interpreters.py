"""The command that runs a module of etbench in this interpreter or in another one of this host."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["command_of"]

# The other interpreter gets this package alone. With the folder that it is in on PYTHONPATH, it would also
# find the libraries installed beside it, and a namespace package such as executorch would be a mixture.
START = """\
import importlib.util, runpy, sys
spec = importlib.util.spec_from_file_location("etbench", {init!r}, submodule_search_locations=[{folder!r}])
sys.modules["etbench"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["etbench"])
module = sys.argv.pop(1)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def command_of(module: str, *arguments: str, python: str | None = None) -> list[str]:
    """Return the command that runs a module of etbench.

    Args:
        module: its dotted name.
        arguments: of the module.
        python: the interpreter; this one if it is not given.

    """
    if python is None:
        return [sys.executable, "-m", module, *arguments]
    folder = Path(__file__).absolute().parents[1]
    text = START.format(init=str(folder / "__init__.py"), folder=str(folder))
    return [python, "-c", text, module, *arguments]
