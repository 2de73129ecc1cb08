"""A shell for the sshd of the tests that makes this host an arm64 machine, with real programs under qemu.

What the shell itself runs is this host's. Only the native runner is a program for arm64; qemu runs it with a
CPU that is chosen here, since its default one computes wrong results in int8.
"""

from __future__ import annotations

from pathlib import Path

QEMU = "qemu-aarch64 -cpu {cpu} -L /usr/aarch64-linux-gnu"
CPU = "cortex-a76"
UNAME = '#!/bin/sh\n[ "$1" = -m ] && echo aarch64 || exec /bin/uname "$@"\n'
SHELL = """#!/bin/sh
export PATH={bin}:$PATH ETBENCH_LOCKS={locks}
command=$(printf '%s' "$SSH_ORIGINAL_COMMAND" | sed 's#[^ "]*/etbench-runner #{qemu} &#')
exec sh -c "$command"
"""


def arm_shell(home: Path, *, cpu: str = CPU) -> Path:
    """Write the program that sshd runs instead of the user's shell, and return its path."""
    programs, locks = home / "bin", home / "locks"
    for folder in (programs, locks):
        folder.mkdir()
    shell = home / "shell"
    (programs / "uname").write_text(UNAME)
    shell.write_text(SHELL.format(bin=programs, locks=locks, qemu=QEMU.format(cpu=cpu)))
    for program in (programs / "uname", shell):
        program.chmod(0o755)
    return shell
