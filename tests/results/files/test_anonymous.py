"""Results for publication."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from etbench.artifact.sources import DataFile, Sources
from etbench.cli.main import main
from etbench.events import Failure
from etbench.measure.pass_results import ItemAnswers
from etbench.results.files import anonymous as module
from etbench.results.files.anonymous import anonymous
from etbench.results.files.store import read_results, write_result
from etbench.results.schema import Result
from etbench.results.tables.frames import to_frame

MakeResult = Callable[..., Result]
HOST = "workhorse.lab.example"
TRACEBACK = """Traceback (most recent call last):
  File "/home/Jane Doe/project x/net.py", line 3, in forward
  File "{here}/own/net.py", line 4, in forward
  File "/opt/venv/lib/python3.11/site-packages/torch/nn.py", line 5, in call
OSError: /home/jane/data.npz: on workhorse, at ../../jane/x and ~/y, file:///home/jane/z; 1/3 of aten::add
"""


@pytest.fixture
def private(make_result: MakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A failed cell of an ssh device, with names and paths wherever they may be."""
    monkeypatch.chdir(tmp_path)
    result = make_result(weights="/home/jane/weights.pt")
    return msgspec.structs.replace(
        result,
        environment=msgspec.structs.replace(result.environment, host=HOST, node="node-7.lab"),
        failure=Failure(
            stage="load",
            kind="OSError",
            message=f"{tmp_path}/a.npz, 10.0.0.17:22",
            hint="",
            traceback=TRACEBACK.format(here=tmp_path),
        ),
        command=["--config-dir", "/home/jane/conf", "calibration.images=/home/Jane Doe/pictures", "model=x"],
        evaluation_sources=Sources(
            data=[
                DataFile(root="~", path="thesis/labels.csv", sha256="0" * 64),
                DataFile(root=".", path="labels.csv", sha256="0" * 64),
            ]
        ),
        log_file="../../home/jane/etbench.log",
        config={
            "device": {"kind": "ssh", "host": "jane@10.0.0.17", "options": ["-p", "2222"], "retries": 3},
            "cache": {"dir": "/home/jane/.cache", "max_gb": 20.0, "remote_options": {"pwd": "hunter2"}},
            "calibration": {"images": f"{tmp_path}/images", "npz": None},
        },
    )


def test_nobody_is_named(private: Result) -> None:
    body = msgspec.json.encode(anonymous(private)).decode()
    for word in (
        "jane",
        "Jane",
        "Doe",
        "workhorse",
        "node-7",
        "10.0.0.17",
        "thesis",
        "project x",
        "2222",
        "hunter2",
    ):
        assert word not in body
    assert platform.node() not in body


def test_what_is_below_the_working_folder_or_a_package_stays(private: Result) -> None:
    found = anonymous(private)
    assert found.failure is not None
    assert found.failure.message.startswith("./a.npz, ")
    assert '"./own/net.py", line 4' in found.failure.traceback
    assert "1/3 of aten::add" in found.failure.traceback
    assert found.config["calibration"] == {"images": "./images", "npz": None}
    assert found.evaluation_sources is not None
    assert found.evaluation_sources.data[1].path == "labels.csv"
    assert found.command[-1] == "model=x"
    assert found.rounds == private.rounds


def test_results_of_one_host_stay_comparable(private: Result, make_result: MakeResult) -> None:
    other = make_result(weights="/home/jane/others.pt")
    one, same, another = map(anonymous, (private, private, other))
    assert one == same
    assert one.environment.host == same.environment.host != another.environment.host
    assert one.weights != another.weights, "two checkpoints are still two"
    frames = to_frame([private, other]), to_frame([one, another])
    pairing = ["cell_id", "model", "precision", "delegate", "inputs", "threads", "runner", "machine"]
    assert frames[0][pairing].equals(frames[1][pairing])
    assert anonymous(one) == one, "there is nothing left to hide"


def test_a_word_that_a_host_is_named_after_stays_a_word(make_result: MakeResult) -> None:
    result = make_result()
    named = msgspec.structs.replace(result.environment, host="random")
    found = anonymous(msgspec.structs.replace(result, environment=named))
    assert found.weights == "random"
    assert found.environment.host.startswith("hidden-")


def test_which_items_were_right_stays_known(make_result: MakeResult) -> None:
    answers = ItemAnswers.of(np.ones(24, bool), "a" * 64)
    assert answers.correct.startswith("/"), "as a path does"
    result = make_result(evaluation={"top1": 1.0}, evaluation_items={"top1": answers})
    assert anonymous(result).evaluation_items == {"top1": answers}


def test_export_writes_results_that_can_be_published(
    private: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(msgspec.structs.replace(private, pte_file="a.pte"), tmp_path / "own", "a")
    out = tmp_path / "public"
    assert main(["export", "--anonymous", "--format", "results", str(tmp_path / "own"), "-o", str(out)]) == 0
    ((path, found),), _ = read_results([out])
    assert (path.name, found.pte_file, found.log_file) == ("resnet18_fp32_xnnpack.json", None, None)
    assert found.cell_id == private.cell_id
    assert main(["export", "--anonymous", str(tmp_path / "own")]) == 0
    text = capsys.readouterr().out
    assert "hidden-" in text
    assert "workhorse" not in text + path.read_text()
    assert main(["export", "--format", "results", str(tmp_path / "own")]) == 2
    assert "add --out DIR" in capsys.readouterr().err


def test_what_each_round_repeats_is_looked_at_once(private: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporting a result with 100,000 rounds took 16 s."""
    texts: list[str] = []
    looked = module._Hiding._hidden_in
    monkeypatch.setattr(
        module._Hiding, "_hidden_in", lambda self, text: texts.append(text) or looked(self, text)
    )
    anonymous(private)
    assert len(texts) == len(set(texts)) > 100
