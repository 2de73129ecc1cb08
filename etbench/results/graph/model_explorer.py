"""A program's graph for Model Explorer: the graph itself, and what was measured as data of its nodes.

The formats are those of the package `ai-edge-model-explorer`, 0.1.34: a collection of graphs, and files of
node data, each of one measure. The id of a node is its name in the graph, as Model Explorer's own adapter for
PyTorch names nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from etbench.results.graph.program import Node, ProgramGraph
from etbench.text import shape_text

__all__ = ["GRAPH_ID", "graph_collection", "node_data"]

GRAPH_ID = "program"
PALE, STRONG = "#fff7e6", "#d55e00"  # from little to much
# Okabe & Ito's colours, light enough for the black names of nodes.
SHADES = ("#9fd0ee", "#f6cf80", "#8fd4bd", "#e8c4d8", "#c9e6f7", "#eeb38a")

Value = float | str


def graph_collection(graph: ProgramGraph) -> dict[str, Any]:
    """Return the graph, each operator with all that is known of it as attributes."""
    grouped = any(node.subgraph is not None for node in graph.nodes)
    about = {"cell": graph.cell, "measured": graph.result.created_at}
    if graph.profile:
        about["one inference with the profiler on"] = f"{graph.profile.execute_ms:.4g} ms"
    groups: dict[str, dict[str, str]] = {"": about}
    for part in graph.parts:
        if part.subgraph is not None:
            facts = {"operators": str(part.count)} | _time(part.mean_ms, part.share)
            groups[_group(part.runs_in, part.subgraph)] = facts
    nodes = [
        {
            "id": node.id,
            "label": _label(node.operator),
            "namespace": _namespace(node, grouped=grouped),
            "attrs": [{"key": key, "value": value} for key, value in _attributes(node).items()],
            "incomingEdges": [
                {"sourceNodeId": source, "sourceNodeOutputId": "0", "targetNodeInputId": str(number)}
                for number, source in enumerate(node.inputs or ())
            ],
            "outputsMetadata": [{"id": "0", "attrs": [_shape(node)]}] if node.shape else [],
        }
        for node in graph.nodes
    ]
    return {
        "label": graph.cell,
        "graphs": [{"id": GRAPH_ID, "nodes": nodes, "groupNodeAttributes": groups}],
    }


def node_data(graph: ProgramGraph) -> dict[str, dict[str, Any]]:
    """Return the data of the nodes, by a name for the file of each measure; none that was not measured.

    Model Explorer shows the last one that it loads.
    """
    nodes = graph.nodes
    found = {
        "runs_in": _names("runs in", nodes, lambda node: node.runs_in),
        "precision": _names("precision", nodes, lambda node: node.precision),
        "sqnr_db": _noise("SQNR (dB)", nodes, lambda layer: layer.sqnr_db),
        "sqnr_alone_db": _noise("SQNR, only this layer converted (dB)", nodes, lambda layer: layer.alone_db),
        "time_ms": _amounts("time (ms)", nodes, lambda node: node.mean_ms),
    }
    return {name: {GRAPH_ID: data} for name, data in found.items() if data["results"]}


def _amounts(
    name: str, nodes: Iterable[Node], value: Callable[[Node], float | None], *, good: bool = False
) -> dict[str, Any]:
    """Return numbers, the largest of them strong; or the smallest, if a large one is `good`."""
    ends = (STRONG, PALE) if good else (PALE, STRONG)
    return {
        "name": name,
        "results": {
            node.id: {"value": float(f"{found:.6g}")} for node in nodes if (found := value(node)) is not None
        },
        "gradient": [{"stop": stop, "bgColor": color} for stop, color in enumerate(ends)],
        "hideAggregatedStats": ["sum", "avg"] if good else ["avg"],
    }


def _noise(name: str, nodes: Iterable[Node], value: Callable[[Any], float | None]) -> dict[str, Any]:
    return _amounts(name, nodes, lambda node: value(node.layer) if node.layer else None, good=True)


def _names(name: str, nodes: Iterable[Node], value: Callable[[Node], str]) -> dict[str, Any]:
    """Return words, each with a colour."""
    words = {node.id: found for node in nodes if (found := value(node))}
    kinds = list(dict.fromkeys(words.values()))
    return {
        "name": name,
        "results": {
            key: {"value": word, "bgColor": SHADES[kinds.index(word) % len(SHADES)]}
            for key, word in words.items()
        },
        "showExpandedSummaryOnGroupNode": True,
        "showLabelCountColumnsInChildrenStatsTable": True,
    }


def _shape(node: Node) -> dict[str, str]:
    return {"key": "shape", "value": shape_text(node.shape)}


def _attributes(node: Node) -> dict[str, str]:
    layer = node.layer
    known = {
        "operator": node.operator,
        "module": node.module,
        "runs in": node.runs_in,
        "precision": node.precision,
        **_time(node.mean_ms, node.share),
        "operations": f"{node.flops / 1e9:.4g} GFLOP" if node.flops else "",
        "SQNR, only this layer converted": _db(layer.alone_db) if layer else "",
        "SQNR": _db(layer.sqnr_db) if layer else "",
        "why it is outside of the delegate": node.reason,
        "copy at a border": "yes" if node.border_copy else "",
    }
    return {key: value for key, value in known.items() if value}


def _time(mean_ms: float | None, share: float | None) -> dict[str, str]:
    known = {
        "time": "" if mean_ms is None else f"{mean_ms:.4g} ms",
        "share of the inference": "" if share is None else f"{share:.1%}",
    }
    return {key: value for key, value in known.items() if value}


def _db(value: float | None) -> str:
    return "" if value is None else f"{value:.4g} dB"


def _label(operator: str) -> str:
    """Return the name of an operator without its library and overload, such as ``convolution``."""
    library, _, rest = operator.partition(".")
    return rest.rpartition(".")[0] or library


def _namespace(node: Node, *, grouped: bool) -> str:
    """Return the groups that a node is shown in: its subgraph and, inside of it or without any, its modules.

    What a delegate left stands beside the subgraphs, in plain sight.
    """
    modules = "" if grouped and node.subgraph is None else node.module.replace("/", "_").replace(".", "/")
    group = "" if node.subgraph is None else _group(node.runs_in, node.subgraph)
    return "/".join(filter(None, [group, modules]))


def _group(delegate: str, subgraph: int) -> str:
    return f"{delegate} subgraph {subgraph}".replace("/", "_")
