"""Draws the packages of etbench and their imports, as the sources have them, as an SVG.

Packages stand above those they import. An import that follows from others is left out: the picture has the
fewest arrows by which each package still reaches all that it imports. The layout is Sugiyama's: layers by the
longest way down, an invisible node wherever an arrow crosses a layer, neighbours close to one another.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from xml.sax.saxutils import escape

import networkx as nx

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from layers import HYDRA, LAYERS, package_graph  # noqa: E402

__all__ = ["picture"]

TOP = "etbench"
WIDTH, ROW, HEIGHT, MARGIN = 640, 66, 30, 28
LETTER, PADDING, GAP = 8.2, 20, 14  # pixels: of a letter, beside a name, between two nodes
SWEEPS = 12

Node = str | tuple[str, str, int]  # a package, or where the arrow between two crosses a layer
COLORS = {"torch": ("#fde8d7", "#b45309"), "hydra": ("#e3ecfb", "#1d4ed8"), "plain": ("#ffffff", "#57606a")}
WORDS = {"torch": "may import torch or ExecuTorch", "hydra": "may import Hydra", "plain": "neither"}


def picture() -> str:
    """Return the SVG."""
    graph = _packages()
    rows, edges = _layers(graph)
    _order(rows, edges)
    across = _positions(rows, edges)
    height = MARGIN * 2 + ROW * len(rows) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" font-family="system-ui, sans-serif" font-size="14">',
        "<title>The packages of etbench and their imports</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#6e7781"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#f6f8fa"/>',
    ]
    place = {node: (across[node], _middle(number)) for number, row in enumerate(rows) for node in row}
    for importer, imported in sorted(graph.edges):
        lines.append(_arrow([place[node] for node in _way(importer, imported, edges)]))
    for node, (x, y) in sorted(place.items(), key=lambda pair: (pair[1][1], pair[1][0])):
        if isinstance(node, str):
            lines.append(_box(node, x, y))
    lines += [*_legend(height), "</svg>"]
    return "\n".join(lines) + "\n"


def _packages() -> nx.DiGraph:
    """Return which package imports which, without the imports that follow from others."""
    graph = nx.DiGraph()
    graph.add_nodes_from(LAYERS)
    imports = package_graph(ROOT, TOP)
    for package in LAYERS:
        others = (name.removeprefix(f"{TOP}.") for name in imports.get(f"{TOP}.{package}", ()))
        graph.add_edges_from((package, other) for other in others if other in LAYERS)
    return nx.transitive_reduction(graph)


def _layers(graph: nx.DiGraph) -> tuple[list[list[Node]], dict[Node, list[Node]]]:
    """Return the rows from the top, and for each node those that it is joined to in the next row."""
    levels = list(nx.topological_generations(graph.reverse(copy=False)))  # by the longest way down
    depth = {node: level for level, nodes in enumerate(levels) for node in nodes}
    deepest = len(levels) - 1
    rows: list[list[Node]] = [[] for _ in range(deepest + 1)]
    for node in sorted(graph):
        rows[deepest - depth[node]].append(node)
    edges: dict[Node, list[Node]] = {node: [] for node in graph}
    for importer, imported in sorted(graph.edges):
        last: Node = importer
        for level in range(depth[importer] - 1, depth[imported], -1):
            bend = (importer, imported, level)
            rows[deepest - level].append(bend)
            edges[last].append(bend)
            edges[bend] = []
            last = bend
        edges[last].append(imported)
    return rows, edges


def _order(rows: Sequence[list[Node]], edges: Mapping[Node, list[Node]]) -> None:
    """Sort each row by the mean place of its neighbours, in sweeps down and up; keep what crosses least."""
    above: dict[Node, list[Node]] = {node: [] for node in edges}
    for node, others in edges.items():
        for other in others:
            above[other].append(node)
    best, fewest = [list(row) for row in rows], _crossings(rows, edges)
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else edges
        ordered = [(lower, upper) for upper, lower in pairwise(rows)]
        if sweep % 2:
            ordered = [(upper, lower) for lower, upper in reversed(ordered)]
        for row, fixed in ordered:
            place = {node: number for number, node in enumerate(fixed)}
            now = {node: number for number, node in enumerate(row)}
            row.sort(
                key=lambda node: fmean(
                    [place[other] / len(place) for other in neighbours[node]] or [now[node] / len(now)]
                )
            )
        if (count := _crossings(rows, edges)) < fewest:
            best, fewest = [list(row) for row in rows], count
    for row, kept in zip(rows, best, strict=True):
        row[:] = kept


def _crossings(rows: Sequence[Sequence[Node]], edges: Mapping[Node, list[Node]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {node: number for number, node in enumerate(lower)}
        ends = [(number, place[other]) for number, node in enumerate(upper) for other in edges[node]]
        count += sum(a < c and b > d for a, b in ends for c, d in ends)
    return count


def _width(node: Node) -> float:
    return len(node) * LETTER + PADDING if isinstance(node, str) else 4.0


def _positions(rows: Sequence[Sequence[Node]], edges: Mapping[Node, list[Node]]) -> dict[Node, float]:
    """Return the middle of each node: near its neighbours, in order, without overlap, inside the picture."""
    near: dict[Node, list[Node]] = {node: list(others) for node, others in edges.items()}
    for node, others in edges.items():
        for other in others:
            near[other].append(node)
    across = {node: (number + 1) * WIDTH / (len(row) + 1) for row in rows for number, node in enumerate(row)}
    for _ in range(SWEEPS * 4):
        for row in rows:
            wanted = [fmean([across[other] for other in near[node]] or [across[node]]) for node in row]
            across.update(zip(row, _apart(row, wanted), strict=True))
    left = min(x - _width(node) / 2 for node, x in across.items())
    right = max(x + _width(node) / 2 for node, x in across.items())
    return {node: x + (WIDTH - left - right) / 2 for node, x in across.items()}


def _apart(row: Sequence[Node], wanted: Sequence[float]) -> list[float]:
    """Return places close to the wanted ones at which the nodes of a row do not overlap."""
    half = [_width(node) / 2 for node in row]
    low, edge = [], MARGIN - GAP
    for want, size in zip(wanted, half, strict=True):
        low.append(max(want, edge + GAP + size))
        edge = low[-1] + size
    high, edge = [], WIDTH - MARGIN + GAP
    for want, size in zip(reversed(low), reversed(half), strict=True):
        high.append(min(want, edge - GAP - size))
        edge = high[-1] - size
    return high[::-1]


def _middle(row: int) -> float:
    return MARGIN + ROW * row + HEIGHT / 2


def _way(importer: str, imported: str, edges: Mapping[Node, list[Node]]) -> list[Node]:
    """Return the nodes that an arrow goes through."""
    bends = [node for node in edges if isinstance(node, tuple) and node[:2] == (importer, imported)]
    return [importer, *sorted(bends, key=lambda node: -node[2]), imported]


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    (x, y), (end_x, end_y) = points[0], points[-1]
    stops = [(x, y + HEIGHT / 2), *points[1:-1], (end_x, end_y - HEIGHT / 2 - 1)]
    path = f"M{stops[0][0]:.0f} {stops[0][1]:.0f}"
    for (x, y), (to_x, to_y) in pairwise(stops):
        half = (y + to_y) / 2
        path += f"C{x:.0f} {half:.0f} {to_x:.0f} {half:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{path}" fill="none" stroke="#8c959f" stroke-width="1.3" marker-end="url(#tip)"/>'


def _box(package: str, x: float, y: float) -> str:
    fill, stroke = COLORS[_kind(package)]
    width = _width(package)
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{width:.0f}" height="{HEIGHT}" '
        f'rx="6" fill="{fill}" stroke="{stroke}"/>'
        f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#1f2328">{escape(package)}</text>'
    )


def _kind(package: str) -> str:
    allowed = set(LAYERS[package])
    return "hydra" if allowed & set(HYDRA) else "torch" if allowed else "plain"


def _legend(height: int) -> list[str]:
    lines, x = [], float(MARGIN)
    for kind, words in WORDS.items():
        fill, stroke = COLORS[kind]
        y = height - MARGIN - 8
        lines += [
            f'<rect x="{x:.0f}" y="{y}" width="16" height="16" rx="3" fill="{fill}" stroke="{stroke}"/>',
            f'<text x="{x + 22:.0f}" y="{y + 13}" fill="#1f2328">{escape(words)}</text>',
        ]
        x += 46 + len(words) * 7.6
    return lines
