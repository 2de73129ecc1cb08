"""How often does `etbench diff` name a planted change first, and how often one that does not exist?

    python benchmarks/diff.py --trials 40

Each plant is a small network against the one without it: a convolution that is left undelegated, a
convolution that runs twice, a copy at the border of a subgraph; and the network against itself. A trial is a
number of blocks as `etbench diff` measures them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

from common import print_machine

from etbench.artifact import GraphOperator
from etbench.artifact.kinds import COPIES
from etbench.builder import build
from etbench.devices.host import turn_of
from etbench.engine.diff import BLOCKS, MODULE
from etbench.host.environment import available_cores
from etbench.measure import Subject
from etbench.measure.profile_rounds import ProfileBlock, ProfileRequest, Profiles
from etbench.measure.protocol import MeasureRequest
from etbench.preflight.compose import compose
from etbench.results.diff.parts import parts_of
from etbench.results.diff.profiled import from_blocks
from etbench.system.process import worker

HERE = Path(__file__).parent
CONF = HERE / "conf"
NOTHING = "nothing"
# The overrides of the changed program, and the part that must be named first.
CASES = {
    "undelegated": (("model=planted", "delegate=xnnpack_without"), "convolution"),
    "doubled": (("model=planted", "model.plant=doubled"), "convolution"),
    "copy": (("model=planted", "model.plant=copy"), COPIES),
    "same": (("model=planted",), NOTHING),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE)  # the builder finds planted.py there
    print_machine()
    print("| case | named first | trials | as it should be |\n|---|---|--:|--:|", flush=True)
    for case in args.cases:
        overrides, wanted = CASES[case]
        named = Counter(first_named(overrides, args.trials, args.blocks, args.seed))
        listed = ", ".join(f"{kind} {count}" for kind, count in named.most_common())
        print(f"| {case} | {listed} | {args.trials} | {named[wanted] / args.trials:.1%} |", flush=True)


def first_named(overrides: tuple[str, ...], trials: int, blocks: int, seed: int) -> list[str]:
    """Return the part that is named first in each trial."""
    with tempfile.TemporaryDirectory(prefix="etbench-") as name:
        (base, base_graph), (new, new_graph) = (
            program(Path(name) / str(number), one)
            for number, one in enumerate((("model=planted",), overrides))
        )
        measured = profiled([base, new], trials * blocks, seed)
    named = []
    for start in range(0, len(measured), blocks):
        part = measured[start : start + blocks]
        programs = [
            from_blocks(
                [block.rounds[number].samples_ms for block in part],
                [block.profiles[number] for block in part],
                graph,
            )
            for number, graph in enumerate((base_graph, new_graph))
        ]
        causes = [one for one in parts_of(*programs)[1] if one.cause]
        named.append(causes[0].kind if causes else NOTHING)
    return named


def program(folder: Path, overrides: tuple[str, ...]) -> tuple[Subject, list[GraphOperator]]:
    """Build a program, and return it as a subject, with the operators of its graph."""
    folder.mkdir()
    cell = compose(list(overrides), config_dir=CONF)
    artifact = build(cell.recipe, folder, log=folder / "log", on_event=lambda _: None)
    subject = Subject(
        folder=str(folder),
        repeat=cell.repeat,
        threads=available_cores(),
        logits_axis=None,
        log=str(folder / "log"),
    )
    return subject, artifact.operators


def profiled(subjects: list[Subject], blocks: int, seed: int) -> list[ProfileBlock]:
    """Profile subjects, interleaved."""
    request = ProfileRequest(
        measure=MeasureRequest(subjects=subjects, seed=seed, block_max_s=1e9, timeout_s=300.0),
        blocks=blocks,
        max_seconds=1e9,
    )
    with tempfile.TemporaryDirectory(prefix="etbench-") as name:
        log = Path(name) / "log"
        with (
            turn_of("host", "this machine", print),
            worker(MODULE, scratch=Path(name), log=log) as process,
        ):
            answer = process.ask(request, Profiles, log=log, on_event=lambda _: None, silence_s=600.0)
    return answer.blocks


if __name__ == "__main__":
    main()
