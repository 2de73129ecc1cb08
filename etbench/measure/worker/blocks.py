"""Rounds of all subjects in turn (interleaved), block by block, until each has all its rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from etbench.measure.protocol import (
    MeasurePart,
    MeasureRequest,
    in_turn,
)
from etbench.measure.worker.subject import RunningSubject, failing_alone
from etbench.stats.interval import location_interval
from etbench.stats.paired import paired_ratio
from etbench.stats.verdict import Levels

__all__ = ["Blocks"]


class Blocks:
    """Times the subjects in turn: each block is one round of every subject, in random order.

    A subject and its baseline are a team: they are in the same blocks to the end. The first block shows how
    long a round of each subject takes. Teams that are too slow then continue in separate blocks, so that the
    rounds of the quick ones stay close together in time.
    """

    def __init__(
        self, request: MeasureRequest, subjects: list[RunningSubject], send: Callable[[MeasurePart], None]
    ) -> None:
        self.send = send
        self.random = random.Random(request.seed)
        self.block_max_s = request.block_max_s
        bases = {subject.asked.base for subject in subjects}
        self.teams = [
            [subjects[subject.asked.base], subject] if subject.asked.base is not None else [subject]
            for subject in subjects
            if subject.number not in bases
        ]
        for team in self.teams:
            team[-1].progress.half_width = _half_width(team)
        for subject in subjects:
            subject.restore()
        done = [earlier for subject in subjects for earlier in subject.asked.done]
        self.block = max((earlier.round.block + 1 for earlier in done), default=0)
        self.reverse: list[RunningSubject] = []
        spent_s = max((earlier.round.started_s + earlier.seconds for earlier in done), default=0.0)
        self.begun = time.monotonic() - spent_s

    def run(self) -> None:
        """Time all rounds of all subjects."""
        self._end_finished(self.teams)  # had all their rounds when the connection was lost
        self._time_block([team for team in self.teams if _unfinished(team)])
        for team in self.teams:
            slow = max(subject.progress.round_s for subject in team) > self.block_max_s
            for subject in team:
                subject.slow = slow
        for slow in (False, True):
            while teams := [team for team in self.teams if team[0].slow is slow and _unfinished(team)]:
                self._time_block(teams)

    def _time_block(self, teams: list[list[RunningSubject]]) -> None:
        """Time a round of each member in random order; the next block of the same members reverses the order.

        After two blocks, the order and a steady drift have affected all members equally.
        """
        members = [subject for team in teams if _unfinished(team) for subject in team]
        order, self.reverse = self.reverse, []
        if {id(subject) for subject in order} != {id(subject) for subject in members}:
            order = self.random.sample(members, len(members))
            self.reverse = order[::-1]
        for subject in order:
            with failing_alone(subject, self.send):
                self.send(subject.time_round(self.block, self.begun))
        self.block += 1
        self._end_finished(teams)

    def _end_finished(self, teams: list[list[RunningSubject]]) -> None:
        for team in teams:
            _agree(team)
            if not _unfinished(team) and not any(subject.broken for subject in team):
                for subject in team:
                    if not subject.asked.over:
                        self.send(subject.end())


def _agree(team: list[RunningSubject]) -> None:
    """End a team for one reason: that of the subject with a baseline, or that a member has no time left.

    More rounds of a member that has time left would need rounds of the other in the same blocks.
    """
    ended = [subject.progress.stopped_by for subject in team]
    if "max_seconds" in ended or None not in ended:
        for subject in team:
            subject.progress.stopped_by = "max_seconds" if "max_seconds" in ended else ended[-1]


def _unfinished(team: list[RunningSubject]) -> bool:
    """Return whether a team needs more rounds; a team with a failed member does not."""
    if any(subject.broken for subject in team):
        return False
    return any(subject.progress.stopped_by is None for subject in team)


def _half_width(team: list[RunningSubject]) -> Callable[[], float | None]:
    """Return a function that returns the current half width of the last subject's interval."""
    new = team[-1].progress

    def alone() -> float | None:
        interval = location_interval([round_.samples_ms for round_ in new.rounds])
        return interval.half_width if interval else None

    def to_base() -> float | None:
        return paired_ratio(
            *in_turn(team[0].progress.rounds, new.rounds), confidence=Levels().strict(1)
        ).half_width

    return to_base if len(team) > 1 else alone
