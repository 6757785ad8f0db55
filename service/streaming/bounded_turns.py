"""The turns of one partition, each as large as its transaction can be on the broker that is there (turn_size.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from service.streaming.job import SLICE, PartitionJob, Written
from service.streaming.producer import Destination
from service.streaming.turn_size import Foreseen, TurnSize

TURN_SCORES: Final = 8_000
"""Most score records of one turn; a backlog leaves one for every customer."""
TURN_RECORDS = 32_000
"""Most records of one turn: its computing must stay far below the transaction and session time-outs."""
_FOR_SCORES: Final = 4
"""Of a turn with both, a part in so many is left for scores."""
_BEYOND: Final = 2
"""So many times the records are taken that are expected to fill a turn: those that find no room go back."""
ALL_DATES: Final = 1 << 60
_FEWEST: Final = 16
"""Customers there has to be room for, or the turn is full: the next slice would be hardly worth its start."""


class BoundedTurns:
    """Of one partition. Call `begin`, `apply` and, once it is committed, `committed`; times are in seconds."""

    def __init__(self, job: PartitionJob, timeout_s: float, too_slow_before: int = 0) -> None:
        """As TurnSize takes it."""
        self._job = job
        self._foreseen = Foreseen()
        self._size = TurnSize(timeout_s, too_slow_before)
        self.most = 0
        """Bytes that the turn may write."""

    def begin(self, now_s: float) -> None:
        self.most = self._size.most(now_s)
        self._job.begin(self.most)

    async def apply(self, at_ends: Sequence[bool], *, with_scores: bool) -> tuple[int, bool]:
        """Applies what may be applied and fits; other partitions run in between. Returns how many records, and whether
        more may be waiting. `with_scores`: scores are to find room as well."""
        job, foreseen = self._job, self._foreseen
        limit = min(TURN_RECORDS, max(SLICE, _BEYOND * self.most // foreseen.record.size))
        limit = job.quarantine.turn_records(limit)
        taken = job.inbox.take(at_ends.__getitem__, limit)
        self.grant(len(taken))
        room = self.most - (self.most // _FOR_SCORES if with_scores and job.engine.scoreboard.waiting else 0)
        done, customer = 0, foreseen.customer.size
        while done < len(taken):
            left = room - self._foresee()
            if done and left < min(room // 2, _FEWEST * customer):
                break
            done += job.apply(taken[done : done + max(1, min(SLICE, left // customer))])
            await asyncio.sleep(0)
        job.inbox.put_back(taken[done:])
        return done, done < len(taken) or len(taken) == limit or job.carries_more

    def grant(self, records: int) -> None:
        """The turn goes over so many records; dates are looked at as far as there is room for what they may lead to. A
        backlog brings those of the days that it passes, of which few lead to anything: they are not held up."""
        foreseen = self._foreseen
        fit = self.most // (foreseen.decision.size + foreseen.customer.size)
        self._job.grant(records, fit if records < SLICE else ALL_DATES)

    def _foresee(self) -> int:
        """Bytes that the turn would write by now, without scores."""
        state, made, days = self._job.engine.waiting()
        foreseen = self._foreseen
        size = state * foreseen.customer.size + made * foreseen.decision.size + days * foreseen.day.size
        return size + self._job.waiting_bytes

    def scores(self) -> int:
        """Of how many customers the newest record finds room in what is left."""
        return max(1, min(TURN_SCORES, (self.most - self._foresee()) // self._foreseen.score.size))

    def committed(self, written: Written, sizes: Mapping[Destination, int], took_s: float, now_s: float) -> None:
        """The turn's transaction is committed, and took so long."""
        self._learn(written, sizes)
        self._size.committed(sum(sizes.values()), took_s, now_s)

    def _learn(self, written: Written, sizes: Mapping[Destination, int]) -> None:
        """What it has taken after all."""
        foreseen, job = self._foreseen, self._job
        outreach, decisions, scores, state, ledger = (
            sizes.get(to, 0) for to in (*job.destinations.values(), job.state, job.ledger)
        )
        foreseen.customer.learn(state, written.state)
        foreseen.decision.learn(outreach + decisions, written.made)
        foreseen.score.learn(scores, written.scores)
        foreseen.day.learn(ledger, written.days)
        foreseen.record.learn(sum(sizes.values()) - scores, written.processed)
