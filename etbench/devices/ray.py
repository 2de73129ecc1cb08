"""A node of a Ray cluster, which Ray assigns by a resource: its units limit how many measure at once.

The programs are sent through Ray's object store, so the nodes need no shared folder. A measurement also takes
the CPUs of its node, so that Ray builds nothing there meanwhile; while it waits for a node it takes none.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import ray
from ray.exceptions import RayError

from etbench.artifact import program_files
from etbench.config.devices import RayDevice
from etbench.devices.host import Host
from etbench.devices.lost_connections import LostConnections
from etbench.errors import EtbenchError
from etbench.events import Event, Failure, OnEvent, explained
from etbench.host.environment import RAY_NODE
from etbench.measure.protocol import Measured, MeasureRequest
from etbench.system.workspace import workspace

__all__ = ["RayNode"]

PATIENCE_S = 5.0  # until a message that all nodes are busy
NO_NODE = "NoNode"  # the kind of an error that may pass: another node may join
LOSSES = ("NodeDiedError", "WorkerCrashedError", "ObjectLostError", NO_NODE)

Files = dict[str, bytes]
Message = Event | msgspec.Raw | bytes | Measured | Failure  # bytes are what the measuring process printed


class RayNode:
    """Measures on the next node that has a unit of the resource `device.pool` free."""

    moves = True

    def __init__(self, device: RayDevice, *, tell: Callable[[str], None]) -> None:
        self._pool = device.pool
        self._address = device.address
        self._tell = tell
        self._lost = LostConnections("node of the Ray cluster", device.retries, tell)
        self._cpus = 0.0
        self._programs: list[ray.ObjectRef[Files]] = []

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Join the cluster, unless this process is part of it, and put the programs into its object store."""
        with self._explaining(Exception):  # the errors of its start have no common type
            if not ray.is_initialized():
                with _own_handler_of_sigterm():
                    ray.init(self._address or "auto", log_to_driver=False, logging_level=logging.WARNING)
            self._look()
            self._programs = [ray.put(_packed(Path(subject.folder))) for subject in request.subjects]
        subjects = [msgspec.structs.replace(subject, log="") for subject in request.subjects]
        return msgspec.structs.replace(request, subjects=subjects)

    @contextmanager
    def worker(self) -> Iterator[RayNode]:
        """Provide this object; Ray looks for a node when it is asked."""
        yield self

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Look for another node after one was lost, as often as `device.retries` allows."""
        return self._lost.connected_again(error, self._look, is_loss=lambda error: error.kind in LOSSES)

    def ask(
        self,
        request: MeasureRequest,
        reply: type[Measured],
        *,
        log: Path,
        on_event: OnEvent,
        on_part: Callable[[msgspec.Raw], None],
        silence_s: float,
    ) -> Measured:
        """Measure on a node, as `Worker.ask` does in a process on this host."""
        task = _measured.options(num_cpus=self._cpus, resources={self._pool: 1}).remote(
            request, self._programs, silence_s
        )
        try:
            with self._explaining(RayError, ConnectionError):
                for message in self._messages(task):
                    if isinstance(message, Event):
                        on_event(message)
                    elif isinstance(message, msgspec.Raw):
                        on_part(message)
                    elif isinstance(message, bytes):
                        with log.open("ab") as file:
                            file.write(message)
                    elif isinstance(message, Failure):
                        raise message.error()
                    else:
                        assert isinstance(message, reply)
                        return message
        finally:
            with suppress(RayError):  # the cluster is gone, which is reported already
                ray.cancel(task, force=True)  # has no effect on a task that has finished
        raise self._error("the task of the measurement ended without an answer")

    def _messages(self, task: Any) -> Iterator[Message]:
        if not ray.wait([task], timeout=PATIENCE_S)[0]:
            self._tell(f"waiting for a node of the Ray cluster with a free {self._pool} and free CPUs")
        for message in task:
            yield ray.get(message)

    def _look(self) -> None:
        """Look for the nodes of the pool, and note the CPUs of the smallest; all CPUs of each, if equal."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        able = [resources for resources in nodes if resources.get(self._pool, 0) >= 1]
        if not able:
            raise self._error(
                f"none of the {len(nodes)} nodes of the Ray cluster has this resource",
                kind=NO_NODE,
                hint=f"start the nodes that measure with: ray start --resources='{{\"{self._pool}\": 1}}' …",
            )
        self._cpus = float(min(filter(None, (resources.get("CPU", 0) for resources in able)), default=0))

    @contextmanager
    def _explaining(self, *kinds: type[Exception]) -> Iterator[None]:
        """Turn errors of Ray into `EtbenchError`."""
        try:
            yield
        except EtbenchError:
            raise
        except kinds as error:
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise self._error(
                text, kind=type(error).__name__, hint="`ray status` shows which nodes are alive"
            ) from error

    def _error(self, words: str, *, kind: str = "", hint: str = "") -> EtbenchError:
        return EtbenchError(f"device.pool={self._pool}: {words}", stage="connect", kind=kind, hint=hint)


@ray.remote(max_retries=0)
def _measured(
    request: MeasureRequest, programs: Sequence[ray.ObjectRef[Files]], silence_s: float
) -> Iterator[Message]:
    """Measure on this node, and yield the messages as they come; the last one is the answer or failure."""
    node = os.environ[RAY_NODE] = ray.get_runtime_context().get_node_id()
    yield Event(kind="progress", stage="time", message=f"measuring on node {node[:12]}")
    messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
    thread = threading.Thread(target=_measure, args=(request, programs, silence_s, messages.put), daemon=True)
    thread.start()
    while not isinstance(message := messages.get(), Measured | Failure):
        yield message
    thread.join()
    yield message


def _measure(
    request: MeasureRequest,
    programs: Sequence[ray.ObjectRef[Files]],
    silence_s: float,
    put: Callable[[Message], None],
) -> None:
    """Measure as on a single host, in one thread: only the thread that creates a worker may ask it."""

    def tell(text: str) -> None:
        put(Event(kind="progress", stage="time", message=text))

    answer: Measured | Failure
    try:
        with workspace() as scratch, _printed(scratch / "printed", put) as log:
            subjects = [
                msgspec.structs.replace(subject, folder=str(_unpacked(ray.get(files), scratch / str(number))))
                for number, (subject, files) in enumerate(zip(request.subjects, programs, strict=True))
            ]
            with Host(scratch=scratch, log=log, tell=tell).worker() as process:
                answer = process.ask(
                    msgspec.structs.replace(request, subjects=subjects),
                    Measured,
                    log=log,
                    on_event=put,
                    on_part=put,
                    silence_s=silence_s,
                )
    except Exception as error:  # the border of the node: every failure becomes a message
        answer = Failure.of(explained(error, "connect"))
    put(answer)


@contextmanager
def _own_handler_of_sigterm() -> Iterator[None]:
    """Keep the current handler: Ray replaces it with one that ends the process with status 15."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _printed(log: Path, put: Callable[[Message], None]) -> Iterator[Path]:
    """Provide a file for what is printed, and send its content at the end, also after an error."""
    try:
        yield log
    finally:
        if log.exists():
            put(log.read_bytes())


def _packed(folder: Path) -> Files:
    return {name: path.read_bytes() for name, path in program_files(folder).items()}


def _unpacked(files: Files, folder: Path) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
