"""Mixed precision: how much of the best front do the mixes have that the ranking of the blocks finds?

    python benchmarks/mixing.py

For each small model, every subset of its blocks is kept in fp32, converted and compared with fp32 in PyTorch.
The exhaustive front is that of all subsets; the found one is that of `precision.blocks=0,1,2,…`. A front is
measured by its hypervolume: parity in dB above the lowest one, against the share of the weights, or of the
multiply-accumulates, that stay in float. `per w.` is the front of another order: by what a block costs for
each of its weights. Nothing is lowered or timed, so the figures are the same each time.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

HERE = Path(__file__).parent
FEW = "calibration.batches=3"  # each subset is calibrated anew
MODELS = ("digits_spread", "digits model.weights=random", "residual")


@dataclass(frozen=True)
class Mix:
    """The parity of a mix, and what it costs: shares of weights and multiply-accumulates in float."""

    sqnr_db: float
    weights: float
    macs: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS, help="overrides of the command line, quoted")
    parser.add_argument("--precision", default="int8")
    args = parser.parse_args()
    sys.path.append(str(HERE))
    warnings.simplefilter("ignore")
    print(f"{'':52} {'by weights':>19} {'by MACs':>19}")
    print(f"{'model':28} {'blocks':>6} {'builds':>10} {'share':>6}" + f" {'ranking':>9} {'per w.':>9}" * 2)
    for model in args.models:
        _study([f"model={model.split()[0]}", *model.split()[1:], f"precision={args.precision}", FEW])


def _study(overrides: Sequence[str]) -> None:
    orders, by_subset = _mixes(overrides)
    name = " ".join(overrides[:-2]).removeprefix("model=")
    blocks = len(orders[0])
    least = min(mix.sqnr_db for mix in by_subset.values())
    ratios = []
    for cost in ("weights", "macs"):
        best = hypervolume([(getattr(mix, cost), mix.sqnr_db) for mix in by_subset.values()], least)
        for order in orders:
            found = [by_subset[tuple(sorted(order[:count]))] for count in range(blocks)]
            ratios.append(hypervolume([(getattr(mix, cost), mix.sqnr_db) for mix in found], least) / best)
    builds = f"{blocks} of {len(by_subset)}"
    shares = " ".join(f"{ratio:9.1%}" for ratio in ratios)
    print(f"{name:28} {blocks:6} {builds:>10} {blocks / len(by_subset):6.1%} {shares}", flush=True)


def _mixes(overrides: Sequence[str]) -> tuple[Sequence[list[int]], dict[tuple[int, ...], Mix]]:
    """Return two orders of the blocks, and the mixes of all subsets of them but that of all.

    The first order is that of the ranking, the second is by what a block costs for each of its weights.
    """
    from etbench.builder import upstream
    from etbench.builder.converting import Converter
    from etbench.builder.mixing import Mixing
    from etbench.builder.pipeline import prepare
    from etbench.builder.quantization import count_quantized
    from etbench.events import Stages
    from etbench.models.torchvision_ops import ensure_importable
    from etbench.precisions import Shown
    from etbench.preflight.compose import compose

    ensure_importable()
    upstream.apply()
    recipe = compose(list(overrides), config_dir=HERE / "conf").recipe
    prepared = prepare(recipe, Stages(lambda _: None))
    batches = prepared.reference.batches
    shown = Shown(batches.calibration, recipe.calibration.observer)
    converter = Converter(recipe.precision, prepared.loaded.module, prepared.program, shown)
    mixing = Mixing(converter, batches.calibration, batches.references[1 if batches.derived else 0 :])
    ranking = mixing.rank()
    order = [block for block, _ in ranking.blocks]

    def mixed(kept: Iterable[int]) -> Mix:
        program = converter.convert([pattern for place in kept for pattern in order[place].patterns])
        quantized = count_quantized(program)
        return Mix(
            mixing.parity_db(program), 1 - (quantized.weights_share or 0), 1 - (quantized.macs_share or 0)
        )

    places = range(len(order))
    subsets = [kept for count in places for kept in combinations(places, count)]
    by_subset = {kept: mixed(kept) for kept in subsets}
    gains = [
        10 ** (-score / 10) / max(by_subset[(place,)].weights, 1e-9)
        for place, (_, score) in enumerate(ranking.blocks)
    ]
    per_weight = sorted(places, key=lambda place: -gains[place])
    return (list(places), per_weight), by_subset


def hypervolume(points: Iterable[tuple[float, float]], least_db: float, most_cost: float = 1.0) -> float:
    """Return the area that points of cost and parity dominate, up to a cost and from a parity on.

    >>> hypervolume([(0.0, 10.0), (0.5, 20.0)], least_db=10.0)
    5.0
    """
    area, best, reached = 0.0, least_db, 0.0
    for cost, db in [*sorted(points), (most_cost, least_db)]:
        area += (cost - reached) * (best - least_db)
        best, reached = max(best, db), cost
    return area


if __name__ == "__main__":
    main()
