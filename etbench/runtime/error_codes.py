"""Explanations of the error codes of ExecuTorch's runtime.

The names are those of `runtime/core/error.h` (executorch 1.5.1); `tests/runtime/test_error_codes.py`
compares them with the header in the installed wheel.
"""

from __future__ import annotations

import re

__all__ = ["ERRORS", "explain"]

ERRORS = {
    0x01: ("Internal", "an internal error of the runtime"),
    0x02: ("InvalidState", "the program was in the wrong state for this; a bug in etbench or in the runtime"),
    0x03: ("EndOfMethod", "there are no more steps to run"),
    0x04: ("AlreadyLoaded", "it is already loaded"),
    0x10: (
        "NotSupported",
        "not supported, such as an input that is larger than the program allows",
    ),
    0x11: ("NotImplemented", "this runtime does not implement that operation"),
    0x12: ("InvalidArgument", "the file is too short to be a program, or has no such method or input"),
    0x13: ("InvalidType", "an input has a different type than the program expects"),
    0x14: ("OperatorMissing", "an operator has no kernel in this runtime"),
    0x15: ("RegistrationExceedingMaxKernels", "more kernels are registered than the runtime has room for"),
    0x16: ("RegistrationAlreadyRegistered", "a kernel is registered twice"),
    0x20: ("NotFound", "the program needs a backend that this runtime does not have"),
    0x21: ("MemoryAllocationFailed", "there was not enough memory for the program"),
    0x22: ("AccessFailed", "the file cannot be read"),
    0x23: (
        "InvalidProgram",
        "the file is not an ExecuTorch program, is truncated, or has another version",
    ),
    0x24: ("InvalidExternalData", "the data file next to the program does not match it"),
    0x25: ("OutOfResources", "a resource is exhausted"),
    0x30: ("DelegateInvalidCompatibility", "the program needs another version of this backend"),
    0x31: ("DelegateMemoryAllocationFailed", "the backend could not allocate its memory"),
    0x32: ("DelegateInvalidHandle", "the backend lost its part of the program"),
}


def explain(message: str) -> str:
    """Return the name and meaning of the code in a message of the runtime, or an empty text."""
    code = re.search(r"0x:?([0-9a-fA-F]+)", message)  # written with the colon and without
    if code is None or int(code[1], 16) not in ERRORS:
        return ""
    name, meaning = ERRORS[int(code[1], 16)]
    return f"0x{int(code[1], 16):02x} {name}: {meaning}"
