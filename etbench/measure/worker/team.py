"""A program and its baseline, or a program alone: one plan, one limit of time, and what ends the rounds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etbench.measure.protocol import Decide, Done, in_turn
from etbench.measure.worker.plan import Plan, plan_decision, plan_rounds
from etbench.measure.worker.progress import Progress, StoppedBy
from etbench.stats.interval import location_interval
from etbench.stats.looks import Look, looks_from
from etbench.stats.paired import paired_ratio
from etbench.stats.tails import TAILS, tail_bounds
from etbench.stats.verdict import Levels, judge_in_turn

__all__ = ["CHECK_EVERY", "Team"]

CHECK_EVERY = 5  # blocks between two checks of the interval of an adaptive repeat, or of a tail


class Team:
    """Decides after each block whether its members need another one; they have the same plan.

    Args:
        members: the program; or its baseline and then the program, which stay in the same blocks.
        question: what the comparison with the baseline must answer; None for a fixed number of rounds, or
            until the interval is as narrow as `repeat.target_ci`.

    """

    def __init__(self, members: Sequence[Progress], question: Decide | None = None) -> None:
        self.members = members
        self.new = members[-1]
        self.repeat = self.new.repeat
        self.question = question if len(members) > 1 else None
        self.looks: list[Look] = []  # those that were made
        self.plan: Plan | None = None
        self._schedule: list[Look] = []

    @property
    def stopped_by(self) -> StoppedBy | None:
        """What ended the rounds; None while there are more to come."""
        return self.new.stopped_by

    @property
    def extension_s(self) -> float:
        """The duration of all rounds after the first look."""
        if not self.looks:
            return 0.0
        return sum(sum(member.seconds[self.looks[0].blocks :]) for member in self.members)

    def restore(self, done: Sequence[Sequence[Done]]) -> None:
        """Repeat all decisions about the rounds that another process measured, given for each member."""
        by_block = [{earlier.round.block: earlier for earlier in rounds} for rounds in done]
        for block in sorted(set().union(*by_block)):
            present = [rounds[block] for rounds in by_block if block in rounds]
            for member, rounds in zip(self.members, by_block, strict=True):
                if block in rounds:
                    member.add(rounds[block].round, rounds[block].seconds)
            if len(present) == len(self.members):
                self.take_stock()

    def take_stock(self) -> None:
        """Decide after a block whether it was the last, and what the next one does."""
        if self.stopped_by:
            return
        if self.plan is None:
            self.plan = self._planned()
            for member in self.members:
                member.planned, member.samples = self.plan.rounds, self.plan.samples
        left_s = max(0.0, self.repeat.max_seconds - sum(member.spent_s for member in self.members))
        for member in self.members:
            member.left_s = left_s
        if reason := self._reason(self.plan, left_s):
            self.stop(reason)

    def stop(self, reason: StoppedBy) -> None:
        """End the rounds; a comparison that is cut short is looked at once more, with all that is left."""
        if self.question and reason in ("max_seconds", "decide_max_s"):
            self._look_for_the_last_time()
        for member in self.members:
            member.stopped_by = reason

    def _planned(self) -> Plan:
        """Plan the rounds by the mean duration of the members' first rounds."""
        count = len(self.members)
        start_s = sum(member.start_s for member in self.members) / count
        inference_s = sum(member.inference_s for member in self.members) / count
        if self.question is None:
            return plan_rounds(self.repeat, start_s, inference_s)
        return plan_decision(self.repeat, start_s, inference_s, family=self.question.family)

    def _reason(self, plan: Plan, left_s: float) -> StoppedBy | None:
        if self._too_late(plan, left_s):
            return "max_seconds"
        count, target = self._blocks, self.repeat.target_ci
        enough = count >= plan.rounds and self.new.spread_s >= self.repeat.spread_s
        if enough and not self._bounds_tail(count):
            return "max_rounds" if count >= self.repeat.max_rounds else None
        if self.question:
            return self._look(self.question, plan, count) if self.looks or enough else None
        if target is None:
            return "rounds" if enough else None
        if count >= self.repeat.max_rounds:
            return "max_rounds"
        if enough and count % CHECK_EVERY == 0:
            half_width = self._half_width()
            if half_width is not None and half_width <= target:
                return "target_ci"
        return None

    def _too_late(self, plan: Plan, left_s: float) -> bool:
        """Return whether the time is too short: for the warmup of a program alone, else for a whole block.

        A block that is cut short would have fewer samples of one program than of the other.
        """
        start_s = sum(member.start_s for member in self.members)
        if len(self.members) > 1:
            return left_s < start_s + plan.samples * sum(member.inference_s for member in self.members)
        return left_s <= start_s and not self.new.still_needed

    def _look(self, question: Decide, plan: Plan, count: int) -> StoppedBy | None:
        """Look at the comparison if it is time to."""
        if not self._schedule:
            self._schedule = looks_from(count, plan.most)
        due = self._schedule[len(self.looks)]
        if count < due.blocks:
            return None
        self.looks.append(due)
        _, judgement = judge_in_turn(
            *in_turn(self.members[0].rounds, self.new.rounds),
            threshold=question.threshold,
            family=question.family,
            levels=due.levels,
        )
        if judgement.decision != "undecided":
            return "decided"
        if len(self.looks) == len(self._schedule):
            return "rounds"
        for member in self.members:
            member.planned = self._schedule[len(self.looks)].blocks
        return None

    def _look_for_the_last_time(self) -> None:
        """Look at all blocks with the share of all looks to which it will not come."""
        rest = 1 - sum(look.share for look in self.looks)
        if self.looks and self.looks[-1].blocks == self._blocks:
            last = self.looks.pop()
            self.looks.append(msgspec.structs.replace(last, share=last.share + rest))
        else:
            self.looks.append(Look(blocks=self._blocks, share=rest))

    @property
    def _blocks(self) -> int:
        """The number of blocks that all members have."""
        of_each = [{round_.block for round_ in member.rounds} for member in self.members]
        return len(set.intersection(*of_each))

    def _bounds_tail(self, count: int) -> bool:
        """Return whether the samples of all members bound the percentile of `repeat.tail`, if any."""
        if self.repeat.tail is None:
            return True
        if count % CHECK_EVERY:
            return False
        samples = [[round_.samples_ms for round_ in member.rounds] for member in self.members]
        return all(tail_bounds(taken, TAILS[self.repeat.tail]) is not None for taken in samples)

    def _half_width(self) -> float | None:
        """Return the half width of the ratio, or of the latency if there is no baseline."""
        if len(self.members) > 1:
            medians = in_turn(self.members[0].rounds, self.new.rounds)
            return paired_ratio(*medians, confidence=Levels().strict(1)).half_width
        interval = location_interval([round_.samples_ms for round_ in self.new.rounds])
        return interval.half_width if interval else None
