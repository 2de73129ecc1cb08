"""Config-driven, trustworthy benchmarks of PyTorch models on ExecuTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etbench.compose import compose
    from etbench.run import run

__all__ = ["__version__", "compose", "run"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the Python API when it is asked for, so that `import etbench.results` stays light."""
    import importlib

    if name in ("compose", "run"):
        return getattr(importlib.import_module(f"etbench.{name}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
