"""The devices of a configuration (`conf/device`): where the rounds are run.

Programs are built on this host in any case. How each kind is reached is in `etbench.devices`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from etbench.config.sections import Name, Section

__all__ = ["INSTALL_ADB", "AdbDevice", "Device", "HostDevice", "RayDevice", "SshDevice"]

INSTALL_ADB = "install Android's platform-tools, such as by apt-get install adb, or name it: device.adb=…"

Text = Annotated[str, Meta(min_length=1)]
Word = Annotated[str, Meta(pattern=r"^[^-\s]\S*$")]  # that no program takes for an option
Retries = Annotated[int, Meta(ge=0, le=100)]


class _Device(Section, frozen=True, kw_only=True, tag_field="kind"):
    """What all devices have."""

    @property
    def kind(self) -> str:
        """What the YAML calls it."""
        return str(type(self).__struct_config__.tag)

    @property
    def identity(self) -> list[Any]:
        """What tells it from other devices; nothing for the host, whose cells got their names first."""
        return []


class HostDevice(_Device, frozen=True, kw_only=True, tag="host"):
    """The machine that builds."""


class SshDevice(_Device, frozen=True, kw_only=True, tag="ssh"):
    """Another machine with a Python.

    `python` is its interpreter there, `options` are further ones of the `ssh` command. What is sent is kept
    in `folder`, below `max_gb`; `platform` is what `sys.platform` says there, None if the same as here. A
    connection that is lost is made again, `retries` times.
    """

    host: Word
    python: Text = "python3"
    options: tuple[str, ...] = ()
    folder: Text = "~/.cache/etbench-device"
    max_gb: Annotated[float, Meta(gt=0)] = 10.0
    platform: str | None = None
    retries: Retries = 3

    @property
    def identity(self) -> list[Any]:
        """Machine and interpreter."""
        return [[self.kind, self.host, self.python]]


class AdbDevice(_Device, frozen=True, kw_only=True, tag="adb"):
    """An Android device.

    `runner` is the native runner, compiled for it; `serial` is None for the only device that is attached,
    `adb` the program. What is sent is in `folder`. A device that is lost is looked for again, `retries`
    times.
    """

    runner: Text
    serial: Word | None = None
    adb: Text = "adb"
    folder: Text = "/data/local/tmp/etbench"
    retries: Retries = 3

    @property
    def identity(self) -> list[Any]:
        """Device and runner."""
        return [[self.kind, self.serial, self.runner]]


class RayDevice(_Device, frozen=True, kw_only=True, tag="ray"):
    """The next free node of a Ray cluster.

    `pool` is the resource whose unit a node gives while it measures, `address` that of the cluster, None to
    find it as Ray does; `platform` is what `sys.platform` says there, None if the same as here.
    """

    pool: Name = "device_pool"
    address: Text | None = None
    platform: str | None = None

    @property
    def identity(self) -> list[Any]:
        """The kind of node."""
        return [[self.kind, self.pool]]


Device = HostDevice | SshDevice | AdbDevice | RayDevice
