"""A secret in every place of a real run, and the files that it leaves."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

import pytest
from running import BRIEF, CONF, etbench

from etbench.errors import ConfigError
from etbench.preflight.command_line import check_command_line
from etbench.results.comparison.compare import compare_results
from etbench.results.files.store import read_results

SECRET = "planted-word-4711"


UNDECLARED = [
    *("passwd", "pwd", "auth", "apikey", "jwt", "bearer", "cookies", "pkey", "anything"),
    *("client_kwargs.token", "headers.Authorization", "storage.deep.er"),
]
QUERIES = ("?sig={}", "?X-Amz-Signature={}", "?token={}", "#access_token={}")
ELSEWHERE = {
    "+hydra.job.env_set.AWS_SECRET_ACCESS_KEY={}": "hydra.job.env_set.AWS_SECRET_ACCESS_KEY",
    "+evaluate.hf_token={}": "evaluate.hf_token",
    "+model.deep={{list:[{{password:{}}}]}}": "model.deep.list.0.password",
    "cache.remote_options.secret={}": "cache.remote_options.secret",  # without its +
}


def test_undeclared_options_of_a_remote_cache_are_refused_all_at_once() -> None:
    overrides = [f"+cache.remote_options.{name}={SECRET}" for name in UNDECLARED]
    _check_refused(
        ["cache.remote=https://h/p", *overrides], *(f"cache.remote_options.{n}" for n in UNDECLARED)
    )


def test_urls_with_a_query_are_refused() -> None:
    urls = {f"url{number}": f"https://h/p{one.format(SECRET)}" for number, one in enumerate(QUERIES)}
    overrides = [f"+evaluate.{name}='{url}'" for name, url in urls.items()]
    _check_refused(
        [f"cache.remote='{urls['url0']}'", *overrides], "cache.remote", *(f"evaluate.{n}" for n in urls)
    )


def test_a_secret_anywhere_is_refused_without_being_printed() -> None:
    _check_refused([text.format(SECRET) for text in ELSEWHERE], *ELSEWHERE.values())
    sweep = ["-m", f"+cache.remote_options.endpoint_url='https://h?{SECRET}',other"]
    _check_refused(sweep, "cache.remote_options.endpoint_url")
    tracker = ["tracking=mlflow", f"hydra.callbacks.mlflow.uri='https://me:{SECRET}@h'"]
    _check_refused(tracker, "hydra.callbacks.mlflow.uri")


def test_a_secret_in_a_yaml_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "_target_: tiny_models.tiny\nname: mine\ntype: cv\nrecommended: {runs: 5, warmup: 1}\n"
        f"api_key: {SECRET}\n"
    )
    _check_refused(["--config-dir", str(tmp_path), "model=mine"], "model.api_key")


def _check_refused(arguments: list[str], *expected: str) -> None:
    """Check that each of these places is named, once, and no secret."""
    own = [] if "--config-dir" in arguments else ["--config-dir", str(CONF), "model=tiny"]
    flags = [text for text in arguments if text == "-m"]
    with pytest.raises(ConfigError) as caught:
        check_command_line([*flags, *own, *(text for text in arguments if text not in flags)])
    faults = [fault for fault in caught.value.faults if "must not contain credentials" in fault]
    assert sorted(fault.partition(": ")[0] for fault in faults) == sorted(expected)
    assert SECRET not in str(caught.value)


def test_no_file_of_a_run_has_a_secret_and_a_strict_result_names_nobody(tmp_path: Path) -> None:
    """One run with secrets in all places that a reference to the environment can fill."""
    out = tmp_path / "out"
    done = etbench(
        *("--config-dir", str(CONF), "model=tiny", "delegate=portable", *BRIEF, "repeat.runs=3"),
        *(f"hydra.run.dir={out}", "privacy=strict", f"cache.dir={tmp_path / 'cache'}"),
        *("cache.remote=${oc.env:PLANTED_URL}", "cache.remote_timeout_s=2"),
        "+cache.remote_options.encoded='${oc.decode:${oc.env:PLANTED_FLAG}}'",
        "+cache.remote_options.client_kwargs.headers.jwt='${oc.env:PLANTED}'",
        "+hydra.job.env_set.MY_API_KEY='${oc.env:PLANTED}'",
        cwd=tmp_path,
        PLANTED=SECRET,
        PLANTED_FLAG="false",
        PLANTED_URL=f"http://me:{SECRET}@127.0.0.1:9/p?sig={SECRET}#{SECRET}",
    )
    assert done.returncode == 0, done.stderr
    assert "the remote cache http://127.0.0.1:9/p is disabled" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"config.yaml", "hydra.yaml", "overrides.yaml", "events.jsonl", "etbench.log"} <= {
        path.name for path in files
    }
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]

    ((path, result),), _ = read_results([out])
    body = path.read_text()
    assert result.status == "ok"
    for name in (platform.node(), str(tmp_path.parent), str(CONF.parent), str(Path.home())):
        assert f'"{name}' not in body and (len(name) < 6 or name not in body), name
    if (user := getpass.getuser()) != "root":
        assert f"/{user}" not in body
    assert result.environment.host.startswith("hidden-")
    assert result.config["cache"]["dir"] == "./cache"
    assert "privacy=strict" in result.command
    assert compare_results([result], [result], threshold=0.05).cells
