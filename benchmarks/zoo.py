"""Write the coverage page of `experiment=zoo` from its results.

    python benchmarks/zoo.py outputs/zoo

Each model that failed is exported and lowered again by code written for its library alone, without etbench.
So the page separates the limits of ExecuTorch from those of etbench.
"""

from __future__ import annotations

import argparse
import inspect
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from etbench.results.files.store import read_results
from etbench.results.schema import Result

GIVEN_UP_S = 1_800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the sweep; README.md is written into it")
    parser.add_argument("--by-hand", metavar="MODEL", help=argparse.SUPPRESS)  # in a process of its own
    args = parser.parse_args()
    if args.by_hand:
        build_by_hand(json.loads(args.by_hand))
        return
    results = [result for _, result in read_results([args.folder])[0]]
    by_hand = {r.model_name: tried_by_hand(r.config["model"]) for r in results if r.status == "failed"}
    page = args.folder / "README.md"
    page.write_text(coverage_page(results, by_hand), encoding="utf-8")
    print(page)


def coverage_page(results: list[Result], by_hand: dict[str, str]) -> str:
    """Return the page: the share of models that ran, by family, and where the others failed.

    Args:
        results: results of the sweep.
        by_hand: for each model that failed, the error of the code without etbench; empty if that worked.

    """
    families: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        families[result.model_type].append(result)
    ok = sum(result.status == "ok" for result in results)
    possible = ok + sum(not error for error in by_hand.values())
    facts = results[0].environment
    versions = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    share = f"{ok / possible:.0%}" if possible else "none"
    lines = [
        "# The zoo: which models run through the generic sources",
        "",
        "Written by `python benchmarks/zoo.py` from the results of `python -m etbench -m experiment=zoo` in "
        "this folder: fp32 on XNNPACK, random weights. `repeat=quick` is one round per model: the "
        "times are only a first impression.",
        f"{facts.cpu}, {facts.available_cores} cores; {versions}.",
        "",
        f"**{ok} of {len(results)} ran, which is {share} of the {possible} that code written by hand can "
        "export and lower.**",
        "",
        "A model that ran was exported and lowered; the others were tried again by hand, without etbench.",
        "",
        "| model | status | p50 ms | `.pte` MB | parity dB | delegated | failed where and why, and by hand |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for family, members in sorted(families.items()):
        count = sum(result.status == "ok" for result in members)
        lines.append(f"| **{family}**, {count} of {len(members)} | | | | | | |")
        lines += [row(result, by_hand) for result in sorted(members, key=lambda r: r.model_name)]
    return "\n".join(lines) + "\n"


def row(result: Result, by_hand: dict[str, str]) -> str:
    """Return the table row of a model."""
    name, artifact, parity = result.model_name, result.artifact, result.parity
    if result.status != "ok" or result.latency_ms is None or artifact is None:
        why = result.reason
        if result.failure:
            why = f"{result.failure.stage}: {first_line(result.failure.message)}"
            why += f"; by hand: {by_hand[name] or 'works'}"
        return f"| {name} | {result.status} | | | | | {why.replace('|', '/')} |"
    sqnr = f"{parity.sqnr_db:.0f}" if parity and parity.sqnr_db is not None else "exact"
    if parity and not parity.exact and (parity.degenerate or parity.sqnr_db is None):
        sqnr = "n/a"
    delegation = artifact.delegation
    figures = (f"{result.latency_ms.p50:.3g}", f"{artifact.pte_bytes / 1e6:.1f}", sqnr)
    taken = f"{delegation.delegated_nodes} of {delegation.total_nodes}" if delegation else "unknown"
    return f"| {name} | ok | {' | '.join(figures)} | {taken} | {parity.note if parity else ''} |"


def first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:160]


def tried_by_hand(model: dict[str, Any]) -> str:
    """Build the model without etbench in a process of its own; return the error, or an empty text."""
    command = [sys.executable, __file__, ".", "--by-hand", json.dumps(model)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIVEN_UP_S)
    except subprocess.TimeoutExpired:
        return f"not finished within {GIVEN_UP_S} s"
    return "" if done.returncode == 0 else first_line("\n".join(done.stderr.strip().splitlines()[-1:]))


def build_by_hand(model: dict[str, Any]) -> None:
    """Export and lower a model of the zoo as one would by hand."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from etbench.models.torchvision_ops import ensure_importable

    ensure_importable()  # torchvision, which timm and transformers import too, needs it beside a CPU torch
    makers = {"torchvision": of_torchvision, "timm": of_timm, "transformers": of_transformers}
    module, example = makers[model["_target_"].split(".")[-2]](model)
    if model.get("part"):
        module = module.get_submodule(model["part"])
    with torch.no_grad():
        arguments, keywords = ((), example) if isinstance(example, dict) else ((example,), {})
        program = torch.export.export(module.eval(), arguments, keywords, strict=False)
        to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()


def of_torchvision(model: dict[str, Any]) -> tuple[Any, Any]:
    import torch
    import torchvision

    builder = torchvision.models.get_model_builder(model["id"])
    backbone = (
        {"weights_backbone": None} if "weights_backbone" in inspect.signature(builder).parameters else {}
    )
    size = model["image_size"] or 224
    return builder(weights=None, **backbone), torch.randn(1, 3, size, size)


def of_timm(model: dict[str, Any]) -> tuple[Any, Any]:
    import timm
    import torch

    module = timm.create_model(model["id"])
    return module, torch.randn(1, *module.pretrained_cfg["input_size"])


def of_transformers(model: dict[str, Any]) -> tuple[Any, Any]:
    import torch
    import transformers

    from etbench.models.transformers import TASKS

    config = transformers.CONFIG_MAPPING[model["id"]](**model["config"])
    config.use_cache = False
    module = getattr(transformers, TASKS[model["task"]][0]).from_config(config)
    part = module.get_submodule(model["part"]) if model["part"] else module
    size = model["image_size"] or getattr(config, "image_size", 224)
    ids = torch.ones(1, model["seq_len"], dtype=torch.int64)
    mels = (getattr(config, "num_mel_bins", 80), 2 * getattr(config, "max_source_positions", 500))
    example = {
        "input_ids": ids,
        "pixel_values": torch.randn(1, 3, size, size) if isinstance(size, int) else None,
        "input_values": torch.randn(1, 1024, 128)
        if hasattr(config, "max_length")
        else torch.randn(1, 16_000),
        "input_features": torch.randn(1, *mels),
    }
    return module, {part.main_input_name: example[part.main_input_name]}


if __name__ == "__main__":
    main()
