"""The artifact cache: what is found again, what is refused, what goes first."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from entries import KEY, OTHER, put, take
from running import TESTS, environment

from etbench.artifact import program_path, references_path
from etbench.artifact.sources import DataFile, Sources
from etbench.builder.cache import Cache
from etbench.builder.cache.manifest import KEPT
from etbench.cli.main import main
from etbench.system.files import sha256
from etbench.system.locks import locked_where_possible


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(tmp_path / "cache", max_bytes=10**9)
    assert cache.writable()
    return cache


def test_what_was_put_is_taken_with_its_files(cache: Cache) -> None:
    artifact = put(cache, KEY)
    taken, folder = take(cache, KEY)
    assert taken == artifact
    assert program_path(folder).read_bytes() == b"program"
    assert references_path(folder).read_bytes() == b"references"
    assert take(cache, OTHER)[0] is None


def _flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def _older(path: Path) -> None:
    sidecar = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(sidecar | {"format": 0}))


def _pickled(path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple:
            return os.abort, ()

    path.write_bytes(pickle.dumps(Bomb()))


def _nested(path: Path) -> None:
    path.write_bytes(b'{"new": ' + b"[" * 100_000)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(elsewhere := path.parents[3] / path.name)
    path.symlink_to(elsewhere)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _of_another_key(path: Path) -> None:
    sidecar = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(sidecar | {"key": "../../../etc"}))


def _of_another_list(path: Path) -> None:
    sidecar = msgspec.json.decode(path.read_bytes())
    sidecar["artifact"]["sources"]["data"] = []
    path.write_bytes(msgspec.json.encode(sidecar))


DAMAGE = {
    "program flipped": ("model.pte", _flip),
    "program truncated": ("model.pte", lambda path: path.write_bytes(path.read_bytes()[:3])),
    "program empty": ("model.pte", lambda path: path.write_bytes(b"")),
    "program missing": ("model.pte", Path.unlink),
    "program a fifo": ("model.pte", _fifo),
    "program a link": ("model.pte", _link),
    "program a folder": ("model.pte", _folder),
    "references a fifo": ("reference.safetensors", _fifo),
    "references flipped": ("reference.safetensors", _flip),
    "sidecar truncated": ("entry.json", lambda path: path.write_bytes(path.read_bytes()[:40])),
    "sidecar missing": ("entry.json", Path.unlink),
    "sidecar of an older format": ("entry.json", _older),
    "sidecar a pickle": ("entry.json", _pickled),
    "sidecar nested": ("entry.json", _nested),
    "sidecar a fifo": ("entry.json", _fifo),
    "sidecar a link to a device": ("entry.json", lambda path: (path.unlink(), path.symlink_to("/dev/zero"))),
    "sidecar of another key": ("entry.json", _of_another_key),
    "list of code lost": ("entry.json", _of_another_list),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_removed_and_counts_as_none(damage: str, cache: Cache) -> None:
    put(cache, KEY, sources=_reading(Path(__file__)))
    name, spoil = DAMAGE[damage]
    (entry,) = cache.entries()
    (entry.folder / name).chmod(0o644)
    spoil(entry.folder / name)
    taken, folder = take(cache, KEY)
    assert taken is None
    assert list(folder.iterdir()) == [], "nothing damaged is handed out"
    assert not entry.folder.exists()
    artifact = put(cache, KEY, b"built again")
    assert take(cache, KEY)[0] == artifact


def _reading(file: Path) -> Sources:
    return Sources(data=[DataFile(root="/", path=str(file), sha256=sha256(file))])


def test_the_program_of_the_code_that_is_there_now_is_taken(cache: Cache, tmp_path: Path) -> None:
    code, told = tmp_path / "seg.py", []
    built = {}
    for text in ("LAYERS = 2", "LAYERS = 4444"):
        code.write_text(text)
        built[text] = put(cache, KEY, text.encode(), sources=_reading(code))
    for text in ("LAYERS = 2", "LAYERS = 4444", "LAYERS = 2"):
        code.write_text(text)
        taken, folder = take(cache, KEY)
        assert taken == built[text]
        assert program_path(folder).read_bytes() == text.encode()
        assert cache.find(KEY) == (taken, "")
    code.write_text("LAYERS = 16")
    (folder := tmp_path / "job").mkdir()
    assert cache.take(KEY, folder, pytest.fail, told.append) is None
    assert told == [f"{code} changed since"]
    assert cache.find(KEY) == (None, told[0])
    assert cache.take(OTHER, folder, pytest.fail, pytest.fail) is None, "it was never there"
    assert cache.verify() == []
    assert {entry.artifact.sha256 for entry in cache.entries()} == {one.sha256 for one in built.values()}


def test_a_key_keeps_the_programs_that_were_used_last(cache: Cache, tmp_path: Path) -> None:
    code = tmp_path / "seg.py"
    for number in range(KEPT + 2):
        code.write_text("#" * number)
        put(cache, KEY, sources=_reading(code))
        newest = max(cache.folder.glob("v*/*/*/entry.json"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1_000 + number, 1_000 + number)) if number < KEPT else None
    assert len(cache.entries()) == KEPT
    assert take(cache, KEY)[0] is not None
    code.write_text("")
    assert take(cache, KEY)[0] is None, "it was used longest ago"


def test_entries_of_an_older_version_are_removed(cache: Cache) -> None:
    for remove in (cache.clear, lambda: put(cache, KEY)):
        (older := cache.folder / "v1" / "aa" / KEY).mkdir(parents=True)
        (older / "entry.json").touch()
        remove()
        assert not older.exists()
        assert not (cache.folder / "v1").exists()
    assert len(cache.entries()) == 1


def test_verify_removes_what_is_damaged_and_keeps_the_rest(cache: Cache) -> None:
    put(cache, KEY)
    put(cache, OTHER)
    spoilt = next(entry for entry in cache.entries() if entry.key == KEY)
    _flip(spoilt.folder / "model.pte")
    assert cache.verify() == [spoilt.folder]
    assert [entry.key for entry in cache.entries()] == [OTHER]
    assert cache.verify() == []


def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=100_000)
    cache.writable()
    keys = [letter * 64 for letter in "abc"]
    for number, key in enumerate(keys):
        put(cache, key, bytes(100))
        sidecar = next(entry.folder / "entry.json" for entry in cache.entries() if entry.key == key)
        os.utime(sidecar, (1_000 + number, 1_000 + number))
    take(cache, keys[0])  # used just now
    sizes = {entry.bytes for entry in cache.entries()}
    limit = 2 * max(sizes)
    assert [entry.key for entry in cache.prune(limit)] == [keys[1]]
    assert {entry.key for entry in cache.entries()} == {keys[0], keys[2]}


def test_an_entry_that_does_not_fit_stays_as_the_only_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=1)
    for key in (KEY, OTHER):
        put(cache, key)
        assert [entry.key for entry in cache.entries()] == [key]


def test_a_clock_that_was_set_back_does_not_keep_old_entries_forever(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=10**9)
    keys = [letter * 64 for letter in "abc"]
    for key in keys[:2]:
        put(cache, key)
        sidecar = next(entry.folder / "entry.json" for entry in cache.entries() if entry.key == key)
        os.utime(sidecar, (4e9, 4e9))
    put(cache, keys[2])  # sees that the others were used in the future
    take(cache, keys[0])
    assert cache.entries()[0].key == keys[0]
    limit = 2 * max(entry.bytes for entry in cache.entries())
    assert [entry.key for entry in cache.prune(limit)] == [keys[1]]


def test_swapped_entries_count_as_none(cache: Cache) -> None:
    put(cache, KEY, b"program of one")
    put(cache, OTHER, b"program of other")
    one, other = (entry.folder for entry in sorted(cache.entries(), key=lambda entry: entry.key))
    for source, target in ((one, one.with_name("swap")), (other, one), (one.with_name("swap"), other)):
        source.rename(target)
    for key in (KEY, OTHER):
        taken, folder = take(cache, key)
        assert taken is None and not list(folder.iterdir())
    assert not cache.entries()


def test_pruning_takes_no_file_from_a_run_that_uses_it(cache: Cache) -> None:
    put(cache, KEY)
    _, folder = take(cache, KEY)
    assert len(cache.prune(0)) == 1
    assert program_path(folder).read_bytes() == b"program"


def test_a_key_that_is_a_path_is_refused(cache: Cache) -> None:
    with pytest.raises(ValueError, match="is not a valid artifact key"):
        take(cache, "../" * 20 + "abcd")


def test_one_builds_while_the_other_waits(cache: Cache) -> None:
    told, order = threading.Event(), []

    def second() -> None:
        with cache.building(KEY, told.set):
            order.append("second")

    with cache.building(KEY, lambda: order.append("must not wait")):
        other = threading.Thread(target=second)
        other.start()
        assert told.wait(300)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def _command(*arguments: str, cache: Cache) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "etbench", "cache", "--dir", str(cache.folder), *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True)


def test_the_commands_list_verify_prune_and_clear(cache: Cache) -> None:
    put(cache, KEY, sources=_reading(Path(__file__)))
    put(cache, OTHER)
    listed = _command("list", cache=cache)
    assert "your files" in listed.stdout
    assert listed.stdout.count("tiny_fp32_xnnpack") == 2
    assert KEY[:12] in listed.stdout
    assert _command("verify", cache=cache).returncode == 0
    _flip(cache.entries()[0].folder / "model.pte")
    spoilt = _command("verify", cache=cache)
    assert (spoilt.returncode, spoilt.stdout.count("damaged, removed")) == (1, 1)
    assert "removed 1 program," in _command("prune", "--max-gb", "0", cache=cache).stdout
    put(cache, KEY)
    assert _command("clear", cache=cache).stdout == "removed 1 program\n"
    assert cache.entries() == []


@pytest.mark.parametrize("size", ["-1", "nan", "inf"])
def test_a_size_that_is_none_is_bad_usage(
    size: str, cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cache", "--dir", str(cache.folder), "prune", "--max-gb", size])
    assert ended.value.code == 2
    assert f"--max-gb: {size}: expected a number of GB, 0 or more" in capsys.readouterr().err


def test_the_commands_import_no_torch(cache: Cache) -> None:
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "etbench",
        "cache",
        "--dir",
        str(cache.folder),
        "list",
    ]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "etbench.builder.cache" in imported
    assert not imported & {"torch", "executorch", "pandas", "altair"}


RACE = """
import random, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from entries import put, take
from etbench.cli.main import main
from etbench.artifact import program_path, references_path
from etbench.builder.cache import Cache

number, cache = int(sys.argv[3]), Cache(Path(sys.argv[1]), 10**9)
jobs = cache.folder.with_name(f"racer-{number}")
chance, end, found = random.Random(number), time.monotonic() + 3, 0
while time.monotonic() < end or found <= 10:
    key = chance.choice("abc") * 64
    match chance.choice(["put", "put", "take", "take", "take", "prune", "verify", "clear"]):
        case "put":
            body = key.encode() * 50 + str(number).encode() * chance.randrange(1, 9_999)
            put(cache, key, body, body[::-1], jobs=jobs)
        case "take":
            taken, folder = take(cache, key, jobs=jobs)
            files = list(folder.iterdir())
            if taken is None:
                assert not files, files
            else:
                body = program_path(folder).read_bytes()
                assert body.startswith(key.encode() * 50)
                assert references_path(folder).read_bytes() == body[::-1]
                found += 1
        case "prune":
            cache.prune(chance.randrange(100_000))
        case "verify":
            assert not cache.verify(), "nothing was ever damaged"
        case "clear":
            cache.clear()
print(found)
"""


def test_machines_that_share_it_without_locks_never_see_half_an_entry(cache: Cache) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(cache.folder), str(TESTS), str(number)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    for racer in racers:
        printed, trouble = racer.communicate(timeout=300)
        assert not trouble
        assert int(printed) > 10, "it hardly ever found something"
    assert list(cache.work.iterdir()) == [], "temporary folders were left behind"
    assert cache.verify() == []


def test_a_key_is_built_also_where_there_are_no_locks(tmp_path: Path) -> None:
    with locked_where_possible(tmp_path, lambda: pytest.fail("nobody has it")):  # a folder cannot be locked
        pass


def test_what_a_killed_process_left_goes_after_a_day(cache: Cache) -> None:
    old = [f".{name}-{number:032x}" for number, name in enumerate(("entry", "gone", "probe"))]
    kept = [f".entry-{'f' * 32}", "etbench-host-old", ".entry-notes", ".git-old"]
    for name in (*old, *kept):
        (cache.work / name).mkdir()
        (cache.work / name / "file").touch()
        if name != kept[0]:
            os.utime(cache.work / name, (1_000, 1_000))
    put(cache, KEY)
    assert {path.name for path in cache.work.iterdir()} == set(kept)


ADD_FOREVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from entries import put
from etbench.builder.cache import Cache

cache = Cache(Path(sys.argv[1]), max_bytes=200_000)
print("ready", flush=True)
for number in range(10**9):
    put(cache, f"{number % 7:064x}", str(number).encode() * 3_000)
"""


def test_a_process_that_is_killed_while_it_adds_leaves_no_half_entry(cache: Cache) -> None:
    chance = random.Random(0)
    for _ in range(5):
        command = [sys.executable, "-c", ADD_FOREVER, str(cache.folder), str(TESTS)]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            time.sleep(chance.random() / 10)
            process.kill()
        assert cache.verify() == []
    for path in cache.work.iterdir():
        os.utime(path, (1_000, 1_000))
    put(cache, KEY)
    assert take(cache, KEY)[0] is not None
    assert not list(cache.work.iterdir())


def test_a_disk_that_is_full_costs_no_entry(cache: Cache) -> None:
    put(cache, KEY)
    (full := cache.folder.parent / "file").touch()
    assert cache.take(KEY, full, pytest.fail) is None, "nothing can be written there"
    assert take(cache, KEY)[0] is not None
