"""A child process of `etbench.system.process.Worker` that behaves as it is asked to."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import OnEvent, Stages
from etbench.system.channel import serve

BAD = "a path that is not UTF-8: \udcff"


class Ask(Struct):
    """What to do."""

    what: str


class Answer(Struct):
    """What came of it."""

    text: str


def _handle(ask: Ask, emit: OnEvent, send: Callable[[Struct], None]) -> Answer:
    stages = Stages(emit)
    if ask.what == "fork":
        return _forked()
    with stages("acting"):
        if ask.what == "chatter":
            print("a library prints")
            os.write(1, b"a native library prints\n")
        elif ask.what == "parts":
            send(Answer("first"))
            send(Answer("second"))
        elif ask.what == "hang":
            time.sleep(600)
        elif ask.what == "talk":
            for _ in range(24):  # 6 s in all
                time.sleep(0.25)
                stages.progress("acting", "still here")
        elif ask.what == "garbage":
            os.write(_channel(), b"\x00\x01 no message\n")
        elif ask.what == "answer twice":
            os.write(_channel(), b'{"message_type":"answer","request":1,"body":{"text":"before its end"}}\n')
        elif ask.what == "answer without a number":
            os.write(_channel(), b'{"message_type":"answer","body":{"text":"of a fork"}}\n')
        elif ask.what == "fail without a number":
            failure = b'"stage":"time","kind":"KeyError","message":"no turn","hint":"","traceback":""'
            os.write(_channel(), b'{"message_type":"failure",' + failure + b"}\n")
        elif ask.what == "fork in a stage":
            return _forked()
        elif ask.what == "daemon":
            return Answer(str(_daemon()))
        elif ask.what == "daemon and die":
            stages.progress("acting", str(_daemon()))
            os.kill(os.getpid(), signal.SIGKILL)
        elif ask.what == "bad bytes":
            stages.progress("acting", BAD)
            return Answer(BAD)
        elif ask.what == "raise":
            raise ValueError("as asked")
        elif ask.what == "explain":
            raise EtbenchError("explained", stage="elsewhere", hint="do this")
        elif ask.what == "exit":
            os._exit(3)
        elif ask.what == "exit and leave a fork of C":
            if ctypes.CDLL(None).fork() == 0:
                time.sleep(600)
            os._exit(3)
        elif ask.what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif ask.what == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
    return Answer(ask.what)


def _forked() -> Answer:
    """Return twice: in this process, and in one that is forked, which is first."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return Answer("of the parent" if child else "of the child")


def _daemon() -> int:
    """Leave a process in a session of its own, whose parent is gone, and return its id."""
    pids, told = os.pipe()
    if (child := os.fork()) == 0:
        os.setsid()
        if (daemon := os.fork()) == 0:
            time.sleep(600)
        os.write(told, b"%d" % daemon)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(pids, 20))


def _channel() -> int:
    """The pipe to the parent, which standard output was before `serve` moved it."""
    pipes = (fd for fd in Path("/proc/self/fd").iterdir() if fd.is_fifo())
    return min(int(fd.name) for fd in pipes if int(fd.name) > 2)


if __name__ == "__main__":
    sys.exit(serve(Ask, _handle))
