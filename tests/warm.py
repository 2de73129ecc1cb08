"""Processes of etbench that begin with their imports done: forks of one process that has made them.

Of the 10 s of a processor that a sweep of two tiny cells takes, 8 are imports: of its command, its builder
and its measuring process. So whatever the tests start as `python -m` one of `MODULES` is forked instead, as
is what that starts in turn, from a process that has imported for all of them and does nothing else. A
measuring process, which spawns rounds, forks itself.

Real is all that etbench does and sees: each is a process of its own and a child of the one that started it,
with its own arguments, environment, folder, streams, process group and exit status. Shared is what an
interpreter does before: its start, the imports, what libraries take from the environment meanwhile, and the
seed of hashes; and /proc shows the command line and the environment of the process that was forked.

A new interpreter starts as ever where that may matter: in tests marked `cold`; if a variable of
`READ_AT_START` has another value; on other processors; where `subprocess` is asked for what `_forkable` does
not know; on other systems than Linux; and everywhere with ETBENCH_TESTS_COLD=1.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import inspect
import json
import linecache
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NoReturn

__all__ = ["Forks", "choose", "end", "install"]

COMMAND = "etbench"
MEASURING, ROUND = "etbench.measure.worker.main", "etbench.measure.worker.round_process"
MODULES = (COMMAND, "etbench.builder.worker", MEASURING, ROUND)
IMPORTED = (  # by all commands that measure and report, all builders, and all measuring processes
    *("altair", "hydra.main", "pandas", "pyarrow.parquet", "rich.live"),
    *("etbench.cli.main", "etbench.engine", "etbench.preflight.command_line", "etbench.sweep.launch"),
    *("etbench.results.decision.decide", "etbench.results.report"),
    *("etbench.builder.pipeline", "torch.export._trace", "torch._inductor.sizevars"),
    *("etbench.measure.worker.blocks", "etbench.measure.passes.energy", "etbench.measure.passes.load_time"),
)
# Variables that an interpreter, the C library, or a library that is imported here reads when it starts.
READ_AT_START = (
    *("PYTHON", "LANG", "LC_", "TZ", "LD_", "GLIBC_", "MALLOC_", "OMP_", "GOMP_", "MKL_"),
    *("OPENBLAS_", "NUMEXPR_", "TORCH_LOGS", "TORCHDYNAMO_", "PYTORCH_", "ATEN_", "CUDA_"),
)
LARGEST = 1 << 17  # bytes of a request
REAL = subprocess.Popen
ARGUMENTS = inspect.signature(REAL._execute_child)  # type: ignore[attr-defined]


class Forks:
    """The process that is forked, for the one process that asks it: its parent.

    A fork becomes a child of that parent: what forked it ends at once, and Linux then gives it to the next
    process above that wants such orphans.
    """

    def __init__(self, connection: socket.socket, process: subprocess.Popen[Any] | None = None) -> None:
        self.connection = connection
        connection.settimeout(600)  # a fork that fails before it has started answers nothing
        self.process = process
        self.owner = os.getpid()
        self.lock = threading.Lock()

    @classmethod
    def started(cls, env: Mapping[str, str]) -> Forks:
        """Start the process, which imports with these variables."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-W", "ignore", __file__, str(theirs.fileno())]
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
            process = REAL(command, env=env, pass_fds=[theirs.fileno()], process_group=0, **pipes)
            return cls(ours, process)

    @classmethod
    def forked(cls) -> Forks:
        """Fork the process from this one, which has imported already."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(nothing, number)
            os.close(nothing)
            os.setpgid(0, 0)
            _serve(theirs)
        theirs.close()
        return cls(ours)

    def fork(self, request: Mapping[str, Any], streams: list[int]) -> int:
        """Return the process id of a new child of this process that does what is asked."""
        with self.lock, _taking_orphans():
            socket.send_fds(self.connection, [json.dumps(request).encode()], streams)
            answers = self.connection.recv(16), self.connection.recv(16)
        if not all(answers):
            raise ConnectionError("the process that `tests/warm.py` forks has ended")
        return int(answers[0])

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        if self.process is not None:
            self.process.wait()


class OwnForks:
    """Forks of this process itself: a measuring process kills any other child, such as one to be forked."""

    def __init__(self) -> None:
        self.owner = os.getpid()

    def fork(self, request: Mapping[str, Any], streams: list[int]) -> int:
        """Return the process id of a new child of this process that does what is asked."""
        if (pid := os.fork()) == 0:
            atexit._clear()
            moved = [os.dup(stream) for stream in streams]
            for number, stream in enumerate(moved):
                os.dup2(stream, number)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            _become(None, streams=[], **request)
        return pid

    def close(self) -> None:
        """Do nothing: there is no process to end."""


@dataclass
class _State:
    """What this process forks from, if it was needed yet, and where new interpreters are started instead."""

    env: dict[str, str] = field(default_factory=dict)
    processors: set[int] = field(default_factory=set)
    forks: Forks | OwnForks | None = None
    cold: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)


_state = _State()


def install() -> None:
    """Fork from now on what this process starts of etbench, where `choose` allows it."""
    if sys.platform == "linux" and not os.environ.get("ETBENCH_TESTS_COLD"):
        _state.env, _state.processors = dict(os.environ), os.sched_getaffinity(0)
        subprocess.Popen = Popen  # type: ignore[misc]


def choose(*, cold: bool) -> None:
    """Choose for what follows whether new interpreters are started."""
    _state.cold = cold


def end() -> None:
    """End the process that is forked, if one was needed."""
    subprocess.Popen = REAL  # type: ignore[misc]
    if _state.forks is not None:
        _state.forks.close()
        _state.forks = None


class Popen(REAL):  # type: ignore[type-arg]
    """`subprocess.Popen`, which forks instead of starting where it can."""

    def _execute_child(self, *how: Any) -> None:
        asked = SimpleNamespace(**ARGUMENTS.bind(self, *how).arguments)
        env = dict(os.environ if asked.env is None else asked.env)
        if _state.cold or not _forkable(asked) or not _as_imported(env):
            super()._execute_child(*how)  # type: ignore[misc]
            return
        with _state.lock:
            forks = _state.forks = _state.forks or Forks.started(_state.env)
        if forks.owner != os.getpid():  # this process is a fork of the one that may ask
            super()._execute_child(*how)  # type: ignore[misc]
            return
        request = {
            "command": asked.args,
            "env": env,
            "cwd": os.path.abspath(asked.cwd or "."),  # noqa: PTH100  it may be bytes
            "group": None if asked.start_new_session else os.getpgid(0),
            "interruptible": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
        }
        pipes = asked.p2cread, asked.p2cwrite, asked.c2pread, asked.c2pwrite, asked.errread, asked.errwrite
        theirs = asked.p2cread, asked.c2pwrite, asked.errwrite
        self.pid = forks.fork(request, [own if own != -1 else n for n, own in enumerate(theirs)])
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _as_imported(env: Mapping[str, str]) -> bool:
    """Return whether a start and imports would find what they found: variables and processors."""
    changed = {name for name in env.keys() | _state.env.keys() if env.get(name) != _state.env.get(name)}
    changed.discard("PYTHONPATH")
    started_alike = not any(name.startswith(READ_AT_START) for name in changed)
    return started_alike and os.sched_getaffinity(0) == _state.processors


def _forkable(asked: SimpleNamespace) -> bool:
    """Return whether `subprocess` is asked for a process of etbench, and for nothing special."""
    command = asked.args
    return (
        isinstance(command, list)
        and command[:2] == [sys.executable, "-m"]
        and len(command) > 2
        and command[2] in MODULES
        and not (asked.shell or asked.executable or asked.preexec_fn or asked.pass_fds)
        and (asked.process_group, asked.umask, asked.uid, asked.gid, asked.gids) == (-1, -1, None, None, None)
        and asked.close_fds
        and os.path.isdir(asked.cwd or ".")  # noqa: PTH112  it may be bytes
    )


@contextlib.contextmanager
def _taking_orphans() -> Any:
    """Become the parent of processes below this one whose parent ends."""
    set_subreaper, get_subreaper = 36, 37
    prctl, before = ctypes.CDLL(None).prctl, ctypes.c_int()
    prctl(get_subreaper, ctypes.byref(before))
    prctl(set_subreaper, 1)
    try:
        yield
    finally:
        prctl(set_subreaper, before.value)


def _serve(connection: socket.socket) -> NoReturn:
    """Fork this process whenever its parent asks, until that has ended."""
    while True:
        asked, streams, _, _ = socket.recv_fds(connection, LARGEST, 3)
        if not asked:
            os._exit(0)
        if (between := os.fork()) == 0:
            between = os.getpid()
            if pid := os.fork():
                connection.send(str(pid).encode())
                os._exit(0)
            while os.getppid() == between:  # else it could die with this one, see `die_with_parent`
                time.sleep(0.0005)
            _become(connection, streams=streams, **json.loads(asked))
        os.waitpid(between, 0)
        for stream in streams:
            os.close(stream)


def _import() -> None:
    """Import as `etbench.builder.worker` and `etbench.measure.worker.main` do, and what commands import."""
    from etbench.builder import upstream
    from etbench.measure.worker.fork import inherited
    from etbench.models.torchvision_ops import ensure_importable

    with inherited():
        ensure_importable()
        upstream.apply()
        for module in IMPORTED:
            importlib.import_module(module)
        from etbench.runtime.program import preload

        preload(None)
    linecache.getlines(__file__)  # else a traceback reads it, and a builder records what it reads


def _become(
    asking: socket.socket | None,
    *,
    streams: list[int],
    command: list[str],
    env: Mapping[str, str],
    cwd: str,
    group: int | None,
    interruptible: bool,
) -> NoReturn:
    """Be the process that this command would start, and report when it has started.

    A signal that its parent ignores is ignored by a new process, too: Ctrl-C by the jobs of a shell.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler if interruptible else signal.SIG_IGN)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    if group is None:
        os.setsid()
    else:
        os.setpgid(0, group)
    os.chdir(cwd)
    if asking is not None:
        asking.send(b"started")  # in its group: from here on it can be killed
        asking.close()
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    module, arguments = command[2], command[3:]
    if module in (COMMAND, MEASURING):  # which start others
        _state.forks, _state.cold = Forks.forked() if module == COMMAND else OwnForks(), False
        install()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        before = getattr(sys, f"__{name}__")
        stream = open(  # noqa: SIM115
            *(("stdin", "stdout", "stderr").index(name), mode),
            buffering=1 if name == "stderr" else -1,
            encoding=before.encoding,
            errors=before.errors,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv, sys.orig_argv = ["-m", *arguments], command
    folders = env.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [cwd, *filter(None, folders), *OWN_PATH]
    importlib.invalidate_caches()
    os._exit(_status_of(module))


def _status_of(module: str) -> int:
    """Run a module as the main one, end as an interpreter does, and return the exit status."""
    status: Any = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code or 0
    except BaseException:
        status = 1
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    return status & 0xFF


if __name__ == "__main__":
    sys.modules["warm"] = sys.modules["__main__"]  # the processes that it becomes have another main module
    OWN_PATH = [
        path for path in sys.path[1:] if path not in os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ]
    sys.path[:] = OWN_PATH
    asking = socket.socket(fileno=int(sys.argv[1]))
    _import()
    _serve(asking)
