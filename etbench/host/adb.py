"""An Android device that is connected through this host's `adb`: its shell and its files."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.host.shell import last_line, run_client, transfer_s

__all__ = ["Adb", "find_device"]

READY = "device"  # what adb calls the state of a device that can be used
HINTS = {
    "unauthorized": "unlock it and allow this computer in the dialog that it shows",
    "offline": "unplug it and plug it in again, or run: adb reconnect offline",
}


class Adb(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="adb"):
    """One device, by its serial, and the `adb` to call; every method raises an error of stage ``connect``.

    `serial` is what `adb` calls the connection to the device, and `hardware` what the device calls itself:
    that is the same over USB and Wi-Fi, and empty if the device does not report it.
    """

    program: str
    serial: str
    hardware: str = ""

    @property
    def machine(self) -> str:
        """What the device is known by, however it is connected."""
        return self.hardware or self.serial

    def command(self, text: str) -> list[str]:
        """Return a command of this host that runs a text in the device's shell, with its status and pipes."""
        return [self.program, "-s", self.serial, "shell", "-T", text]

    def shell(self, text: str, *, feed: str = "") -> str:
        """Run a text in the device's shell, with `feed` on its standard input; return what it prints."""
        return self._said(self.command(text), feed)

    def push(self, here: Path, there: str) -> None:
        """Copy a file to the device."""
        size = here.stat().st_size
        self._said([self.program, "-s", self.serial, "push", str(here.resolve()), there], size=size)

    def pull(self, there: str, here: str) -> None:
        """Copy a file from the device."""
        size = self.shell(shlex.join(["stat", "-c", "%s", there])).strip()
        if not size.isdecimal():
            raise self.error(f"the size of {there} on the device is {size[:80]!r}, which is not a number")
        self._said([self.program, "-s", self.serial, "pull", there, here], size=int(size))

    @property
    def attached(self) -> bool:
        """Whether the device can be used now."""
        done = run_client([self.program, "-s", self.serial, "get-state"])
        return done.stdout.strip() == READY

    def error(self, words: str, *, hint: str = "") -> EtbenchError:
        """Return an error that names the device."""
        return EtbenchError(f"device.serial={self.serial}: {words}", stage="connect", hint=hint)

    def _said(self, command: Sequence[str], feed: str = "", size: int = 0) -> str:
        done = run_client(command, feed, transfer_s(size))
        if done.returncode:
            raise self.error(last_line(done.stderr or done.stdout))
        return done.stdout


def find_device(program: str, serial: str | None) -> Adb:
    """Return the device with this serial or, without a serial, the only device that is attached.

    Raises:
        EtbenchError: of stage ``connect`` if there are none or several of them, or the device cannot be used.

    """
    done = run_client([program, "devices"])
    if done.returncode:
        raise EtbenchError(f"{program} devices: {last_line(done.stderr)}", stage="connect")
    states = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    if serial is None:
        return _only_device(program, states)
    device, state = Adb(program=program, serial=serial), states.get(serial, "not attached")
    if state != READY:
        hint = HINTS.get(state, f"`{program} devices` lists {_listed(states)}")
        raise device.error(f"it is {state}", hint=hint)
    return msgspec.structs.replace(device, hardware=_hardware(device))


def _only_device(program: str, states: Mapping[str, str]) -> Adb:
    """Return the only device; one that is attached over USB and Wi-Fi is one device, and USB is used."""
    if not states:
        raise EtbenchError(
            "no Android device is attached",
            stage="connect",
            hint="switch on USB debugging and plug the device in; `adb devices` must list it",
        )
    usable = [name for name, state in states.items() if state == READY or len(states) == 1]
    found = [find_device(program, name) for name in usable]
    if len(found) < len(states) or len({device.machine for device in found}) > 1:
        raise EtbenchError(
            f"several Android devices are attached: {_listed(states)}",
            stage="connect",
            hint="choose one: device.serial=…",
        )
    return next((device for device in found if device.serial == device.hardware), found[0])


def _hardware(device: Adb) -> str:
    """Return the serial number of a device's hardware; emulators of one version have all the same."""
    if device.serial.startswith("emulator-"):
        return ""
    return device.shell("getprop ro.serialno").strip()


def _listed(states: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({state})" for name, state in states.items()) or "none"
