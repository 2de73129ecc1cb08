"""The native runner: rounds in a C++ program of ours, compiled against ExecuTorch's wheel."""

from __future__ import annotations

from etbench.native.compiling import compile_runner

__all__ = ["compile_runner"]
