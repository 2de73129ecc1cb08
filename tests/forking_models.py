"""Small models of which the first forks the process that loads it; each has inputs of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

PID_FILE = "FORKING_MODELS_PID"  # environment variable


def forks() -> Any:
    """Fork, as a careless library does, let the child return too, and leave a daemon."""
    import torch
    from torch import nn

    if (parent := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            Path(os.environ[PID_FILE]).write_text(str(os.getpid()))
            time.sleep(600)
            os._exit(0)
    if parent:
        os.waitpid(parent, 0)
    return nn.Linear(32, 8), torch.randn(1, 32)


def good() -> Any:
    import torch
    from torch import nn

    return nn.Sequential(nn.Linear(24, 6), nn.ReLU()), torch.randn(1, 24)


def dropout() -> Any:
    import torch
    from torch import nn

    return nn.Sequential(nn.Linear(16, 16), nn.Dropout(0.5)), torch.randn(1, 16)


def dictout() -> Any:
    import torch
    from torch import nn

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(12, 4)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            hidden = self.linear(x)
            return {"hidden": hidden, "mean": hidden.mean(1)}

    return Named(), torch.randn(1, 12)


def inplace() -> Any:
    import torch
    from torch import nn

    class InPlace(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * 3).add_(1.0).relu_()

    return InPlace(), torch.randn(1, 10)
