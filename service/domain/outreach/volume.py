"""Whom to alert when fewer messages may go out than regulars go quiet: those whose alert has the highest value, nobody
later than the others.

when    Where silences are many for the messages there are, everybody comes due after 2.25 usual gaps: those who would
        wait longer are lost by then. Where they are few, each comes due after m · patience usual gaps, sooner where the
        gaps have grown; m is chosen weekly from the Kaplan–Meier curves of all silences so that about as many come due
        as may be alerted. In between (1.2 to 1.6 silences of 2.25 usual gaps for an alert) the limit of 2.25 is lifted
        by and by. So it is for irregular customers, and while a shop is new; the steadier the own gaps, the more a
        customer's moment is the one that the shop's own silences show to be best for such customers (moments.py).
whom    Highest expected alert value first (alert_value.py). Ties are settled by a lot that is the same on every replay.
volume  How those ranked who came due of late says which rank the volume reaches; a token bucket that holds a month's
        alerts, or as many as the volume has allowed for by then, filled by the visits of regulars (or by the days) and
        emptied by what goes out, corrects it, and m. It is in balance when it is half full, however it grows.

loyal   A part of the volume can be kept for regulars of 13 visits and more, who by that rank hardly ever get a message
        where there are few. It has a bucket and a memory of ranks of its own; what it does not use up overflows into
        the other. Who is not chosen there may still be chosen among all.

Who is not chosen is not asked later: the question is whom, not when. A visit costs O(1), a silence that comes due a sum
over 144 bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, exp2, fsum, inf, log
from typing import Any, ClassVar, Final

import xxhash

from service.domain.cadence import patience
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.silences import Tolerances
from service.domain.outreach.alert_value import FROM_GAPS, AlertValue, slowing
from service.domain.outreach.moments import Moments, steadiness
from service.domain.outreach.patience import steady_gap_days
from service.domain.outreach.realised import CLASSES
from service.domain.stored import Stored

LOYAL_FROM: Final = CLASSES[-1][0]
"""Visits of a loyal customer: the class with the most evidence."""
LATEST: Final = FROM_GAPS
"""Usual gaps after which everybody comes due where messages are few: flat from 2 to 2.75; less finds more who come back
by themselves, more leaves too few to choose from."""
_NO_LIMIT: Final = 4.0
"""Usual gaps after which everybody comes due where they are many: the visits that an alert could win back are lost by
then."""
_FEW: Final = 1.6
_AMPLE: Final = 1.2
"""Silences that last `LATEST` usual gaps, for each alert: from `_FEW` on there is enough to choose from."""
_EARLIEST: Final = 1.0
"""Usual gaps before which nobody is quiet, whatever the volume."""
_OVER: Final = 1.05
"""Silences that come due for each alert where all wait for m. 1.25 asks too early: more come back by themselves."""
_HASTE: Final = 0.25
"""How much sooner a full bucket lets them come due: e to this power."""
_SLOWING: Final = 0.15
"""Whose gaps have grown e-fold comes due this much (of its logarithm) sooner."""
_RANK_OF_VALUE: Final = 0.3
"""Means of alert value that one rank's unit is; by what is believed at first it is one e-fold of the visits."""
_LOT: Final = 0.1
"""Width of the lot that settles ties."""
_RANKS: Final = 144
_RANK_LOW: Final = -4.5
_RANK_STEP: Final = 0.0625
_BUCKET_DAYS: Final = 30.0
_BUCKET_GAPS: Final = 2.0
"""Days of alerts in the full bucket, at least, or usual gaps of the shop: silences come due in waves as long as they.
In balance it is half full."""
_LEAST_BUCKET: Final = 4.0
_GAIN: Final = 1.5
"""How hard the bucket corrects: full, 4.5 times as many ranks are reached as were meant; empty, less than a quarter. A
bucket that only doubled them ran full, and lost an eighth of a small volume, where fewer newcomers arrived than before.
2.5 keeps it no better."""
_LEAST_DAYS: Final = 7.0
"""Of memory, before a rate is told from it."""
_WEEK_US: Final = 7 * DAY_US
_LEAST_HALF_LIFE: Final = 60.0
_HALF_LIFE_GAPS: Final = 4.0
"""Half-life of the memory in the population's usual gaps; at least 60 days."""
_EVIDENCE: Final = 10.0
"""Silences that came due, before a share of them is told."""
_LOTS: Final = 4294967296.0
_YOUNG_DAYS: Final = 28.0
"""Until a shop has been seen for so long the limit is the same for all, and until twice as long in part: of a few days
even the weekends look like pauses."""


class VolumeState(Stored):
    """What a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = (
        "tokens", "until_us", "arrived", "visits", "days", "refused", "share", "loyal_tokens", "loyal_arrived", "alert_value",
    )  # fmt: skip

    def __init__(self) -> None:
        self.tokens: float = 1.0
        """Alerts that may go out now; below 0 when later rungs have taken more than there was."""
        self.until_us: int = 0
        """Stream time up to which the memory goes; 0 before the first visit of a regular."""
        self.arrived: list[float] = [0.0] * _RANKS
        """Silences that came due of late, by rank; halved as the memory ages, like the next two."""
        self.visits: float = 0.0
        """Visits of regulars."""
        self.days: float = 0.0
        self.refused: float = 0.0
        """Silences that came due of late and could not be alerted: no consent."""
        self.share: float = 0.0
        """Silences per visit of a regular that would meet the volume exactly, as of the last refresh; 0 = not yet
        known."""
        self.loyal_tokens: float = 0.0
        """Of the part kept for loyal customers: alerts that may go out now."""
        self.loyal_arrived: list[float] = []
        """Their silences that came due of late, by rank; empty where no part is kept."""
        self.alert_value: list[float] = []
        """What was learned of the value of alerts (alert_value.py)."""

    def take_fields(self, fields: Sequence[Any]) -> None:
        """Ranks of a release that ranked otherwise are left out."""
        super().take_fields(fields)
        if len(self.arrived) != _RANKS:
            self.arrived = [0.0] * _RANKS
            self.loyal_arrived = []


class Volume:
    """Keeps one partition's alerts to a number per 100 visits of regulars, or per day. Deterministic in the order of
    its calls."""

    def __init__(
        self, per_100_visits: float | None, per_day: float | None, state: VolumeState, for_loyal: float = 0.0
    ) -> None:
        """One of the first two is given; `per_day` is this partition's part. `for_loyal`: the part kept for loyal
        customers, 0–1."""
        self._per_visit: float = -1.0 if per_100_visits is None else per_100_visits / 100.0
        """Below 0: none was given."""
        self._per_day: float = 0.0 if per_day is None else per_day
        self._for_loyal: float = for_loyal
        self.state = state
        self.alert_value = AlertValue(state.alert_value)
        if for_loyal <= 0.0:
            state.loyal_tokens, state.loyal_arrived = 0.0, []
        elif not state.loyal_arrived:
            state.loyal_arrived = [0.0] * _RANKS
        self._bases: float = inf
        """m."""
        self._bucket_days: float = _BUCKET_DAYS
        self._latest: float = LATEST
        """Usual gaps after which everybody comes due."""
        self._mu0: float = 0.0
        self.moments = Moments()

    def learn(self, tolerances: Tolerances, mu0: float) -> None:
        """What is known of silences has moved, or was restored: m and the size of the bucket anew."""
        self._bucket_days = max(_BUCKET_DAYS, _BUCKET_GAPS * exp(mu0))
        share = self.state.share or max(0.0, self._per_visit)
        self._bases, self._latest, self._mu0 = inf, LATEST, mu0
        self.moments.learn(tolerances, min(1.0, share))
        if share > 0.0:
            choice = tolerances.share_open(inf, LATEST) / share
            lifted = max(0.0, min(1.0, (_FEW - choice) / (_FEW - _AMPLE)))
            self._latest = LATEST * pow(_NO_LIMIT / LATEST, lifted)
            self._bases = tolerances.bases_open(min(1.0, _OVER * share), self._latest)

    def refresh(self, now_us: int, mu0: float) -> None:
        """Weekly, before `learn`: how many silences per visit the volume asks for; who cannot be alerted is made up
        for."""
        self._pass(now_us, mu0)
        self.alert_value.refresh(mu0)
        state = self.state
        wanted = self._per_visit
        if wanted < 0.0:
            wanted = self._per_day * max(_LEAST_DAYS, state.days) / state.visits if state.visits > 0.0 else 0.0
        arrived = fsum(state.arrived)
        state.share = wanted * (1.0 + state.refused / arrived) if arrived >= _EVIDENCE else wanted

    def days(self, customer: Customer) -> float:
        """Silence after which the customer comes due."""
        gaps, usual = self._latest, customer.log_usual
        haste = 2.0 * self.state.tokens / self._bucket_size(1.0 - self._for_loyal) - 1.0
        if self._bases < inf:
            sooner = exp(-_SLOWING * slowing(customer) - max(-_HASTE, _HASTE * haste))
            gaps = min(gaps, self._bases * patience(customer.visits) * sooner)
        log_gaps = log(max(_EARLIEST, gaps))
        known = self.moments.known * min(1.0, max(0.0, self.state.days / _YOUNG_DAYS - 1.0))
        if known > 0.0:
            usual += known * (log(steady_gap_days(customer, self._mu0)) - usual)
            learned = known * steadiness(customer)
            if learned > 0.0:
                log_gaps += learned * (self.moments.log_gaps(customer, haste) - log_gaps)
        return exp(log_gaps + usual)

    def visit(self, now_us: int, mu0: float) -> None:
        """A regular is here."""
        self._pass(now_us, mu0)
        before = self._bucket_size(1.0)
        self.state.visits += 1.0
        self._keep_middle(before)
        if self._per_visit >= 0.0:
            self._fill(self._per_visit)

    def chosen(self, customer: Customer, now_us: int, mu0: float) -> bool:
        """Whether the customer, who has come due, is among those the volume is for. `spend` what then goes out."""
        self._pass(now_us, mu0)
        state = self.state
        drawn: int = xxhash.xxh3_64_intdigest(customer.customer_id.encode(), customer.visits)
        rank = _LOT * ((drawn >> 32) / _LOTS) - self.alert_value.relative(customer, mu0) / _RANK_OF_VALUE
        place = max(0, min(_RANKS - 1, int((rank - _RANK_LOW) / _RANK_STEP)))
        lot = (drawn & 0xFFFFFFFF) / _LOTS
        if customer.visits >= LOYAL_FROM and self._for_loyal > 0.0:
            better = _arrives(state.loyal_arrived, place, lot)
            if _reached(
                better, state.loyal_tokens, self._meant() * self._for_loyal, self._bucket_size(self._for_loyal)
            ):
                state.loyal_tokens -= 1.0
                state.tokens += 1.0  # to be spent at once
                return True
        better = _arrives(state.arrived, place, lot)
        part = 1.0 - self._for_loyal
        return _reached(better, state.tokens, self._meant() * part, self._bucket_size(part))

    def not_asked(self) -> None:
        """A customer has come due who wants no messages."""
        self.state.refused += 1.0

    def spend(self) -> None:
        """An alert goes out, or is held back by the shadow mode only."""
        self.state.tokens -= 1.0

    def give_back(self) -> None:
        """An alert that waited does not go out after all."""
        self._fill(1.0)

    def _meant(self) -> float:
        """Alerts that the volume allowed for within the memory."""
        return self._per_visit * self.state.visits if self._per_visit >= 0.0 else self._per_day * self.state.days

    def _bucket_size(self, part: float) -> float:
        """Of that part of the volume: never more than it has allowed for so far."""
        share = min(1.0, self._bucket_days / max(_LEAST_DAYS, self.state.days))
        return max(_LEAST_BUCKET, part * self._meant() * share)

    def _keep_middle(self, before: float) -> None:
        """The bucket may hold more or less than `before`: what it holds in balance is no alert saved or owed. Else a
        shop that grows, or one whose first month it is, would never send what fills its growing bucket."""
        state, reserved = self.state, self._for_loyal
        grown = (self._bucket_size(1.0) - before) / 2.0
        state.tokens += (1.0 - reserved) * grown
        state.loyal_tokens += reserved * grown

    def _fill(self, tokens: float) -> None:
        state, reserved = self.state, self._for_loyal
        if reserved > 0.0:
            loyal = state.loyal_tokens
            state.loyal_tokens = max(loyal, min(loyal + reserved * tokens, self._bucket_size(reserved)))
            tokens -= state.loyal_tokens - loyal
        state.tokens = max(state.tokens, min(state.tokens + tokens, self._bucket_size(1.0 - reserved)))

    def _pass(self, now_us: int, mu0: float) -> None:
        """Time passes: the memory ages at the whole weeks since the epoch."""
        state = self.state
        if now_us <= state.until_us:
            return
        if state.until_us:
            before = self._bucket_size(1.0)
            days = (now_us - state.until_us) / DAY_US
            state.days += days
            weeks = now_us // _WEEK_US - state.until_us // _WEEK_US
            if weeks:
                left = exp2(-7.0 * weeks / max(_LEAST_HALF_LIFE, _HALF_LIFE_GAPS * exp(mu0)))
                state.arrived = [value * left for value in state.arrived]
                state.loyal_arrived = [value * left for value in state.loyal_arrived]
                state.visits *= left
                state.days *= left
                state.refused *= left
            self._keep_middle(before)
            if self._per_visit < 0.0:
                self._fill(self._per_day * days)
        state.until_us = now_us


def _arrives(arrived: list[float], place: int, lot: float) -> float:
    """Counts a silence at that rank; how many that came due of late rank before it, by lot among its equals."""
    better = fsum(arrived[:place]) + lot * arrived[place]
    arrived[place] += 1.0
    return better


def _reached(better: float, tokens: float, meant: float, bucket: float) -> bool:
    """Whether the volume reaches who has so many better ones: as many as were meant, more with a full bucket, fewer
    with an empty one."""
    return tokens >= 1.0 and better <= meant * exp(_GAIN * (2.0 * tokens / bucket - 1.0))
