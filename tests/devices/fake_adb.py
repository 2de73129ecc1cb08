"""An `adb` whose devices are folders of this host: what the real one does, as far as etbench asks for it.

The first argument is the folder that stands for the phone, the others are those of `adb`. In it, `devices` is
what ``adb devices`` lists, `bin` has the commands that only Android has, `calls` gets each call, and while
there is a file `corrupts` what is pushed changes on its way; in the round whose number `loses` has the device
is lost, as the daemons at both ends notice it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

LOST = 255


def main(phone: Path, words: list[str]) -> int:
    with (phone / "calls").open("a") as calls:
        calls.write(" ".join(words) + "\n")
    listed = (phone / "devices").read_text()
    if words == ["devices"]:
        print("List of devices attached", listed, sep="\n")
        return 0
    states = dict(line.split("\t") for line in listed.splitlines())
    match words:
        case ["-s", serial, *_] if states.get(serial) != "device":
            print(f"adb: device '{serial}' not found", file=sys.stderr)
            return 1
        case ["-s", _, "get-state"]:
            print("device")
        case ["-s", _, "push", here, there]:
            shutil.copyfile(here, there)
            if (phone / "corrupts").exists():
                with Path(there).open("r+b") as file:
                    file.write(b"?")
            print(f"{here}: 1 file pushed")
        case ["-s", _, "pull", there, here]:
            shutil.copyfile(there, here)
        case ["-s", _, "shell", "-T", text]:
            return shell(phone, text)
        case _:
            print(f"adb: unknown command {words}", file=sys.stderr)
            return 1
    return 0


def _hang_up_with_the_client() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup, whose children ignore it
    ctypes.CDLL(None).prctl(1, signal.SIGHUP)


def shell(phone: Path, text: str) -> int:
    """Run a text as adbd does: in a session of its own that is hung up on when the client ends."""
    child = subprocess.Popen(
        ["/bin/sh", "-c", text],
        env={"PATH": f"{phone / 'bin'}:/usr/bin:/bin"},
        start_new_session=True,
        preexec_fn=_hang_up_with_the_client,
    )

    def lose(*_: object) -> NoReturn:
        child.send_signal(signal.SIGHUP)
        os._exit(LOST)

    signal.signal(signal.SIGTERM, lose)
    loses, rounds = phone / "loses", (phone / "calls").read_text().count(" time\n")
    if loses.exists() and text.endswith(" time") and rounds == int(loses.read_text()):
        (phone / "devices").write_text("")
        lose()
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
