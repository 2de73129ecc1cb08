"""A folder that stands for a phone, and the `adb` that reaches it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

FAKE = Path(__file__).with_name("fake_adb.py")
SERIAL = "R58M12ABCDE"
PROPERTIES = {
    "ro.product.model": "Fairphone 5",
    "ro.build.version.release": "14",
    "ro.build.fingerprint": "Fairphone/FP5/FP5:14/UKQ1/123:user/release-keys",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.soc.model": "QCM6490",
}
FILES = {
    "proc/cpuinfo": "".join(f"processor\t: {cpu}\nFeatures\t: fp asimd i8mm\n\n" for cpu in range(4)),
    "proc/meminfo": "MemTotal:  7654321 kB\nMemFree:  1 kB\nMemAvailable:  1234567 kB\n",
    "proc/loadavg": "1.25 0.50 0.75 2/900 4321\n",
    "proc/stat": "cpu  100 50 200 4000 400 10 20 0 0 0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "sys/class/thermal/thermal_zone0/temp": "41500\n",
}
GETPROP = (
    '#!/bin/sh\nwhile IFS== read -r name value; do [ "$name" = "$1" ] && echo "$value"; done < {}\nexit 0\n'
)
CAT = "#!/bin/sh\nfor name; do /bin/cat {0}$name || exit 1; done\n"  # of /proc and /sys, and of nothing here
HEAD = '#!/bin/sh\nexec /usr/bin/head -n 1 "{}$3"\n'


@dataclass(frozen=True)
class FakePhone:
    """A folder with what the shell of a phone shows, and `adb` to be called instead of the real one."""

    folder: Path
    runner: Path

    @property
    def adb(self) -> Path:
        return self.folder / "adb"

    @property
    def store(self) -> Path:
        return self.folder / "data/local/tmp/etbench"

    @property
    def overrides(self) -> list[str]:
        """Make it the device of a cell."""
        return [
            *("device=adb", "runner=native", f"device.adb={self.adb}", f"device.runner={self.runner}"),
            f"device.folder={self.store}",
        ]

    def attach(self, devices: dict[str, str]) -> None:
        """Have these devices listed from now on, by serial, in these states."""
        listed = "".join(f"{serial}\t{state}\n" for serial, state in devices.items())
        (self.folder / "devices").write_text(listed)

    def calls(self) -> list[str]:
        """Return the calls of `adb` so far."""
        return (self.folder / "calls").read_text().splitlines()

    def running(self) -> list[psutil.Process]:
        """Return the processes of the runner that was sent."""
        found = psutil.process_iter(["cmdline", "status"])
        return [
            process
            for process in found
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and (process.info["cmdline"] or [""])[0].startswith(str(self.store))
        ]

    def lose_in_round(self, number: int) -> None:
        """Lose the device while it times its n-th round."""
        (self.folder / "loses").write_text(str(number))


def make_phone(folder: Path, runner: Path) -> FakePhone:
    """Make a phone in a new folder, with one device attached."""
    phone = FakePhone(folder, runner)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "properties").write_text("".join(f"{name}={value}\n" for name, value in PROPERTIES.items()))
    (folder / "bin").mkdir()
    for name, text in {
        "bin/getprop": GETPROP.format(folder / "properties"),
        "bin/cat": CAT.format(folder),
        "bin/head": HEAD.format(folder),
        "bin/nproc": "#!/bin/sh\necho 3\n",
        "adb": f'#!/bin/sh\nexec {sys.executable} -SE {FAKE} {folder} "$@"\n',
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    phone.attach({SERIAL: "device"})
    return phone
