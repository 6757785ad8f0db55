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
TURN_DATES: Final = 64_000
"""Most dates of one turn that come up before its records, whatever they lead to: for as long as that takes nothing else
runs. Few turns of a backlog have as many."""
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
        self._room = 0
        """The same without what is left for scores."""
        self._looked_at = 0
        """Dates that had come up before the turn."""

    def begin(self, now_s: float) -> None:
        self.most = self._size.most(now_s)
        self._job.begin(self.most)
        self._looked_at = self._job.looked_at

    async def apply(self, at_ends: Sequence[bool], *, with_scores: bool) -> tuple[int, bool]:
        """Applies what may be applied and fits; other partitions run in between. Returns how many records, and whether
        more may be waiting. `with_scores`: scores are to find room as well."""
        job, foreseen = self._job, self._foreseen
        limit = min(TURN_RECORDS, max(SLICE, _BEYOND * self.most // foreseen.record.size))
        limit = job.quarantine.turn_records(limit)
        taken = job.inbox.take(at_ends.__getitem__, limit)
        self._room = room = self.most - (
            self.most // _FOR_SCORES if with_scores and job.engine.scoreboard.waiting else 0
        )
        late = self.grant(len(taken))
        done, customer = 0, foreseen.customer.size
        while done < len(taken):
            left = room - self._foresee()
            if done and left < min(room // 2, _FEWEST * customer):
                break
            if not late:
                job.bound(max(done == 0, self._fit(left)), self._more_dates)
            piece = taken[done : done + max(1, min(SLICE, left // customer))]
            applied = job.apply(piece)
            done += applied
            await asyncio.sleep(0)
            if applied < len(piece):
                break
        job.inbox.put_back(taken[done:])
        return done, done < len(taken) or len(taken) == limit or job.carries_more

    def grant(self, records: int) -> bool:
        """The turn goes over so many records; dates are looked at as far as there is room for what they may lead to.
        Where the wall clock rules and there is no backlog, the others come up late, and hold nothing up. Else a record
        waits for those before it: a backlog brings those of the days that it passes, of which few lead to anything.
        Returns whether they come up late."""
        job, few = self._job, records < SLICE
        job.grant(records, self._fit(self.most) if few else ALL_DATES)
        late = job.dates_may_be_late and few
        if late:
            job.bound(0, None)
        return late

    def _fit(self, size: int) -> int:
        """So many dates may lead to no more than that."""
        return min(
            TURN_DATES + self._looked_at - self._job.looked_at,
            size // (self._foreseen.decision.size + self._foreseen.customer.size),
        )

    def _more_dates(self) -> int:
        """For how many more there is room after all."""
        return self._fit(self._room - self._foresee())

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
