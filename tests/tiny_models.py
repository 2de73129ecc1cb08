"""Models and a delegate, named by `_target_` in `tests/conf`; each is small and shows one behaviour."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


def tiny(width: int = 4) -> Any:
    """A convolution small enough to lower in a second: a module and its example inputs."""
    import torch
    from torch import nn

    module = nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(width * 36, 5))
    return module, torch.randn(1, 3, 8, 8)


def two_parts(width: int = 4096) -> Any:
    """Two linear layers that XNNPACK takes, and between them an operator that it does not."""
    import torch
    from torch import nn

    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(64, width), nn.Linear(width, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(torch.cumsum(self.first(x), dim=1))

    return Parts(), torch.randn(1, 64)


def slow(size: int = 128) -> Any:
    """Some 100 ms an inference on portable kernels, to be killed in; it grows with the square of the size."""
    import torch
    from torch import nn

    return nn.Conv2d(3, 64, 5), torch.randn(1, 3, size, size)


def counting() -> Any:
    """Multiplies by the number of its calls, which is a buffer."""
    import torch
    from torch import nn

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x * self.calls

    return Counting(), torch.tensor([[1.0, 2.0]])


def dropping() -> Any:
    """Dropout that evaluation mode does not turn off."""
    import torch
    from torch import nn

    class Dropping(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(x, 0.5)

    return Dropping(), torch.randn(1, 64)


def resizing() -> Any:
    """What XNNPACK looks for as a pattern: attention with a mask, and bilinear resizing."""
    import torch
    from torch import nn

    class Resizing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 16)

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            larger = nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
            return nn.functional.scaled_dot_product_attention(self.layer(larger), larger, larger, mask)

    return Resizing(), (torch.randn(1, 2, 8, 8), torch.zeros(16, 16))


def unexportable() -> Any:
    import torch
    from torch import nn

    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    return Branches(), torch.randn(2, 3)


def constant() -> Any:
    """A head that starts at zero, as in vit_b_16: its output says nothing."""
    import torch
    from torch import nn

    head = nn.Linear(4, 3)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head, torch.randn(1, 4)


def not_a_number() -> Any:
    """Finite in the reference run, NaN whenever it runs as a program."""
    import torch
    from torch import nn

    class Root(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            shift = 1.0 if torch.compiler.is_exporting() else -1.0
            return torch.sqrt(x - shift)

    return Root(), torch.zeros(1, 4)


def wrong_return() -> Any:
    return "no model"


def misbehaving(how: str) -> Any:
    """A model whose loading goes wrong for real, in the builder process."""
    import resource

    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "abort":
        os.abort()
    elif how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "hang":
        time.sleep(3_600)
    elif how == "hang in forward":
        return _sleeping()
    elif how == "more memory than there is":
        import torch

        return tiny(), torch.empty(2**46)
    elif how == "memory":
        limits = resource.getrlimit(resource.RLIMIT_AS)
        used = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, limits[1]))
        try:
            return tiny(), bytearray(2**30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
    elif how == "garbage":
        pipes = (fd for fd in Path("/proc/self/fd").iterdir() if fd.is_fifo())
        os.write(min(int(fd.name) for fd in pipes if int(fd.name) > 2), b"\x00\x01 no message\n")
    elif how == "exit":
        os._exit(3)  # destructors of native libraries might crash
    return tiny()


def _sleeping() -> Any:
    import torch
    from torch import nn

    class Sleeping(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.compiler.is_exporting():
                time.sleep(3_600)
            return x + 1

    return Sleeping(), torch.zeros(1, 4)


def unlowerable() -> Any:
    """A delegate that gives up on every graph."""
    from executorch.exir.backend.partitioner import Partitioner

    class Refusing(Partitioner):
        def partition(self, exported_program: Any) -> Any:
            raise NotImplementedError("this delegate takes nothing")

    return [Refusing()]


def two_layers() -> Any:
    """A convolution with a live batch norm, and a linear layer whose inputs divide into groups of 32."""
    import torch
    from torch import nn

    module = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 64, 16)
    )
    examples = [torch.randn(4, 3, 8, 8) for _ in range(14)]
    module.train()
    module(examples[0])
    return module.eval(), examples


def recurrent() -> Any:
    """A GRU, whose export is one operator that no quantizer takes."""
    import torch
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(16, 24, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.gru(x)[0]

    return Recurrent(), torch.randn(2, 12, 16)


def integers() -> Any:
    """A model without a floating-point number."""
    import torch
    from torch import nn

    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    return Twice(), torch.arange(6)


def attention() -> Any:
    """A block of a transformer: an embedding, attention with a mask, a perceptron, layer norms between."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width: int = 64) -> None:
            super().__init__()
            self.table = nn.Embedding(100, width)
            self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
            self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            x = self.before(self.table(ids))
            scores = self.query(x) @ self.key(x).transpose(1, 2) / 8 + (mask[:, None] - 1) * 1e4
            x = x + torch.softmax(scores, dim=-1) @ self.value(x)
            return x + self.down(nn.functional.gelu(self.up(self.after(x))))

    return Block(), (torch.arange(12)[None] * 7, torch.ones(1, 12))


def short_text() -> Any:
    """Word vectors that depend on a mask, for any number of sentences and words."""
    import torch
    from torch import nn

    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.layer = nn.Embedding(50, 16), nn.Linear(16, 8)

        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.layer(self.table(batch["ids"]) * batch["mask"].unsqueeze(-1))

    ids = torch.arange(6).reshape(2, 3) * 7
    return Text(), ({"ids": ids, "mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])},)


def repeated() -> Any:
    """The same two layers four times, each time a subgraph of its own with wide values in between."""
    import torch
    from torch import nn

    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(64, 2048), nn.ReLU(), nn.Linear(2048, 64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(4):
                x = torch.cumsum(self.layers(x), dim=1)
            return x

    return Repeated(), torch.randn(512, 64)


def channels_last() -> Any:
    """An output whose elements lie in memory in another order than their indices."""
    import torch
    from torch import nn

    class ChannelsLast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).to(memory_format=torch.channels_last)

    return ChannelsLast(), torch.randn(2, 3, 6, 5)


def fed_otherwise(which: str = "double") -> Any:
    """A model whose example input lies in memory in another order than its indices."""
    import torch
    from torch import nn

    class Double(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(5, 11, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.conv(x)).mean(dim=(2, 3))

    example = torch.randn(2, 5, 13, 7)
    match which:
        case "double":
            return Double(), example.to(memory_format=torch.channels_last)
        case "permuted":
            return Double(), example.permute(1, 3, 0, 2)
        case "mean":
            return Mean(), example.to(memory_format=torch.channels_last)
        case "one channel":
            return nn.Conv2d(1, 5, 1), example[:, :1].to(memory_format=torch.channels_last)
    raise ValueError(which)


def with_buffer() -> Any:
    """A table looked up at positions that are a buffer of integers, as every transformer has one."""
    import torch
    from torch import nn

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(8, 16)
            self.linear = nn.Linear(16, 16)
            self.register_buffer("positions", torch.arange(8).expand((1, -1)), persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x + self.table(self.positions[:, : x.shape[1]]))

    return Positions(), torch.randn(1, 4, 16)


def swelling() -> Any:
    """A model whose loading takes 100 MB more and more, up to 4 GB."""

    kept = []
    for _ in range(40):
        kept.append(bytearray(os.urandom(1) * 10**8))  # written to, so that it really takes memory
        time.sleep(0.05)
    return tiny()


def nested() -> Any:
    """Outputs in a dataclass, a dictionary and a tuple, with None and a number among them."""
    import torch
    from torch import nn

    @dataclass
    class Outputs:
        logits: torch.Tensor
        more: dict[str, Any]

    class Nested(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> Outputs:
            y = self.linear(x)
            return Outputs(y, {"loss": None, "hidden": (x * 2, [y.relu()])})

    return Nested(), torch.randn(2, 4)


def two_inputs() -> Any:
    """A module that takes two inputs, and an example with one."""
    import torch
    from torch import nn

    class Sum(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return left + right

    return Sum(), torch.randn(1, 4)


def without_example() -> Any:
    """A module alone."""
    return tiny()[0]


def ones_example() -> Any:
    """A perceptron whose example input says nothing about the inputs it will get."""
    import torch
    from torch import nn

    layers = nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    return nn.Sequential(*layers), torch.ones(1, 64)


def many_examples(count: int = 6) -> Any:
    """The same perceptron with a list of examples."""
    import torch

    module, _ = ones_example()
    return module, [torch.randn(1, 64) for _ in range(count)]


def uneven_examples() -> Any:
    """A list that was meant as one example with two inputs."""
    import torch

    module, example = ones_example()
    return module, [example, torch.ones(1, 7)]


def rising(how: str = "raises") -> Any:
    """A model for inputs that rise; on others it raises, or its output is not finite."""
    import torch
    from torch import nn

    class Rising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            steps = x[:, 1:] - x[:, :-1]
            return self.table(steps) if how == "raises" else torch.sqrt(steps)

    return Rising(), torch.arange(8)[None] if how == "raises" else torch.arange(1, 9)[None] ** 1.5


def pool3d() -> Any:
    """Pooling in three dimensions, for which the runtime has no kernel."""
    import torch
    from torch import nn

    return nn.Sequential(nn.Conv3d(2, 4, 3, padding=1), nn.MaxPool3d(2)), torch.randn(1, 2, 6, 8, 8)


def right_shift() -> Any:
    """An operator that has a kernel and is not in ExecuTorch's core set."""
    import torch
    from torch import nn

    class Shift(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.bitwise_right_shift(x, 2)

    return Shift(), torch.randint(0, 1000, (1, 16))


def bad_bytes() -> Any:
    raise ValueError("a path that is not UTF-8: \udcff")


def padded() -> Any:
    """A pad whose input and output get different scales in int8."""
    import torch
    from torch import nn

    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = nn.functional.pad(self.first(x), (0, 1, 0, 1))
            return self.last(y + y.roll(1, 2))

    return Padded(), torch.randn(1, 3, 9, 9)


def structured(which: str = "state") -> Any:
    """Inputs that are not only positional tensors."""
    import torch
    from torch import Tensor, nn

    @dataclass
    class Parts:
        left: Tensor
        right: tuple[Tensor, Tensor | None]

    class State(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.LSTM(16, 32, batch_first=True), nn.Linear(32, 4)

        def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            y, state = self.rnn(x, state)
            return self.head(y), state

    class Mixed(nn.Module):
        """Two instances of one dataclass, nested containers, scalars, and a tensor of every dtype."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(
            self,
            x: Tensor,
            pairs: list[Tensor],
            parts: tuple[Parts, Parts],
            mask: Tensor | None,
            scale: float,
            *,
            flip: bool,
            times: int = 1,
            **others: Tensor,
        ) -> dict[str, Any]:
            y = self.linear(x) * scale + others["step"]
            for part in parts:
                y = y + part.left * part.right[0]
            y = y.flip(-1) if flip else y
            dtypes = {name: value * 2 for name, value in others.items() if name not in ("step", "flags")}
            flags = torch.logical_not(others["flags"])
            return {"y": (y, [torch.matmul(*pairs)] * times), "none": mask, "flags": flags, "dtypes": dtypes}

    class Triple(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 3).cumsum(-1)

    class Square(nn.Module):
        def forward(self, step: Tensor) -> Tensor:
            return step * step

    match which:
        case "state":
            return State(), (torch.randn(2, 3, 16), (torch.zeros(1, 2, 32), torch.ones(1, 2, 32)))
        case "state of one":
            return State(), (torch.randn(1, 3, 16), (torch.zeros(1, 1, 32), torch.ones(1, 1, 32)))
        case "mixed":
            one, two = torch.randn(2, 4), torch.randn(2, 4)
            parts = (Parts(one, (two, None)), Parts(two, (one, None)))
            kinds = ("float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")
            others = {kind: torch.arange(3).to(getattr(torch, kind)) for kind in kinds}
            others |= {"step": torch.tensor(1.5), "flags": torch.tensor([True, False])}
            pairs = [torch.randn(2, 3), torch.randn(3, 2)]
            return Mixed(), (torch.randn(2, 4), pairs, parts, None, 2.5), {"flip": True, "times": 2, **others}
        case "float64":
            return Triple(), torch.randn(2, 16, dtype=torch.float64)
        case "double weights":
            return nn.Linear(32, 8).double(), torch.randn(2, 32, dtype=torch.float64)
        case "scalar":
            return Square(), torch.tensor(1.5)
        case "empty":
            return Triple(), torch.randn(0, 16)
        case "no tensor":
            return Square(), (2.5,)
    raise ValueError(which)
