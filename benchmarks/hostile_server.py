"""Send hostile bytes to a real `etbench ui` over a folder with hostile files: does it go on, and answer?"""

from __future__ import annotations

import contextlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from hostile_commands import LONGEST_S, Case, Run, outside
from hostile_page import LEAKS, PORT, Request, request_of

__all__ = ["run_server"]

TABS = ("/", "/results", "/decide", "/compare", "/trend", "/inspect", "/doctor")


def run_server(case: Case, chance: random.Random, requests: int) -> Run:
    """Start a server over the folder of a case, send it requests, and judge it."""
    run, before = Run("server"), outside(case)
    with tempfile.TemporaryFile("w+") as errors, _started(case, errors.fileno(), run) as port:
        for _ in range(requests):
            request = request_of(chance)
            body = _bytes_of(request, chance, port)
            began = time.monotonic()
            answer = _answer(port, body)
            if (took := time.monotonic() - began) > LONGEST_S and body.endswith(b"\r\n\r\n"):
                run.wrong.append(f"{body[:300]!r}: took {took:.0f} s")
            if any(leak in answer for leak in LEAKS) or re.match(rb"HTTP/1.1 5\d\d", answer):
                run.wrong.append(f"{body[:300]!r}: {answer[:300]!r}")
            run.refused += answer[:10] != b"HTTP/1.1 2"
        for tab in TABS:
            own = Request("GET", tab, {"host": f"127.0.0.1:{port}"})
            answer = _answer(port, _plain(own))
            if not answer.startswith(b"HTTP/1.1 200"):
                run.wrong.append(f"{tab}: {answer[:300]!r} after all")
        errors.seek(0)
        printed = errors.read()
        if "Traceback" in printed or not all(line.isprintable() for line in printed.split("\n")):
            run.wrong.append(printed[-3_000:])
    if (after := outside(case)) != before:
        run.wrong.append(f"changed files: {sorted(set(before.items()) ^ set(after.items()))}")
    return run


@contextlib.contextmanager
def _started(case: Case, errors: int, run: Run) -> Iterator[int]:
    command = [sys.executable, "-m", "etbench", "ui", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--results", str(case.root / "in")],
        cwd=case.root / "current",
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.search(r":(\d+)", process.stdout.readline())
        if found is None:
            run.wrong.append("it does not start")
            return
        yield int(found[1])
        if process.poll() is not None:
            run.wrong.append(f"it ended with status {process.returncode}")
    finally:
        process.send_signal(signal.SIGINT)
        run.status = process.wait(60)
        process.stdout.close()


def _bytes_of(request: Request, chance: random.Random, port: int) -> bytes:
    """Write a request for this port, now and then so that it is not HTTP."""
    body = _plain(request).replace(f":{PORT}".encode(), f":{port}".encode())
    match chance.choice(["as it is"] * 6 + ["cut off", "changed", "large", "noise", "chunked"]):
        case "cut off":
            return body[: chance.randrange(len(body))]
        case "changed":
            at = chance.randrange(len(body))
            return body[:at] + chance.randbytes(4) + body[at:]
        case "large":
            return body.replace(b"\r\n\r\n", b"\r\nx: " + b"y" * 200_000 + b"\r\n\r\n")
        case "noise":
            return chance.randbytes(300)
        case "chunked":
            return body.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\nffffffffffff\r\n")
    return body


def _plain(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += ["connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _answer(port: int, body: bytes) -> bytes:
    """Send bytes and return what comes back; if that is nothing at first, there is not going to be more."""
    answer = b""
    whole = body.endswith(b"\r\n\r\n")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=3 * LONGEST_S if whole else 1.0) as connection,
        contextlib.suppress(OSError),  # it may close at once
    ):
        connection.sendall(body)
        while part := connection.recv(65_536):
            answer += part
    return answer
