"""Which figure of `numerics=true` finds the layers that cost the accuracy?

    python benchmarks/layers.py

Each layer with weights, with its activation, is converted for real with all others in fp32: the parity of
that is what the layer costs. Printed is the rank correlation (Spearman) of the figures of `numerics=true`
with it, and of the increase of the cumulative noise from one layer to the next. Nothing is timed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from scipy.stats import spearmanr

HERE = Path(__file__).parent
MODELS = ("digits_spread", "residual")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS)
    args = parser.parse_args()
    sys.path.append(str(HERE))
    warnings.simplefilter("ignore")
    print(f"{'model':16} {'layers':>6} {'alone':>6} {'own':>6} {'increase':>9} {'cumulative':>11}")
    for model in args.models:
        true, figures = _study([f"model={model}", "precision=int8", "calibration.batches=4"])
        alone, own, increase, cumulative = (float(spearmanr(true, one).statistic) for one in figures.values())
        print(
            f"{model:16} {len(true):6} {alone:6.2f} {own:6.2f} {increase:9.2f} {cumulative:11.2f}", flush=True
        )


def _study(overrides: Sequence[str]) -> tuple[list[float], Mapping[str, list[float]]]:
    """Return what each layer costs for real, and the figures: alone, own, increase and cumulative."""
    from torch import nn

    from etbench.builder import upstream
    from etbench.builder.converting import Converter
    from etbench.builder.mixing import Mixing
    from etbench.builder.numerics import compare_layers
    from etbench.builder.pipeline import prepare
    from etbench.events import Stages
    from etbench.models.torchvision_ops import ensure_importable
    from etbench.precisions import Shown
    from etbench.precisions.skip import module_path, own_code
    from etbench.preflight.compose import compose

    ensure_importable()
    upstream.apply()
    recipe = compose(list(overrides), config_dir=HERE / "conf").recipe
    prepared = prepare(recipe, Stages(lambda _: None))
    batches = prepared.reference.batches
    shown = Shown(batches.calibration, recipe.calibration.observer)
    converter = Converter(recipe.precision, prepared.loaded.module, prepared.program, shown)
    mixing = Mixing(converter, batches.calibration, batches.references)
    numerics = compare_layers(prepared.program, batches.references, converter.convert(), batches.references)
    modules = dict(prepared.loaded.module.named_modules())
    groups: list[list[str]] = []  # a layer with weights, and what follows it up to the next one
    for layer in numerics.layers:
        if isinstance(modules[layer.name], (nn.Conv2d, nn.Linear)):
            groups.append([])
        if not list(modules[layer.name].children()):
            groups[-1].append(layer.name)
    paths = {module_path(node) for node in prepared.program.graph.nodes if node.op == "call_function"}
    leaves = [path for path in paths if not list(modules[path].children())]
    own_codes = [own_code(path) for path in paths if path not in leaves]
    true = [
        mixing.parity_db(converter.convert([*own_codes, *(path for path in leaves if path not in group)]))
        for group in groups
    ]
    by_name = {layer.name: layer for layer in numerics.layers}
    noise = {name: 10 ** (-(layer.sqnr_db or 200) / 10) for name, layer in by_name.items()}
    before = dict(zip(list(by_name)[1:], by_name, strict=False))
    figures = {
        "alone": [min(by_name[name].alone_db or 200 for name in group) for group in groups],
        "own": [by_name[group[0]].own_db or 200 for group in groups],
        "increase": [noise.get(before.get(group[0], ""), 0) - noise[group[-1]] for group in groups],
        "cumulative": [by_name[group[-1]].sqnr_db or 200 for group in groups],
    }
    return true, figures


if __name__ == "__main__":
    main()
