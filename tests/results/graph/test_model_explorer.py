"""Model Explorer's own package takes the files: the fields of its classes, and its page shows the graph."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from running import status_of

from etbench.results.files.store import read_results, write_result
from etbench.results.graph.model_explorer import GRAPH_ID, graph_collection, node_data
from etbench.results.graph.program import program_graph
from etbench.results.schema import Result

# Its modules of data alone: the package itself imports torch.
READ = """
import dataclasses, importlib.util, json, sys, types
import dacite
found = importlib.util.find_spec("model_explorer")
package = types.ModuleType("model_explorer")
package.__path__ = list(found.submodule_search_locations)
sys.modules["model_explorer"] = package
from model_explorer import graph_builder, node_data_builder
collection, *files = [json.load(open(path)) for path in sys.argv[1:]]
graph = dacite.from_dict(graph_builder.GraphCollection, collection, dacite.Config(strict=True))
words = dacite.Config(strict=True, check_types=False)  # its type of a value is a number; its page takes words
for one in files:
    for key, data in one.items():
        data = dacite.from_dict(node_data_builder.GraphNodeData, data, words)
        json.loads(node_data_builder.ModelNodeData({key: data}).to_json_string())
print(len(graph.graphs[0].nodes))
"""


@pytest.mark.long
def test_its_classes_take_both_formats_without_an_unknown_field(profiled: Result, tmp_path: Path) -> None:
    graph = program_graph(profiled)
    files = {"graph": graph_collection(graph), **node_data(graph)}
    assert [*files] == ["graph", "runs_in", "precision", "sqnr_db", "sqnr_alone_db", "time_ms"]
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    read = [sys.executable, "-c", READ, *(str(tmp_path / name) for name in files)]
    assert subprocess.run(read, check=True, capture_output=True, text=True).stdout.split() == ["6"]


def test_data_are_of_nodes_and_edges_lead_from_node_to_node(profiled: Result) -> None:
    graph = program_graph(profiled)
    nodes = graph_collection(graph)["graphs"][0]["nodes"]
    ids = [node["id"] for node in nodes]
    data = {name: one[GRAPH_ID]["results"] for name, one in node_data(graph).items()}
    assert {name: set(one) <= set(ids) for name, one in data.items()} == dict.fromkeys(data, True)
    assert data["time_ms"]["cumsum"] == {"value": 4.0}
    assert data["runs_in"]["cumsum"]["value"] == "portable kernels"
    assert "relu" not in data["time_ms"], "it is fused"
    assert data["sqnr_alone_db"] == {"conv": {"value": 40.0}}
    edges = {(edge["sourceNodeId"], node["id"]) for node in nodes for edge in node["incomingEdges"]}
    assert edges == {
        *(("conv", "relu"), ("relu", "copy"), ("copy", "cumsum")),
        *(("cumsum", "conv_1"), ("conv_1", "add"), ("relu", "add")),
    }
    spaces = {node["id"]: node["namespace"] for node in nodes}
    assert spaces["add"] == "xnnpack subgraph 1/d/sum"
    assert spaces["cumsum"] == "", "beside the subgraphs"


def test_the_command_writes_all_files_says_what_is_missing_and_its_files_are_not_taken_for_results(
    profiled: Result, failed: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, broken = write_result(profiled, tmp_path, "a"), write_result(failed, tmp_path, "b")
    assert status_of("graph", str(path)) == 0
    said = capsys.readouterr()
    written = [Path(line) for line in said.out.splitlines()]
    assert {one.parent for one in written} == {tmp_path / "a.graph"}
    assert {one.name for one in written} >= {"graph.json", "time_ms.json", "partitions.svg"}
    assert all(one.stat().st_size for one in written)
    assert "model-explorer" in said.err
    assert len(read_results([tmp_path])[0]) == 2
    assert not read_results([tmp_path])[1]

    assert status_of("graph", str(broken), "-o", str(tmp_path / "none")) == 2
    assert status_of("graph", str(tmp_path)) == 2
    assert status_of("graph", str(path), "-o", str(path)) == 2
    said = capsys.readouterr()
    assert "no such op" in said.err
    assert "name one result file in it" in said.err
    assert "name another folder with --out" in said.err
    assert not (tmp_path / "none").exists()


@pytest.mark.long
@pytest.mark.needs("chromium")
def test_its_page_shows_the_graph_with_the_data(profiled: Result, tmp_path: Path, browser: Browser) -> None:
    assert status_of("graph", str(write_result(profiled, tmp_path, "a"))) == 0
    folder = tmp_path / "a.graph"
    data = ",".join(str(folder / f"{name}.json") for name in ("runs_in", "precision", "time_ms"))
    program = Path(sys.executable).with_name("model-explorer")
    arguments = [str(folder / "graph.json"), f"--node_data_paths={data}", "--no_open_in_browser"]
    server = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = next(line.strip() for line in server.stdout if line.startswith("http"))
        page = browser.new_page()
        page.goto(url)
        body = page.locator("body")
        expect(body).to_contain_text("resnet18 int8 xnnpack", timeout=60_000)
        expect(body).to_contain_text("time (ms)", timeout=60_000)
        expect(body).to_contain_text("cumsum", timeout=60_000)
        page.close()
    finally:
        server.kill()
        server.wait()
