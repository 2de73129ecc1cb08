"""Interleaved rounds of all subjects, block by block, until each has all its rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from etbench.measure.protocol import MeasurePart, MeasureRequest
from etbench.measure.worker.subject import RunningSubject, failing_alone
from etbench.measure.worker.team import Team

__all__ = ["Blocks"]


@dataclass(frozen=True)
class _Group:
    """A subject, after its baseline if it has one, and what decides about their rounds."""

    subjects: list[RunningSubject]
    team: Team

    @property
    def slow(self) -> bool:
        """Whether its rounds are in blocks of the slow ones."""
        return self.subjects[0].slow

    @property
    def broken(self) -> bool:
        """Whether one of the subjects has failed."""
        return any(subject.broken for subject in self.subjects)

    @property
    def unfinished(self) -> bool:
        """Whether more rounds are needed; not if one of the subjects has failed."""
        return not self.broken and self.team.stopped_by is None


class Blocks:
    """Times the subjects interleaved: each block is one round of every subject, in random order.

    A subject and its baseline are in the same blocks to the end. The first block shows how long a round of
    each subject takes. Those that are too slow then continue in separate blocks, so that the rounds of the
    quick ones stay close together in time.
    """

    def __init__(
        self, request: MeasureRequest, subjects: list[RunningSubject], send: Callable[[MeasurePart], None]
    ) -> None:
        self.send = send
        self.random = random.Random(request.seed)
        self.block_max_s = request.block_max_s
        self.decide_max_s = request.decide_max_s
        bases = {subject.asked.base for subject in subjects}
        self.groups = [
            _group([subjects[subject.asked.base], subject] if subject.asked.base is not None else [subject])
            for subject in subjects
            if subject.number not in bases
        ]
        done = [earlier for subject in subjects for earlier in subject.asked.done]
        self.block = max((earlier.round.block + 1 for earlier in done), default=0)
        self.reverse: list[RunningSubject] = []
        spent_s = max((earlier.round.started_s + earlier.seconds for earlier in done), default=0.0)
        self.begun = time.monotonic() - spent_s

    def run(self) -> None:
        """Time all rounds of all subjects."""
        self._end_finished()  # had all their rounds when the connection was lost
        self._time_block([group for group in self.groups if group.unfinished])
        for group in self.groups:
            slow = max(subject.progress.round_s for subject in group.subjects) > self.block_max_s
            for subject in group.subjects:
                subject.slow = slow
        for slow in (False, True):
            while groups := [group for group in self.groups if group.slow is slow and group.unfinished]:
                self._time_block(groups)

    def _time_block(self, groups: list[_Group]) -> None:
        """Time a round of each member in random order; the next block of the same members reverses the order.

        After two blocks, the order and a steady drift have affected all members equally.
        """
        members = [subject for group in groups for subject in group.subjects]
        order, self.reverse = self.reverse, []
        if {id(subject) for subject in order} != {id(subject) for subject in members}:
            order = self.random.sample(members, len(members))
            self.reverse = order[::-1]
        for subject in order:
            with failing_alone(subject, self.send):
                self.send(subject.time_round(self.block, self.begun))
        self.block += 1
        for group in groups:
            if not group.broken:
                _take_stock(group)
        self._end_extension()
        self._end_finished()

    def _end_extension(self) -> None:
        """End all comparisons that were looked at before, once these have taken all their common time."""
        taken_s = sum(group.team.extension_s for group in self.groups)
        if self.decide_max_s is None or taken_s < self.decide_max_s:
            return
        for group in self.groups:
            if group.unfinished and group.team.looks:
                group.team.stop("decide_max_s")

    def _end_finished(self) -> None:
        for group in self.groups:
            if not group.unfinished and not group.broken:
                for subject in group.subjects:
                    if not subject.over:
                        self.send(subject.end(group.team.looks))


def _group(subjects: list[RunningSubject]) -> _Group:
    """Return a group with the rounds that an earlier process measured."""
    team = Team([subject.progress for subject in subjects], subjects[-1].asked.decide)
    team.restore([subject.asked.done for subject in subjects])
    for subject in subjects:
        subject.broken |= subject.over and team.stopped_by is None
    return _Group(subjects, team)


def _take_stock(group: _Group) -> None:
    """Decide what follows; report once if there is too little time for a decision."""
    unplanned = group.team.plan is None
    group.team.take_stock()
    if unplanned and group.team.plan is not None and group.team.plan.note:
        group.subjects[-1].say("time", group.team.plan.note)
