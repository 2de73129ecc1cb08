"""The runtime's error codes are those of the installed wheel."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from etbench.runtime.error_codes import ERRORS, explain


def test_the_codes_and_names_are_those_of_the_header_in_the_wheel() -> None:
    spec = importlib.util.find_spec("executorch")
    (header,) = [
        path
        for folder in spec.submodule_search_locations
        for path in Path(folder).rglob("include/executorch/runtime/core/error.h")
    ]
    enum = re.search(r"enum class Error.*?\};", header.read_text(), re.DOTALL)[0]
    codes = {int(code, 16): name for name, code in re.findall(r"(\w+) = (0x[0-9a-fA-F]+),", enum)}
    assert codes.pop(0) == "Ok"
    assert {code: name for code, (name, _) in ERRORS.items()} == codes


def test_a_code_is_found_as_the_runtime_writes_it() -> None:
    assert explain("Failed to load program, error: 0x:23").startswith("0x23 InvalidProgram: the file is not")
    assert explain("set_inputs() for method 'forward' failed with error 0x10").startswith("0x10 NotSupported")
    assert explain("something else") == ""
