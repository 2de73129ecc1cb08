"""Object stores for the tests: a real server on the loopback, and what stands between it and a client."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from waiting import wait_for

HOST = "127.0.0.1"
# Of a user who has set nothing up but credentials; the last keeps botocore from asking a cloud for some.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "a-user-of-the-tests",
    "AWS_SECRET_ACCESS_KEY": "what-nobody-may-write-down",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextlib.contextmanager
def s3_server(log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run moto's S3 in a process of its own and give its URL and the process."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | CREDENTIALS) as process,
    ):
        try:
            wait_for(lambda: _answers(port))
            yield f"http://{HOST}:{port}", process
        finally:
            process.kill()


@contextlib.contextmanager
def black_hole() -> Iterator[tuple[str, list[socket.socket]]]:
    """Give the URL of a socket whose connections are never answered, and those that came in so far."""
    came: list[socket.socket] = []
    with socket.create_server((HOST, 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    came.append(listening.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://{HOST}:{listening.getsockname()[1]}", came
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for connection in came:
                connection.close()


@contextlib.contextmanager
def cut_after(url: str, sent: int) -> Iterator[str]:
    """Give the URL of a line to another server that breaks for good once so many bytes went there."""
    target = url.removeprefix("http://").split(":")
    listening = socket.create_server((HOST, 0))
    budget = [sent]
    open_ends: list[socket.socket] = []

    def hang_up() -> None:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        for end in open_ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def pass_on(source: socket.socket, to: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while body := source.recv(1 << 14):
                budget[0] -= len(body) if counted else 0
                if budget[0] < 0:
                    return hang_up()
                to.sendall(body)
            to.shutdown(socket.SHUT_WR)
        return None

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection((target[0], int(target[1])))
                open_ends.extend([client, server])
                threading.Thread(target=pass_on, args=(client, server, True), daemon=True).start()
                threading.Thread(target=pass_on, args=(server, client, False), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://{HOST}:{listening.getsockname()[1]}"
    finally:
        hang_up()
        for end in (listening, *open_ends):
            end.close()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
