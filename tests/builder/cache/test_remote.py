"""A remote cache: found by other machines, never trusted, and done without once it fails."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from entries import KEY, OTHER, put, take
from running import CONF, environment, etbench
from stores import CREDENTIALS, black_hole, cut_after, s3_server
from waiting import wait_for

from etbench.artifact import program_path, references_path
from etbench.artifact.sources import DataFile, Sources
from etbench.builder.cache import Cache, RemoteCache
from etbench.errors import ConfigError
from etbench.preflight.command_line import check_command_line
from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.system.files import sha256

S3 = "s3://shared/etbench"


@pytest.fixture(scope="module", autouse=True)
def _credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with an empty bucket."""
    with s3_server(tmp_path_factory.mktemp("moto") / "log") as (url, _):
        fsspec.filesystem("s3", endpoint_url=url).mkdir("shared")
        yield url


@dataclass(frozen=True)
class Store:
    """A remote and the machines that share it, in folders of their own."""

    url: str
    options: dict[str, Any]
    folder: Path

    def machine(self, name: str, timeout_s: float = 20) -> Cache:
        cache = Cache(self.folder / name, 10**9, RemoteCache(self.url, self.options, timeout_s))
        assert cache.writable()
        return cache

    @property
    def files(self) -> fsspec.AbstractFileSystem:
        return fsspec.url_to_fs(self.url, use_listings_cache=False, **self.options)[0]

    def names(self) -> list[str]:
        return [Path(name).name for name in self.files.find(self.url)]


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty remote of each kind."""
    if request.param == "file":
        (tmp_path / "shared").mkdir()
        return Store(f"file://{tmp_path}/shared", {}, tmp_path)
    url = f"{S3}/{tmp_path.name}"
    # moto may fail to answer who reads an object that is being overwritten.
    patient = {"retries": {"max_attempts": 8}}
    options = {"endpoint_url": request.getfixturevalue("endpoint"), "config_kwargs": patient}
    return Store(url, options, tmp_path)


def test_what_one_machine_built_another_takes_and_keeps(store: Store) -> None:
    built = put(store.machine("one"), KEY, b"program of one")
    other = store.machine("other")
    taken, folder = take(other, KEY)
    assert taken == built
    assert program_path(folder).read_bytes() == b"program of one"
    assert references_path(folder).read_bytes() == b"references"
    assert take(other, OTHER)[0] is None
    for name in store.names():
        store.files.rm(f"{store.url}/{name}")
    assert take(other, KEY)[0] == built, "it has its own copy"
    assert [entry.name for entry in other.entries()] == ["tiny_fp32_xnnpack"]
    assert take(store.machine("third"), KEY)[0] is None, "there was no other way that it came"


def test_machines_with_other_code_have_programs_of_their_own(store: Store, tmp_path: Path) -> None:
    """One file in the remote has the lists of a key; who has neither code gets neither program."""
    code = tmp_path / "seg.py"
    built = {}
    for text in ("LAYERS = 2", "LAYERS = 4444"):
        code.write_text(text)
        sources = Sources(data=[DataFile(root="/", path=str(code), sha256=sha256(code))])
        built[text] = put(store.machine(f"machine {len(text)}"), KEY, text.encode(), sources=sources)
    for text, artifact in built.items():
        code.write_text(text)
        taken, folder = take(store.machine(f"other {len(text)}"), KEY)
        assert taken == artifact
        assert program_path(folder).read_bytes() == text.encode()
    code.write_text("LAYERS = 16")
    assert take(store.machine("third"), KEY)[0] is None


def _change(field: str, value: object) -> Callable[[bytes], bytes]:
    def changed(body: bytes) -> bytes:
        manifest = msgspec.json.decode(body)
        (sidecar,) = manifest["entries"]
        inner = sidecar["artifact"] if field == "sha256" else sidecar
        inner[field] = value
        return msgspec.json.encode(manifest)

    return changed


def _flipped(body: bytes) -> bytes:
    return body[:2] + bytes([body[2] ^ 1]) + body[3:]


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "program flipped": (".pte", _flipped),
    "program truncated": (".pte", lambda body: body[:3]),
    "program missing": (".pte", lambda _: None),
    "references flipped": (".safetensors", _flipped),
    "manifest truncated": (".json", lambda body: body[:40]),
    "manifest of an older format": (".json", _change("format", 0)),
    "manifest of another key": (".json", _change("key", OTHER)),
    "manifest that leads elsewhere": (".json", _change("sha256", "../../../etc/passwd")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_counts_as_none_and_is_overwritten(damage: str, store: Store) -> None:
    built = put(store.machine("one"), KEY)
    suffix, spoil = DAMAGE[damage]
    (name,) = (name for name in store.names() if name.endswith(suffix))
    body = spoil(store.files.cat_file(f"{store.url}/{name}"))
    if body is None:
        store.files.rm(f"{store.url}/{name}")
    else:
        store.files.pipe_file(f"{store.url}/{name}", body)
    other = store.machine("other")
    taken, folder = take(other, KEY)
    assert taken is None
    assert list(folder.iterdir()) == [], "nothing damaged is handed out"
    put(other, KEY)
    assert take(store.machine("third"), KEY)[0] == built


def test_programs_of_pytorch_are_neither_sent_nor_taken(store: Store) -> None:
    """They may hold machine code, which is of one CPU, and of whoever may write to the bucket."""
    with zipfile.ZipFile(package := BytesIO(), "w") as file:
        file.writestr("model.so", "machine code")
    built = put(store.machine("one"), KEY, package.getvalue())
    assert store.names() == []
    put(store.machine("two"), KEY, b"program")
    digest = hashlib.sha256(b"program").hexdigest()
    sidecar = store.files.cat_file(f"{store.url}/{KEY}.v2.json").replace(
        digest.encode(), built.sha256.encode()
    )
    store.files.pipe_file(f"{store.url}/{KEY}.v2.json", sidecar)
    store.files.pipe_file(f"{store.url}/{built.sha256}.pte", package.getvalue())
    assert take(store.machine("other"), KEY)[0] is None


def test_two_that_write_the_same_key_at_once_leave_one_whole_entry(store: Store) -> None:
    bodies = [bytes([number]) * 100_000 for number in range(6)]
    machines = [store.machine(str(number)) for number in range(6)]
    writers = [
        threading.Thread(target=put, args=(machine, KEY, body, body[::-1]))
        for machine, body in zip(machines, bodies, strict=True)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    taken, folder = take(store.machine("other"), KEY)
    assert taken is not None
    assert program_path(folder).read_bytes() in bodies


def test_who_reads_while_others_write_the_same_key_gets_a_whole_entry(store: Store) -> None:
    first, stop = store.machine("first"), threading.Event()
    built = put(first, KEY, bytes(300_000))
    _, folder = take(first, KEY)

    def write() -> None:
        while not stop.is_set():
            first.put(KEY, "tiny", built, folder, lambda _: None)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        taken = [take(store.machine(f"reader{number}"), KEY)[0] for number in range(20)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert taken == [built] * 20
    assert not [name for name in store.names() if name.endswith(".part")]


def test_an_upload_that_is_cut_leaves_no_entry(endpoint: str, tmp_path: Path) -> None:
    url, told = f"{S3}/cut", []
    with cut_after(endpoint, 1_500_000) as line:
        cut = Store(url, {"endpoint_url": line}, tmp_path).machine("one")
        built = put(cut, KEY, bytes(1_000_000), bytes(2_000_000), told.append)
    store = Store(url, {"endpoint_url": endpoint}, tmp_path)
    assert len(told) == 1
    assert [name.partition(".")[2] for name in store.names()] == ["pte"], "the cut came in the middle"
    assert take(cut, KEY)[0] == built, "here it is"
    assert take(store.machine("other"), KEY)[0] is None
    put(store.machine("two"), KEY, bytes(1_000_000), bytes(2_000_000))
    assert take(store.machine("other"), KEY)[0] == built


def test_a_shared_disk_that_is_full_leaves_no_entry(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    store, told = Store(f"file://{tmp_path}/shared", {}, tmp_path), []
    cache = store.machine("one")
    put(cache, OTHER, bytes(5_000), bytes(200_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    taken, folder = take(cache, OTHER)
    assert taken is not None
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        cache.put(KEY, "tiny", taken, folder, told.append)  # links here, and copies there
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(told) == 1 and "too large" in told[0].lower()
    assert f"{KEY}.v2.json" not in store.names()
    assert take(store.machine("other"), KEY)[0] is None


def test_a_server_that_dies_is_told_once_and_left_alone(tmp_path: Path) -> None:
    told: list[str] = []
    with s3_server(tmp_path / "log") as (url, process):
        store = Store(S3, {"endpoint_url": url}, tmp_path)
        store.files.mkdir("shared")
        put(store.machine("one"), KEY)
        other = store.machine("other")
        process.kill()
        process.wait()
        assert take(other, KEY, told.append)[0] is None
        built = put(other, KEY, on_lost=told.append)
        assert take(other, KEY, told.append)[0] == built
        assert take(other, OTHER, told.append)[0] is None
    assert len(told) == 1
    assert told[0].startswith(f"the remote cache {S3} is disabled for the rest of this run: Could not")


def test_a_server_that_never_answers_holds_up_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    with black_hole() as (url, connections):
        cache = Store(S3, {"endpoint_url": url}, tmp_path).machine("one", timeout_s=1)
        readers = [
            threading.Thread(target=cache.remote.fetch, args=(f"{number:064x}", tmp_path, told.append))
            for number in range(40)  # more than the first few would try again by themselves
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert take(cache, KEY, told.append)[0] is None
        wait_for(lambda: connections)  # of those that were given up on before they came so far
        assert len(connections) < len(readers), "who waited for the first few found it lost"
    assert len(told) == 1
    assert told[0].startswith(f"the remote cache {S3} is disabled for the rest of this run: ")


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("s3://nowhere/x", {}, "bucket does not exist"),
        (S3, {"profile": "nobody"}, "nobody"),
        (S3, {"config_kwargs": {"colour": "blue"}}, "colour"),
    ],
    ids=["no bucket", "no credentials", "no such option"],
)
def test_other_trouble_is_told_once_too(
    url: str, options: dict[str, Any], expected: str, endpoint: str, tmp_path: Path
) -> None:
    told: list[str] = []
    cache = Store(url, options | {"endpoint_url": endpoint}, tmp_path).machine("one")
    take(cache, KEY, told.append)
    put(cache, KEY, on_lost=told.append)
    put(cache, OTHER, on_lost=told.append)
    assert len(told) == 1 and expected in told[0], told
    assert {entry.key for entry in cache.entries()} == {KEY, OTHER}


def test_a_shared_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    told: list[str] = []
    put(Store(f"file://{tmp_path}/mnt", {}, tmp_path).machine("one"), KEY, on_lost=told.append)
    assert len(told) == 1 and "No such file or directory" in told[0]
    assert not (tmp_path / "mnt").exists()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["cache.remote=shared/x"], r"cache\.remote=shared/x: "),
        (["cache.remote=s3://"], r"cache\.remote=s3://: "),
        (["cache.remote=s4://b"], r"not a scheme of fsspec \(did you mean 's3'\?\)"),
        (["cache.remote=s3://user:word@b/p"], r"cache\.remote: .* such as AWS_ACCESS_KEY_ID"),
        (["cache.remote=s3://b", "+cache.remote_options.secret=word"], r"cache\.remote_options\.secret: "),
        (
            ["cache.remote=s3://b", "+cache.remote_options.client_kwargs.aws_access_key_id=word"],
            r"cache\.remote_options\.client_kwargs\.aws_access_key_id: ",
        ),
        (
            ["cache.remote=s3://b", "+cache.remote_options.endpoint_url='http://user:word@h'"],
            r"cache\.remote_options\.endpoint_url: ",
        ),
        (["cache.remote=s3://b", "+cache.remote_options.SECRET=word"], r"cache\.remote_options\.SECRET: "),
        (
            ["cache.remote=s3://b", "+cache.remote_options.fallbacks=[{host: h}, {awsAPIKey: word}]"],
            r"cache\.remote_options\.fallbacks\.1\.awsAPIKey: ",
        ),
        (["cache.remote=s3://b", "cache.remote_timeout_s=0"], r"cache\.remote_timeout_s=0"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_remote_that_cannot_be_is_refused_before_any_work(overrides: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        check_command_line(["--config-dir", str(CONF), "model=tiny", *overrides])
    assert len(caught.value.faults) == 1
    assert "word" not in str(caught.value).replace("password", ""), "it is not even printed"


@pytest.mark.parametrize(
    ("scheme", "package", "install"), [("s3", "s3fs", "etbench[s3]"), ("gs", "gcsfs", "gcsfs")]
)
def test_a_package_that_is_missing_is_named(scheme: str, package: str, install: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None  # as if it was not there\n"
        f"from etbench.preflight.command_line import check_command_line\n"
        f"check_command_line(['cache.remote={scheme}://b/p'])"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True)
    assert f'pip install "{install}"' in done.stderr.splitlines()[-1]


def test_nothing_of_it_is_imported_unless_a_remote_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from etbench.engine.run import _cache\n"
        "import etbench.engine.phases\n"
        "from etbench.preflight.command_line import check_command_line\n"
        "from etbench.preflight.compose import compose\n"
        "from etbench.preflight.checks import missing_here\n"
        "check_command_line(['model=mobilenet_v2']); cell = compose(['model=mobilenet_v2'])\n"
        "assert not missing_here(cell) and _cache(cell).take('a' * 64, Path(), print) is None\n"
        "print('fsspec' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(ETBENCH_CACHE=str(tmp_path)),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n", done.stderr


def _run(cwd: Path, name: str, *overrides: str) -> tuple[subprocess.CompletedProcess[str], Result]:
    """Run one cell as on a machine of its own."""
    done = etbench(
        *("--config-dir", str(CONF), "model=tiny", "delegate=portable", "repeat=quick", "repeat.runs=3"),
        *(f"cache.dir={name}/cache", f"hydra.run.dir={name}/out", *overrides),
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ((_, result),), _ = read_results([cwd / name / "out"])
    return done, result


def test_a_run_takes_what_a_run_on_another_machine_has_built(endpoint: str, tmp_path: Path) -> None:
    remote = (f"cache.remote={S3}/{tmp_path.name}", f"+cache.remote_options.endpoint_url={endpoint}")
    _, built = _run(tmp_path, "one", *remote)
    done, taken = _run(tmp_path, "two", *remote)
    assert "taken from the cache" in done.stderr
    assert (built.from_cache, taken.from_cache) == (False, True)
    assert taken.artifact == built.artifact
    secret = CREDENTIALS["AWS_SECRET_ACCESS_KEY"].encode()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if secret in path.read_bytes()]


def test_a_run_whose_remote_is_gone_builds_here_and_says_so_once(tmp_path: Path) -> None:
    with black_hole() as (url, _):
        remote = (f"cache.remote={S3}", f"+cache.remote_options.endpoint_url={url}")
        done, result = _run(tmp_path, "one", *remote, "cache.remote_timeout_s=1")
    assert done.stderr.count("is disabled for the rest of this run: no answer within 1 s") == 1
    assert (result.status, result.from_cache) == ("ok", False)
    assert "is disabled" in (tmp_path / "one/out/events.jsonl").read_text()
    assert "Traceback" not in done.stderr and "Unclosed" not in done.stderr
