"""Results commands on a stranger's files: each is shown or left out by name, and none stops a command.

The files and commands are those of `benchmarks/hostile.py`, which tries thousands.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hostile_commands import CACHE, COMMANDS, TEXTS, Case, entry_sample, run_case
from hostile_files import LARGE, SPECIAL, Input, bytes_of, made, samples, structure_of, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etbench.results.files.store import UnreadableError, read_result
from etbench.results.schema import Result

LIGHT = [name for name in COMMANDS if name not in ("report", "aggregate")]
SAMPLES = samples()
IN_TURN = SAMPLES[2]


def _raw(**changes: Any) -> dict[str, Any]:
    return msgspec.json.decode(IN_TURN) | changes


def _at(path: str, value: Any) -> Callable[[], dict[str, Any]]:
    def changed() -> dict[str, Any]:
        raw = _raw()
        *owners, last = path.split(".")
        owner: Any = raw
        for name in owners:
            owner = owner[name]
        owner[last] = value
        return raw

    return changed


REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "a latency of 0": (_at("latency_ms.avg", 0), "Expected `float` >= 1e-09"),
    "a negative latency": (_at("latency_ms.p50", -1.5), "Expected `float` >= 1e-09"),
    "an endless latency": (_at("latency_ms.max", 1e300), "Expected `float` <= 1000000000000.0"),
    "a bound of 0": (_at("latency_ms.p50_ci95_low", 0), "Expected `float` > 0.0"),
    "a negative sample": (_at("rounds", [[1.0, -1.0]]), "Expected `float` >= 1e-09 - at `$.rounds[0][1]`"),
    "an empty round": (_at("rounds", [[1.0], []]), "Expected `array` of length >= 1 - at `$.rounds[1]`"),
    "few facts": (lambda: _raw(round_facts=_raw()["round_facts"][:2]), "round_facts has 2 entries, but"),
    "few facts of the baseline": (_at("in_turn.base_facts", []), "in_turn.base_facts has 0 entries, but"),
    "no latency": (_at("latency_ms", None), "its status is ok, but latency_ms is null"),
    "65 bits": (_at("repeat", 2**64), "an integer has more than 64 bits"),
    "65 bits in the configuration": (
        _at("config.threads", 2**64),
        "config: an integer has more than 64 bits",
    ),
    "a negative size": (_at("artifact.pte_bytes", -1), "Expected `int` >= 0"),
    "a share of 2": (_at("parity.top1_agreement", 2), "Expected `float` <= 1.0"),
    "a later version": (_at("schema_version", 99), "schema version 99, but this etbench reads 1"),
    "a version that is a text": (_at("schema_version", "\x1b[31m" * 99), "schema version \\x1b[31m"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_result_that_cannot_be_one_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    change, reason = REFUSED[name]
    (path := tmp_path / "x.json").write_text(json.dumps(change()))  # msgspec writes no integer of 65 bits
    with pytest.raises(UnreadableError) as refused:
        read_result(path)
    assert reason in refused.value.message
    assert len(refused.value.message) < 400


def test_a_configuration_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    deep = b'"config":{"a":' + b"[" * 200 + b"]" * 200 + b","
    (path := tmp_path / "x.json").write_bytes(IN_TURN.replace(b'"config": {', deep, 1))
    with pytest.raises(UnreadableError, match="config: nested more than 64 levels deep"):
        read_result(path)


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    path = Path(bytes(tmp_path).decode() + "/\udcff\n\x1b[31m.json")
    with pytest.raises(UnreadableError) as refused:
        read_result(path)
    assert refused.value.message.startswith(f"{tmp_path}/\\udcff\\n\\x1b[31m.json: cannot be read")


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_that_has_the_name_of_a_result_stops_a_command(command: str, tmp_path: Path) -> None:
    inputs = [Input("special", name, put) for name, put in SPECIAL.items() if name not in LARGE]
    run = run_case(Case.of(tmp_path / "case", inputs), command)
    assert not run.wrong
    assert run.status != 2 or command in (
        "import",
        "baseline",
        "compare github",
        "compare",
        "diff",
        "trace",
        "graph",
    ), run.errors
    assert (
        command in ("import", "trace", "graph") or run.refused >= len(inputs) - 4
    )  # two are folders, and root can read any file


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_changed_result_is_shown_as_it_is_or_left_out_by_name(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    inputs = [chance.choice([structure_of, bytes_of])(chance, SAMPLES) for _ in range(8)]
    for command in ("show", chance.choice(LIGHT)):
        run = run_case(Case.of(tmp_path_factory.mktemp("tried") / "case", inputs), command)
        assert not run.wrong, (command, [one.what for one in inputs])


@pytest.mark.parametrize("command", CACHE)
def test_a_cache_with_hostile_entries_stays_one(command: str, tmp_path: Path) -> None:
    chance, entry = random.Random(command), entry_sample()
    inputs = [made(chance, [entry]) for _ in range(20)]
    assert not run_case(Case.of(tmp_path / "case", inputs, cached=True), command).wrong
    assert (tmp_path / "case" / "cache" / ".etbench-cache").exists()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_an_argument_is_used_or_refused(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    command, text = chance.choice([name for name in TEXTS if not name.startswith("run")]), texts(chance)
    case = Case.of(tmp_path_factory.mktemp("tried") / "case", [], text=text)
    assert not run_case(case, command).wrong, (command, text)


def test_every_sample_is_still_a_result(tmp_path: Path) -> None:
    for body in SAMPLES:
        (path := tmp_path / "x.json").write_bytes(body)
        assert isinstance(read_result(path), Result)
