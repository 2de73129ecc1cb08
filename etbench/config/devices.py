"""The devices of a configuration (`conf/device`): where the rounds are run.

Programs are always built on this host. `etbench.devices` has the connection to each kind of device.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from etbench.config.sections import Gigabytes, Name, Section

__all__ = ["INSTALL_ADB", "AdbDevice", "Device", "HostDevice", "RayDevice", "SshDevice"]

INSTALL_ADB = (
    "install Android's platform-tools, for example with apt-get install adb, or give its path: device.adb=…"
)

Text = Annotated[str, Meta(min_length=1)]
Word = Annotated[str, Meta(pattern=r"^[^-\s]\S*$")]  # not mistaken for an option
Retries = Annotated[int, Meta(ge=0, le=100)]


class _Device(Section, frozen=True, kw_only=True, tag_field="kind"):
    """What all devices have."""

    @property
    def kind(self) -> str:
        """What the YAML calls it."""
        return str(type(self).__struct_config__.tag)

    @property
    def identity(self) -> list[Any]:
        """What distinguishes it from other devices; empty for the host, so that its cells keep their ids."""
        return []


class HostDevice(_Device, frozen=True, kw_only=True, tag="host"):
    """The machine that builds."""


class SshDevice(_Device, frozen=True, kw_only=True, tag="ssh"):
    """Another machine, with a Python or, for the native runner, without.

    `python` is the interpreter there, `options` are additional options of the `ssh` command. Copied files are
    kept in `folder`, below `max_gb`; `platform` is `sys.platform` there, None if the same as here. A lost
    connection is made again, up to `retries` times. `libraries` is a folder with ExecuTorch's `lib` and
    `include` for that machine; without it the native runner takes those in the cache folder.
    """

    host: Word
    python: Text = "python3"
    options: tuple[str, ...] = ()
    folder: Text = "~/.cache/etbench-device"
    max_gb: Gigabytes = 10.0
    platform: str | None = None
    retries: Retries = 3
    libraries: Text | None = None

    @property
    def identity(self) -> list[Any]:
        """Machine and interpreter."""
        return [[self.kind, self.host, self.python]]


class AdbDevice(_Device, frozen=True, kw_only=True, tag="adb"):
    """An Android device.

    `runner` is the native runner, compiled for it; `serial` is None for the only device that is attached,
    `adb` the program. Copied files are kept in `folder`. A lost device is looked for again, up to `retries`
    times.
    """

    runner: Text
    serial: Word | None = None
    adb: Text = "adb"
    folder: Text = "/data/local/tmp/etbench"
    retries: Retries = 3

    @property
    def identity(self) -> list[Any]:
        """The device; its runner is a file that may lie elsewhere tomorrow."""
        return [[self.kind, self.serial]]


class RayDevice(_Device, frozen=True, kw_only=True, tag="ray"):
    """The next free node of a Ray cluster.

    `pool` is the resource of which a node uses one unit while it measures. `address` is the cluster's, None
    to find it as Ray does; `platform` is `sys.platform` there, None if the same as here. If a node is lost,
    its cell is measured again on another one, up to `retries` times.
    """

    pool: Name = "device_pool"
    address: Text | None = None
    platform: str | None = None
    retries: Retries = 3

    @property
    def identity(self) -> list[Any]:
        """The kind of node."""
        return [[self.kind, self.pool]]


Device = HostDevice | SshDevice | AdbDevice | RayDevice
