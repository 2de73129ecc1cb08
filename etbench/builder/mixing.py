"""Mixed precision: rank the blocks of a model by what each costs in accuracy, and keep the first in fp32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import torch
from torch import Tensor
from torch.export import ExportedProgram

from etbench.artifact import MixedBlock, MixedBlocks
from etbench.builder.blocks import Block, blocks_of, parts_of
from etbench.builder.converting import Converter
from etbench.builder.replay import fidelity_db, finite, floats, replay
from etbench.errors import NotApplicableError
from etbench.precisions import cast_inputs
from etbench.text import and_more

__all__ = ["Mixing", "Ranking", "mix"]

RANKED_ON = 4  # calibration batches

Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Ranking:
    """The blocks of a model in a precision, the most sensitive first, and what is known of mixes of them.

    Args:
        blocks: each with the parity in dB of the model of which only this block is converted; infinite if
            that changes nothing.
        kept_db: the parity with the first k blocks in fp32, by k, as far as it was needed.

    """

    blocks: Sequence[tuple[Block, float]]
    kept_db: dict[int, float] = field(default_factory=dict)

    def patterns(self, count: int) -> list[str]:
        """Return the patterns of `keep_fp32` for the modules of the first blocks."""
        return [pattern for block, _ in self.blocks[:count] for pattern in block.patterns]

    def names(self, count: int) -> str:
        """Return the names of the first blocks."""
        return and_more((block.name for block, _ in self.blocks[:count]), 5)


@dataclass(frozen=True)
class Mixing:
    """What a mix is made from.

    Args:
        converter: of the model in the precision.
        ranked_on: batches on which the blocks are ranked.
        judged_on: those on which the parity of a mix is taken, which are those of the result.

    """

    converter: Converter
    ranked_on: Sequence[Batch]
    judged_on: Sequence[Batch]

    def rank(self) -> Ranking:
        """Rank the blocks; each runs alone in the precision, with all others in fp32."""
        converted = self.converter.convert()
        blocks = blocks_of(converted)
        batches = self._in_both(self.ranked_on[:RANKED_ON])
        wanted: dict[str, list[list[Tensor]]] = {block.name: [] for block in blocks}
        alone: dict[str, list[list[Tensor]]] = {block.name: [] for block in blocks}
        for run in replay(self.converter.program, converted, parts_of(blocks), batches):
            for name in run.parts.alone:
                wanted[name].append(run.outputs)
                alone[name].append(run.output_of(name))
        scores = {block: _db(wanted[block.name], alone[block.name]) for block in blocks}
        ranking = Ranking(sorted(scores.items(), key=lambda score: score[1]))
        if blocks and self.converter.precision.min_sqnr_db is not None:  # which asks first for none in fp32
            ranking.kept_db[0] = self.parity_db(converted)
        return ranking

    def parity_db(self, program: ExportedProgram) -> float:
        """Return the parity of a converted program with the fp32 one, both run by PyTorch."""
        original, other = self.converter.program.module(), program.module()
        batches = self._in_both(self.judged_on)
        with torch.no_grad():
            wanted = [floats(original(*batch)) for batch, _ in batches]
            found = [floats(other(*batch)) for _, batch in batches]
        return _db(wanted, found)

    def with_blocks(self, count: int, ranking: Ranking) -> ExportedProgram:
        """Return the program with the first blocks in fp32."""
        return self.converter.convert(ranking.patterns(count))

    def _in_both(self, batches: Sequence[Batch]) -> list[tuple[Batch, Batch]]:
        """Return each batch as the fp32 program takes it, and as the converted one does."""
        conversion = self.converter.conversion()
        return [(inputs, cast_inputs(conversion, inputs)) for inputs in batches]


def mix(mixing: Mixing, rankings: dict[bytes, Ranking]) -> tuple[ExportedProgram, MixedBlocks]:
    """Return the program in mixed precision, and which of its blocks are in fp32.

    Args:
        mixing: what it is made from.
        rankings: of this model by precision, to which the new one is added.

    Raises:
        NotApplicableError: of stage ``quantize`` if that would leave nothing to quantize, or the parity that
            is asked for is out of reach.

    """
    precision = mixing.converter.precision
    key = msgspec.json.encode([precision.target, precision.options], order="sorted")
    if key not in rankings:
        rankings[key] = mixing.rank()
    ranking = rankings[key]
    if not ranking.blocks:
        raise NotApplicableError(f"{precision.base} quantizes nothing of this model", stage="quantize")
    if precision.blocks is not None:
        count, program = precision.blocks, _with_blocks(precision.blocks, mixing, ranking)
    else:
        assert precision.min_sqnr_db is not None
        count, program = _reaching(precision.min_sqnr_db, mixing, ranking)
    if count not in ranking.kept_db:
        ranking.kept_db[count] = mixing.parity_db(program)
    blocks = [
        MixedBlock(name=block.name, modules=list(block.patterns), alone_db=finite(score), kept=place < count)
        for place, (block, score) in enumerate(ranking.blocks)
    ]
    return program, MixedBlocks(
        blocks=blocks, sqnr_db=finite(ranking.kept_db[count]), wanted_db=precision.min_sqnr_db
    )


def _with_blocks(count: int, mixing: Mixing, ranking: Ranking) -> ExportedProgram:
    total = len(ranking.blocks)
    if count >= total:
        raise NotApplicableError(
            f"precision.blocks={count} leaves nothing to quantize: the model has {total} blocks "
            f"({ranking.names(total)})",
            stage="quantize",
        )
    return mixing.with_blocks(count, ranking)


def _reaching(wanted_db: float, mixing: Mixing, ranking: Ranking) -> tuple[int, ExportedProgram]:
    """Return the least number of blocks in fp32 with this parity, by bisection, and the program.

    The parity is taken to rise with each block. If it does not, the mix that is found reaches it all the
    same, but one with fewer blocks may do so too.
    """
    programs: dict[int, ExportedProgram] = {}

    def reaches(count: int) -> bool:
        if count not in ranking.kept_db:
            programs.clear()  # one at a time, besides the one that is returned
            programs[count] = mixing.with_blocks(count, ranking)
            ranking.kept_db[count] = mixing.parity_db(programs[count])
        return ranking.kept_db[count] >= wanted_db

    least = 0
    if not reaches(least):
        # With one more block in fp32 the parity may be a little lower, so the most of them need not be best.
        most = next((count for count in range(len(ranking.blocks) - 1, 0, -1) if reaches(count)), None)
        if most is None:
            raise NotApplicableError(_out_of_reach(wanted_db, ranking), stage="quantize")
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if reaches(middle) else (middle, most)
        least = most
    return least, programs.get(least) or mixing.with_blocks(least, ranking)


def _out_of_reach(wanted_db: float, ranking: Ranking) -> str:
    wanted = f"precision.min_sqnr_db={wanted_db:g}"
    count, best = max(ranking.kept_db.items(), key=lambda item: item[1])
    if best == -math.inf:
        return f"{wanted}: the output of this model cannot be compared, so no mix is known to reach it"
    total = len(ranking.blocks)
    return (
        f"{wanted} is not reached: {best:.1f} dB is the best, with {count} of {total} blocks in fp32; "
        "with all of them it would be fp32"
    )


def _db(wanted: Sequence[Sequence[Tensor]], found: Sequence[Sequence[Tensor]]) -> float:
    """Return the SQNR over all batches; infinite if all are equal, and the opposite if it is not known."""
    if not wanted:
        return math.inf
    fidelity = fidelity_db(wanted, found)
    return -math.inf if fidelity is None else fidelity
