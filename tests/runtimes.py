"""Executors of other runtimes for tests: those of etbench, one that takes too many threads, and models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from running import TESTS

from etbench.runtime.litert_model import LitertModel
from etbench.runtime.onnx_model import OnnxModel
from etbench.runtime.openvino_model import OpenvinoModel

EXECUTORS = {"onnxruntime": OnnxModel, "openvino_native": OpenvinoModel, "litert": LitertModel}
OWN_THREADS = "runtimes.OwnThreads"
# `tiny` as litert-torch 0.10.0 converts it; `unquantized` is what it makes of int8 without being told.
TFLITE = {name: TESTS / "data" / "tflite" / f"tiny_{name}.tflite" for name in ("fp32", "int8", "unquantized")}


class OwnThreads(OnnxModel):
    """Says that it uses the threads that were asked for, and computes with two more."""

    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None:
        super().__init__(path, threads, profiled=profiled)
        self._pool = ThreadPoolExecutor(2)

    def _run(self, inputs: Sequence[Any]) -> None:
        others = [self._pool.submit(_compute) for _ in range(2)]
        _compute()
        super()._run(inputs)
        wait(others)


def _compute() -> None:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000)  # releases the interpreter's lock
