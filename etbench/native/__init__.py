"""The native runner: a C++ program that runs rounds, compiled against ExecuTorch's wheel."""

from __future__ import annotations

from etbench.native.compiling import Target, compile_runner, libraries_fault

__all__ = ["Target", "compile_runner", "libraries_fault"]
