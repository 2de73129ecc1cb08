"""Who executes which part of the program; the counterpart of `conf/delegate`.

A delegate is a callable that returns the partitioners for lowering, and says which runtime kernels
the program needs.
"""

from __future__ import annotations

from etbench.delegates.cpu import portable, xnnpack

__all__ = ["portable", "xnnpack"]
