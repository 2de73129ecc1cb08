"""The work of the fresh processes: a check against the reference, and timed rounds."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from etbench.artifact.arrays import as_array, first_compared, read_generation
from etbench.host.load import watch_load
from etbench.host.threads import BusyThreads
from etbench.measure.pass_results import OneLoad, SizeParity
from etbench.measure.passes.load_time import load_and_run, run_once
from etbench.measure.passes.work import Work, timed_ms, work_of
from etbench.measure.protocol import CheckPass, Compared, Round
from etbench.runtime.program import backends, binding_file, load, read_batches, runtime_used, threads_of
from etbench.stats.parity import Parity, compare_outputs

__all__ = ["check", "compare", "time_round"]

Batches = Sequence[Sequence[Any]]  # of tensors or arrays

LEAST_WARMUP_MS = 10  # after the first inference, if one takes less: a quick model gets faster for longer
LEAST_SAMPLE_MS = 0.1  # below, the clock and the first call after a pause are a part of the sample
WINDOW, MAX_STABLE_WARMUP = 10, 200  # inferences


def check(folder: Path, threads: int, logits_axis: int | None, executor: str | None = None) -> CheckPass:
    """Run the reference batches and compare their outputs with the eager fp32 reference.

    The load and the first inference are timed, which saves a process of the load pass.

    Raises:
        EtbenchError: of stage ``load_program`` or ``parity``.

    """
    inputs, references = read_batches(folder, executor)
    first: OneLoad | None = None
    if read_generation(folder):
        from etbench.measure.passes.generation import compare_generated  # imports torch

        method = load(folder, threads, executor)
        compared = Compared(parity=compare_generated(method, inputs, [logits for (logits,) in references]))
        busy = None
    else:
        method, first_outputs, first = load_and_run(folder, threads, inputs[0], executor=executor)
        watched = BusyThreads()
        others = [run_once(method, batch) for batch in inputs[1:]]
        again = partial(method.call, inputs[0], clone_outputs=False)
        busy = watched.count(again, expected=threads)
        outputs = [first_outputs, *others]
        compared = _compare_sizes(inputs, references, outputs, logits_axis, first_compared(folder))
    return CheckPass(
        parity=compared.parity,
        other_sizes=compared.other_sizes,
        threads=threads_of(method),
        busy_threads=busy,
        runtimes=backends(executor),
        runtime=runtime_used(executor),
        binding=binding_file(executor),
        load=first,
    )


def compare(folder: Path, file: Path, logits_axis: int | None) -> Compared:
    """Compare the outputs that another process wrote with the eager fp32 reference."""
    from etbench.artifact.references import read_outputs, read_references  # imports torch

    inputs, references = read_references(folder)
    return _compare_sizes(inputs, references, read_outputs(file), logits_axis, first_compared(folder))


def _compare_sizes(
    inputs: Batches, references: Batches, outputs: Batches, logits_axis: int | None, first: int
) -> Compared:
    """Compare the outputs for inputs of the shapes that are timed, and those for all other shapes.

    Args:
        inputs: the reference batches; the first has the shapes that are timed.
        references: outputs of the eager fp32 model; empty if there are none to compare with.
        outputs: of the program.
        logits_axis: see `compare_outputs`.
        first: number of the first batch to compare; those before it are timed only.

    """
    groups: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for number, batch in enumerate(inputs):
        groups.setdefault(tuple(tuple(value.shape) for value in batch), []).append(number)

    def parity(numbers: Sequence[int]) -> Parity:
        expected, found = ([batches[n] for n in numbers if batches] for batches in (references, outputs))
        return compare_outputs(_joined(expected), _joined(found), logits_axis=logits_axis)

    (_, timed), *others = groups.items()
    sizes = [SizeParity(inputs=list(map(list, shapes)), parity=parity(numbers)) for shapes, numbers in others]
    compared = [number for number in timed if number >= first]
    return Compared(parity=parity(compared), other_sizes=sizes)


def time_round(
    folder: Path,
    threads: int,
    *,
    reference: int = 0,
    samples: int,
    at_least: int,
    warmup: int | Literal["stable"],
    inferences_per_sample: int,
    time_left_s: float,
    tell: Callable[[str], None],
    executor: str | None = None,
) -> Round:
    """Load the program, warm up and time a number of inferences.

    Args:
        folder: the artifact's folder.
        threads: the size of the runtime's thread pool.
        reference: the number of the reference batch whose inputs it is fed with.
        samples: the number of samples.
        at_least: how many of them are taken even if no time is left.
        warmup: the number of untimed inferences, or ``stable``: until they get no faster. At least one is
            run, and more until 10 ms have passed if one takes less, but none starts after a quarter of the
            time left.
        inferences_per_sample: how many inferences in a row are timed together; 0 for as many as take 0.1 ms.
        time_left_s: no further sample starts after this many seconds.
        tell: receives a line about slow progress.
        executor: the class of a program of another runtime; None for ExecuTorch.

    Raises:
        EtbenchError: of stage ``load_program`` or ``time``.

    """
    inputs, generation = read_batches(folder, executor)[0][reference], read_generation(folder)
    load_since = watch_load()
    start = time.perf_counter_ns()
    method = load(folder, threads, executor)
    load_ms = (time.perf_counter_ns() - start) / 1e6
    work = work_of(method, inputs, generation)
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    warming_ms = [timed_ms(work.begin)]
    first_done = time.perf_counter()
    while not (_warm(warming_ms, warmup) and _long_enough(warming_ms[-1], first_done)):
        if time.perf_counter() - begun >= time_left_s / 4:
            break
        warming_ms.append(_sample_ms(work))
    together = inferences_per_sample or _inferences_per_sample(warming_ms, work)
    _tell_if_slow(warming_ms[-1] / 1e3, samples, at_least, time_left_s, tell)
    work.start_over()
    taken: list[float] = []
    while len(taken) < samples:
        if len(taken) >= at_least and time.perf_counter() - begun >= time_left_s:
            break
        taken.append(_sample_ms(work, together))
    return Round(
        samples_ms=taken,
        load_ms=load_ms,
        first_inference_ms=warming_ms[0],
        warmup=len(warming_ms),
        load=load_since(),
        prefill_ms=work.prefill_ms,
        inferences_per_sample=together,
    )


def _warm(times_ms: Sequence[float], warmup: int | Literal["stable"]) -> bool:
    """Return whether the warmup is complete: it has its count, or the last window is no faster than before.

    The windows are compared by ranks: the last one is faster if more than half of all pairs are (Mann and
    Whitney's U, as in Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics
    28, 1979), so that a single slow inference does not decide.
    """
    count = len(times_ms)
    if warmup != "stable":
        return count >= warmup
    if count < 2 * WINDOW:
        return False
    before, last = times_ms[-2 * WINDOW : -WINDOW], times_ms[-WINDOW:]
    faster = sum(new < old for old in before for new in last)
    return faster <= WINDOW**2 / 2 or count >= MAX_STABLE_WARMUP


def _long_enough(inference_ms: float, since: float) -> bool:
    return inference_ms >= LEAST_WARMUP_MS or (time.perf_counter() - since) * 1e3 >= LEAST_WARMUP_MS


def _inferences_per_sample(warming_ms: Sequence[float], work: Work) -> int:
    """Return how many inferences take at least 0.1 ms; one if the steps of the work are not all alike."""
    inference_ms = median(warming_ms[-WINDOW:])
    return math.ceil(LEAST_SAMPLE_MS / inference_ms) if work.repeats else 1


def _sample_ms(work: Work, inferences: int = 1) -> float:
    """Time so many inferences in a row, after their preparation, and return their mean."""
    work.make_ready()
    return timed_ms(work.step, inferences)


def _joined(batches: Batches) -> list[NDArray[Any]]:
    """Concatenate the batches of each output."""
    return [
        np.concatenate([np.atleast_1d(as_array(value)) for value in members])
        for members in zip(*batches, strict=True)
    ]


def _tell_if_slow(
    inference_s: float, samples: int, at_least: int, time_left_s: float, tell: Callable[[str], None]
) -> None:
    if inference_s < 1:
        return
    fitting = max(at_least, min(samples, int(time_left_s / inference_s) + 1))
    tell(
        f"slow, but not hanging: one inference takes about {inference_s:.1f} s; "
        f"timing {fitting} of {samples} in this round, about {fitting * inference_s:.0f} s"
    )
