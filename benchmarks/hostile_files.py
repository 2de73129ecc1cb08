"""Files that a stranger may put into a folder of results: damaged bytes, a changed structure, or no file.

They have the name of a result, of the log or manifest of a run, or of the description of a cached program.
"""

from __future__ import annotations

import functools
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

__all__ = [
    "LARGE",
    "SPECIAL",
    "VALUES",
    "Input",
    "bytes_of",
    "made",
    "run_files",
    "samples",
    "structure_of",
    "texts",
]

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = (  # with parity and delegation, a profile, an interleaved baseline; of older scripts
    "outputs/sample_sweep/resnet18_int8_xnnpack.json",
    "outputs/sample_profile/mobilenet_v2_int8_xnnpack.json",
    "outputs/sample_versions/new/tower_fp32_xnnpack.json",
    "outputs/sample_history/07/tower_fp32_xnnpack.json",
    "tests/data/flat_results/resnet18_int8_xnnpack.json",
)
DEEP = {f"@deep{depth}@": depth for depth in (70, 500, 2_000, 100_000)}  # written without recursion
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 0.0, -0.0, 0.5, 1e-320, 1e-12, 1e15, 1e300, -1e300),
    *(2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**64), 10**30, 10**400),
    *(float("nan"), float("inf"), -float("inf")),
    *("", " ", "a\nb", "a\tb", "0", "1e9", "ok", "wrong", "failed", "in turn", "etbench", "random"),
    *("\x1b[31mred", "\x00", "\x7f", "\u202eabc", "\ud800", "\udfff\ud800", "é" * 50, "x" * 3_000),
    *("../../../etc/passwd", "/dev/zero", "=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-2+3"),
    *("<script>alert(1)</script>", "| a | b |", "### passed", "[a](http://b)", "@team", "::error::x", "%s{}"),
    *("1970-01-01", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00", "now"),
    *([], {}, [[]], [{}], [0], [None], [1.0, "a"], {"": 0}, {"a": {"b": []}}, [[], [1.0]]),
    *DEEP,
)


@dataclass(frozen=True)
class Input:
    """One input: its kind, what was done, the function that puts it under a path, and its name."""

    kind: str
    what: str
    put: Callable[[Path], object]
    name: str = "input{}.json"


def samples() -> list[bytes]:
    """Return the files that are changed."""
    return [(ROOT / name).read_bytes() for name in SAMPLES]


def made(chance: random.Random, originals: list[bytes]) -> Input:
    """Make one input."""
    kind = chance.choices(list(KINDS), weights=[60, 25, 15])[0]
    return KINDS[kind](chance, originals)


def run_files(chance: random.Random) -> Input:
    """Make the event log or the manifest of a run, which is in a folder of its own."""
    name = chance.choice(list(RUNS))
    one = made(chance, [RUNS[name]()])
    return replace(one, kind="run", what=f"{name}: {one.what}", name=f"run{{}}/{name}")


def texts(chance: random.Random) -> str:
    """Make a text that can be an argument: any characters but a null, and bytes that are not UTF-8."""
    given = [value for value in VALUES if isinstance(value, str) and value not in DEEP]
    text = chance.choice([*given, *map(str, VALUES[:25]), *MORE_TEXTS])
    if chance.random() < 0.3:
        text += chance.choice(given)
    return text.encode("utf-8", "replace").decode().replace("\0", "\1").replace("?", "\udcff")


def structure_of(chance: random.Random, originals: list[bytes]) -> Input:
    """Change the structure of a result in one to three places; a list is written as lines, as a log is."""
    whole = json.loads(chance.choice(originals))
    done = [_change(chance, whole) for _ in range(chance.choice([1, 1, 1, 2, 3]))]
    text = "".join(f"{json.dumps(one)}\n" for one in whole) if isinstance(whole, list) else json.dumps(whole)
    for mark, depth in DEEP.items():
        text = text.replace(
            f'"{mark}"', chance.choice(["[" * depth + "]" * depth, '{"a":' * depth + "0" + "}" * depth])
        )
    if chance.random() < 0.1:
        name = chance.choice([*whole] if isinstance(whole, dict) and whole else ["kind"])
        text = text.replace(f'"{name}":', f'"{name}": {json.dumps(chance.choice(VALUES[:30]))}, "{name}":', 1)
        done.append(f"{name} twice")
    return Input("structure", "; ".join(done), lambda path: path.write_bytes(text.encode("utf-8", "replace")))


def _change(chance: random.Random, whole: Any) -> str:
    """Delete, replace, repeat or cut one value, at any depth; return what was done."""
    owner, key, where = chance.choice(list(_places(whole)) or [({}, "a", "a")])
    match chance.choice(["delete", "replace", "replace", "replace", "repeat", "cut", "swap", "add"]):
        case "delete":
            del owner[key]
            return f"{where} deleted"
        case "repeat" if isinstance(owner, list):
            owner.extend([owner[key]] * chance.choice([1, 2, 1_000]))
            return f"{where} repeated"
        case "cut" if isinstance(owner[key], list | str):
            owner[key] = owner[key][: chance.randrange(3)]
            return f"{where} cut"
        case "swap":
            other, name, elsewhere = chance.choice(list(_places(whole)))
            owner[key], other[name] = other[name], owner[key]
            whole_again(whole)
            return f"{where} swapped with {elsewhere}"
        case "add" if isinstance(owner, dict):
            owner[chance.choice(["", "x", "\x00", "é", "schema_version"])] = value = chance.choice(VALUES)
            return f"{where} beside {value!r:.40}"
    owner[key] = value = chance.choice(VALUES)
    return f"{where} is {value!r:.40}"


def whole_again(value: Any, seen: tuple[int, ...] = ()) -> None:
    """Cut a value that a swap put inside itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inner):
        if id(one) in (*seen, id(value)):
            value[key] = None
        else:
            whole_again(one, (*seen, id(value)))


def _places(value: Any, where: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Yield the owner, the key and the dotted name of each value; a list gives its first and last only."""
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = [(at, value[at]) for at in sorted({0, len(value) - 1}) if value]
    else:
        return
    for key, one in inner:
        name = f"{where}.{key}" if where else str(key)
        yield value, key, name
        yield from _places(one, name)


def bytes_of(chance: random.Random, originals: list[bytes]) -> Input:
    """Change the bytes of a result."""
    body = bytearray(chance.choice(originals))
    at, size = chance.randrange(len(body)), chance.choice([1, 2, 16, 500])
    what = chance.choice(
        ["cut off", "flipped", "inserted", "removed", "repeated", "digits", "nothing", "noise"]
    )
    match what:
        case "cut off":
            del body[at:]
        case "flipped":
            for _ in range(chance.choice([1, 3, 30])):
                body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        case "inserted":
            body[at:at] = chance.randbytes(size)
        case "removed":
            del body[at : at + size]
        case "repeated":
            body[at:at] = body[at : at + size] * chance.choice([1, 2, 500])
        case "digits":
            body[at:at] = chance.choice([b"9" * 30, b"9" * 5_000, b"e999", b".", b"-", b"0" * 400])
        case "nothing":
            body = bytearray(
                chance.choice([b"", b"{}", b"[]", b"null", b"0", b'""', b"\xef\xbb\xbf{}", b"\0" * 4_096])
            )
        case "noise":
            body = bytearray(chance.randbytes(size))
    content = bytes(body)
    return Input("bytes", what, lambda path: path.write_bytes(content))


def special(chance: random.Random, _: list[bytes]) -> Input:
    """Put something other than a result under its name; what takes long to read is tried once, elsewhere."""
    name = chance.choice([name for name in SPECIAL if name not in LARGE])
    return Input("special", name, SPECIAL[name])


def _socket(path: Path) -> None:
    place = os.open(path.parent, os.O_RDONLY)  # a path of a socket may have 107 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{place}/{path.name}")
    finally:
        os.close(place)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def _of_the_year_60000(path: Path) -> None:
    path.write_bytes(samples()[-1])
    os.utime(path, (2**41, 2**41))


def _unreadable(path: Path) -> None:
    path.write_bytes(samples()[0])
    path.chmod(0)


def _event_log() -> bytes:
    """Return the events of a run of two cells, of which one was not finished."""
    known = {
        "at": "2026-01-01T00:00:00Z",
        "pid": os.getpid(),
        "cell": "resnet18_fp32_xnnpack",
        "cell_id": "0",
    }
    about = {"weights": "random", "data": "photographs"}
    rounds = [
        {"kind": "round", "done": done, "of": 9, "p50_ms": 1.5, "round_ms": 1.4 + done / 10, **known}
        for done in range(1, 4)
    ]
    events = [
        {"kind": "cell_started", **known, **about},
        {"kind": "stage_started", "stage": "lower", **known},
        {"kind": "stage_finished", "stage": "lower", "seconds": 1.5, **known},
        *rounds,
        {"kind": "cell_finished", "status": "ok", "message": "good.json", "seconds": 9.0, **known},
        {"kind": "cell_started", **known, "cell_id": "1", "cell": "other", "host": "another"},
    ]
    return b"[" + b",\n".join(json.dumps(event).encode() for event in events) + b"]"


@functools.cache
def _manifest() -> bytes:
    from etbench.preflight.compose import compose
    from etbench.sweep.manifest import Manifest
    from etbench.system.strict_json import encode_json

    started = Manifest.of([compose([f"model={name}"]) for name in ("resnet18", "mobilenet_v2")])
    argv = ["-m", "model=resnet18,mobilenet_v2"]
    return encode_json(msgspec.structs.replace(started, argv=argv, seal=""))


@functools.cache
def _many_rounds() -> bytes:
    """Return a result with 100,000 rounds whose stability is not known yet."""
    raw = json.loads(samples()[3])
    chance = random.Random(0)
    rounds = [[chance.uniform(1, 2), chance.uniform(1, 2)] for _ in range(100_000)]
    facts = [raw["round_facts"][0] | {"block": number} for number in range(len(rounds))]
    return json.dumps(raw | {"rounds": rounds, "round_facts": facts, "stability": None}).encode()


SPECIAL: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a socket": _socket,
    "a folder": Path.mkdir,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to /dev/null": lambda path: path.symlink_to("/dev/null"),
    "a link to /dev/tty": lambda path: path.symlink_to("/dev/tty"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to /proc/kmsg": lambda path: path.symlink_to("/proc/kmsg"),
    "a link to /proc/self/mem": lambda path: path.symlink_to("/proc/self/mem"),
    "a link to a folder": lambda path: path.symlink_to("/"),
    "a terabyte": _sparse,
    "2 kB of brackets": lambda path: path.write_bytes(b"[" * 2_000),
    "10 MB of brackets": lambda path: path.write_bytes(b"[" * 10_000_000),
    "10 MB of objects": lambda path: path.write_bytes(b'{"a":' * 2_000_000),
    "100,000 rounds": lambda path: path.write_bytes(_many_rounds()),
    "of the year 60000": _of_the_year_60000,
    "unreadable": _unreadable,
}
LARGE = ("10 MB of brackets", "10 MB of objects", "100,000 rounds")
KINDS = {"structure": structure_of, "bytes": bytes_of, "special": special}
RUNS: dict[str, Callable[[], bytes]] = {"events.jsonl": _event_log, ".sweep/manifest.json": _manifest}
MORE_TEXTS = (
    *("..", "/", ".", "-", "--", "-1", "--help\n", "~", "~root", "$(id)", "`id`", "%", "*", "a" * 300),
    *(
        "a=b",
        "a>=1",
        "sqnr_db>=20",
        "sqnr_db>=1e999",
        ">=",
        "latency_p50_ms<=0.5x vs fp32",
        "a and",
        "[",
        "{",
    ),
    *("'", '"', "${oc.env:HOME}", "${a", "a,b", "range(1,9)", "null", "???", "/proc/self/mem", "/dev/full"),
)
