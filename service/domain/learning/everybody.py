"""All that one partition learns from everybody, told by four verbs: a silence began, ended, was withdrawn; and refresh.

What is learned: the regulars' pace and what they bring (population.py), how long healthy silences last (silences.py),
when newcomers come again, where somebody asks (newcomers.py), and who is gone for good (churn_fit.py).

A message that was sent is an intervention: what the customer would have done without it is not known any more, or else
success would teach the service that silences end by themselves, and to wait. So a silence counts up to its first
message only, as one that was still open then (censored), in all that is learned from silences. The churn model knows of
a customer what they did up to their first message ever, because the visits after it may be its work. The customer's own
rhythm takes in what the gap lasted without help: to leave it out would forget just the long ones, and the whole of it
would be as good. Who was withheld a message teaches in full.

A visit costs O(1). The refresh comes weekly, in stream time; it depends on the days and kinds of open silences and on a
bounded sample of the customers, never on their number. Deterministic in the order of the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import exp
from typing import Any, Final

from service.domain import cadence
from service.domain.calendar import DAY_US, NEVER
from service.domain.changelog import (
    CURVES_KEY,
    NEWCOMERS_KEY,
    OF_NEWCOMERS,
    PART_PREFIX,
    ROW_PREFIX,
    SENT_PREFIX,
    TABLE_KEY,
    pack,
    unpack,
)
from service.domain.customer import Customer
from service.domain.followed import Followed
from service.domain.learning.churn_fit import Sample, fit
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.learned import Learned
from service.domain.learning.newcomers import Newcomers, ReturnTimes
from service.domain.learning.population import Population, PopulationState
from service.domain.learning.silences import UNKNOWN, Row, Silences, Tolerances
from service.domain.stumbling import hold

REFRESH_US: Final = 7 * DAY_US
_FITS_PER_PACE: Final = 8
_LONGEST_PACE: Final = 4
"""Weeks between fits of the churn model: one at first, one more after each 8 fits, four in the end."""


class Everybody:
    """Learning of one partition. `state` is what a restart must know beside the records of `changed_records`."""

    def __init__(
        self,
        state: PopulationState | None = None,
        regular_min_visits: int = 4,
        learn_until_us: int = NEVER,
        *,
        newcomers: bool = False,
        messages_sent: bool = False,
        weighs: bool = False,
        clocks: bool = False,
    ) -> None:
        """`learn_until_us`: the last refresh; from then on what was learned stays as it is.

        `newcomers`: whether the next visits of customers with few visits are learned too.
        `messages_sent`: whether what is released reaches the customers.
        `weighs`: whether alerts are weighed by how long all silences of such customers last (outreach/patience.py).
        `clocks`: whether the gaps of steady customers are measured as those of a clock (silences.py).
        """
        self._min_visits = regular_min_visits
        self._learn_until_us = learn_until_us
        self._messages_sent = messages_sent
        self._weighs = weighs
        self.newcomers: Final = Newcomers(regular_min_visits) if newcomers else None
        self.silences: Final = Silences(weighs=weighs, clocks=clocks)
        self._stored_table: Tolerances | None = None
        """As it was last written or read."""
        self._adopt(state or PopulationState())

    def _adopt(self, state: PopulationState) -> None:
        self.state = state
        self.population = Population(state)
        self.sample = Sample(state.sample_level)
        self.learned = Learned(UNKNOWN, ChurnModel.of(self.state.model), self._returns_unknown())

    def _returns_unknown(self) -> ReturnTimes | None:
        return None if self.newcomers is None else ReturnTimes([], exp(self.state.mu0))

    @property
    def mu0(self) -> float:
        """Mean log gap of the shop's regulars, in days."""
        return self.state.mu0

    def is_regular(self, customer: Customer) -> bool:
        """Whether the customer has visits enough to be judged by a rhythm of their own."""
        return customer.visits >= self._min_visits

    # ---- the four verbs

    def silence_began(self, customer: Customer) -> None:
        """The customer's last visit opens a silence."""
        visits = customer.visits
        if visits == 1:
            self.met(customer)
        if customer.sign_us:
            return
        if visits >= self._min_visits:
            self.silences.opened(customer)
        elif self.newcomers is not None:
            self.newcomers.opened(customer)

    def silence_doubted(self, customer: Customer) -> None:
        """A sign of life that is no visit, in the customer's silence: from now on nothing is learned from how long it
        lasts, neither that a healthy one is so long nor that the customer is gone."""
        if not customer.sign_us:
            self._take_out(customer)

    def _take_out(self, customer: Customer) -> None:
        """The customer's silence is open no more."""
        if customer.sign_us or self.is_disturbed(customer):
            return
        if customer.visits >= self._min_visits:
            self.silences.taken_out(customer)
        elif customer.visits and self.newcomers is not None:
            self.newcomers.taken_out(customer)

    def is_disturbed(self, customer: Customer) -> bool:
        """Whether the further course of the customer's silence may be the work of a message."""
        return self._messages_sent and customer.episode.sent_first_us > 0

    def silence_intervened(self, customer: Customer, gap: float, at_us: int) -> None:
        """A message is about to go out to the customer, after `gap` days of silence: it is the last that is learned of
        this one."""
        if not self._messages_sent or self.is_disturbed(customer):
            return
        if self.sample.holds(customer.customer_id):
            followed = customer.followed
            if followed is None:
                followed = customer.followed = Followed()
            if followed.taught is None:
                followed.taught = [customer.visits, customer.last_us, at_us]
        if customer.sign_us:
            return
        self._take_out(customer)
        if customer.visits >= self._min_visits:
            self.silences.cut(customer, gap, self.state.mu0)
        elif self.newcomers is not None:
            self.newcomers.cut(customer.visits, gap, self.state.mu0)

    def silence_ended(self, customer: Customer, gap: float, gap_before: float) -> None:
        """A customer with a visit came back after `gap` days; they are as before this visit. `gap_before`: the gap
        before, 0 if there was none.

        The customer's own rhythm takes the gap in on the way, because the shop's pace is the mean of theirs.
        """
        visits, mu0 = customer.visits, self.state.mu0
        disturbed = self.is_disturbed(customer)
        if disturbed:
            episode = customer.episode
            gap = min(gap, cadence.gap_days(customer.last_us + episode.paused_us, episode.sent_first_us))
        self._take_out(customer)
        if visits >= self._min_visits:
            if not (customer.sign_us or disturbed):
                self.silences.closed(customer, gap, mu0)
            before = cadence.own_mean_log_gap(customer)
            cadence.observe_gap(customer, gap, mu0, gap_before)
            self.population.voted(customer.log_gap_sum / visits, before)
            return
        if self.newcomers is not None and not (customer.sign_us or disturbed):
            self.newcomers.came_again(visits, gap, mu0)
        cadence.observe_gap(customer, gap, mu0, gap_before)
        if visits + 1 == self._min_visits:
            self.population.joined(customer.log_gap_sum / visits, customer.revenue_minor)

    def silence_withdrawn(self, customer: Customer) -> None:
        """The customer's silence was not what it seemed (a visit before it became known), or its customer is erased: as
        if it had not begun."""
        self._take_out(customer)
        if customer.visits >= self._min_visits:
            self.population.left(cadence.own_mean_log_gap(customer), customer.revenue_minor)

    def refresh(self, today: int, read: Callable[[str], Customer]) -> None:
        """The refresh that is due, on local day `today`. `read`: one of the partition's customers, of whom a sample is
        read."""
        now_us = self.state.next_refresh_us
        self._next_after(now_us)
        self.population.settle()
        mu0 = self.state.mu0
        tolerances = self.silences.refresh(today, mu0) or self.learned.tolerances
        returns = None if self.newcomers is None else self.newcomers.refresh(today, mu0)
        model = self.learned.model
        if now_us >= min(self.state.next_fit_us, self._learn_until_us):
            model = self._fit([read(known) for known in self.sample.members()], now_us)
        self.learned = Learned(tolerances, model, returns)

    def skip_refresh(self) -> None:
        """The refresh that is due is left out: what was learned stays as it is for a week."""
        self._next_after(self.state.next_refresh_us)

    # ---- what belongs to them

    def silence_reread(self, customer: Customer) -> None:
        """The silence that was withdrawn goes on, with the rhythm as it is read now."""
        if customer.visits >= self._min_visits:
            self.population.joined(cadence.own_mean_log_gap(customer), customer.revenue_minor)
        if not self.is_disturbed(customer):
            self.silence_began(customer)

    def forget(self, customer: Customer) -> None:
        """The customer is erased."""
        self.silence_withdrawn(customer)
        self.sample.remove(customer.customer_id)

    def spent(self, customer: Customer, minor: int) -> None:
        """The customer has paid, or got back where it is negative."""
        if customer.visits >= self._min_visits:
            self.population.spent(minor)

    def met(self, customer: Customer) -> None:
        """A customer has come for the first time, or was restored."""
        self.sample.offer(customer.customer_id)
        self.state.sample_level = self.sample.level

    # ---- time

    @property
    def next_refresh_us(self) -> int:
        """0 before the first event."""
        return self.state.next_refresh_us

    def begin(self, now_us: int) -> None:
        """The first event: refreshes start at the next whole week since the epoch, the same for every partition."""
        self._next_after(now_us)

    def _next_after(self, now_us: int) -> None:
        if now_us >= self._learn_until_us:
            self.state.next_refresh_us = NEVER
        else:
            self.state.next_refresh_us = min((now_us // REFRESH_US + 1) * REFRESH_US, self._learn_until_us)

    def _fit(self, sampled: list[Customer], now_us: int) -> ChurnModel:
        state = self.state
        stages = self.learned.model.stages
        found = fit(sampled, now_us, state.fit_position, stages, state.fit_rivals, state.fits)
        state.model, state.fit_position, state.fit_rivals = found.model.fields(), found.position, found.rivals
        state.next_fit_us = now_us + min(_LONGEST_PACE, 1 + state.fits // _FITS_PER_PACE) * REFRESH_US
        state.fits += 1
        return found.model

    # ---- what is stored

    def changed_records(self) -> list[tuple[bytes, bytes | None]]:
        """What has changed since the last call and is too large for `state`: rows of silences or parts of them, the
        newcomers, the table after a refresh."""
        records: list[tuple[bytes, bytes | None]] = []
        for cell, part in self.silences.changed_parts():
            row = self.silences.rows[cell]
            if part < 0:
                records.append((ROW_PREFIX + bytes((cell,)), pack(row.fields())))
            else:
                records.append((PART_PREFIX + bytes((cell, part)), pack(row.part(part))))
        cuts = self.silences.changed_cuts()
        records.extend((SENT_PREFIX + bytes((cell,)), pack(self.silences.sent[cell])) for cell in cuts)
        if self.newcomers is not None and self.newcomers.changed and self.newcomers.has_sent:
            records.append((SENT_PREFIX + bytes((OF_NEWCOMERS,)), pack(self.newcomers.sent)))
        if self.newcomers is not None and self.newcomers.changed:
            self.newcomers.changed = False
            returns = self.learned.returns
            found = None if returns is None else (returns.curves, returns.pace_days)
            records.append((NEWCOMERS_KEY, pack((self.newcomers.closed, found))))
        table = self.learned.tolerances
        if table.table and table is not self._stored_table:
            self._stored_table = table
            records.append((TABLE_KEY, pack((table.table, table.kappa, table.class_weights, table.classes))))
            if table.cells:
                records.append((CURVES_KEY, pack((table.cells, table.cell_weights))))
        return records

    def restored(self, state: PopulationState, records: Mapping[bytes, bytes], customers: Iterable[Customer]) -> None:
        """Takes over `state` and what was read of `changed_records`; what was not read is as it was. Open silences
        follow from the customers."""
        known_returns = self.learned.returns
        self._adopt(state)
        for key, value in records.items():
            if key.startswith(ROW_PREFIX):
                self.silences.rows[key[-1]] = Row.of(unpack(value))
        parts = [(key[-2], key[-1], _part_of(value)) for key, value in records.items() if key.startswith(PART_PREFIX)]
        self.silences.restore_parts(parts)
        for key, value in records.items():
            if key.startswith(SENT_PREFIX):
                self._restore_cut(key[-1], value)
        if TABLE_KEY in records:
            self._stored_table = _table_of(records[TABLE_KEY], records.get(CURVES_KEY) if self._weighs else None)
        returns = None
        if self.newcomers is not None:
            returns = known_returns
            if NEWCOMERS_KEY in records:
                known = unpack(records[NEWCOMERS_KEY])
                hold(known, 2, "what is learned of newcomers")
                closed, found = known
                hold(found or (), 2, "when newcomers come again")
                self.newcomers.restore(closed)
                returns = None if found is None else ReturnTimes(*found)
            self.newcomers.forget_open()
            returns = returns or self._returns_unknown()
        self.learned = Learned(self._stored_table or UNKNOWN, ChurnModel.of(self.state.model), returns)
        self.silences.forget_open()
        for customer in customers:
            self.found(customer)

    def found(self, customer: Customer) -> None:
        """A customer of a partition that was read back, after all that is learned."""
        if customer.visits:
            self.met(customer)
        if customer.sign_us or self.is_disturbed(customer):
            return
        if customer.visits >= self._min_visits:
            self.silences.opened(customer)
        elif customer.visits and self.newcomers is not None:
            self.newcomers.opened(customer)

    def recount(self, customers: Iterable[Customer]) -> None:
        """Other visits make a regular than when `state` was stored."""
        self.population.recounted(
            (cadence.own_mean_log_gap(each), each.revenue_minor)
            for each in customers
            if each.visits >= self._min_visits
        )

    def _restore_cut(self, cell: int, value: bytes) -> None:
        if cell != OF_NEWCOMERS:
            self.silences.restore_cut(cell, unpack(value))
        elif self.newcomers is not None:
            self.newcomers.restore_sent(unpack(value))


def _part_of(value: bytes) -> list[Any]:
    """Of a row of silences, some bins."""
    fields = unpack(value)
    hold(fields, 6, "a part of what is learned of silences")
    return fields


def _table_of(value: bytes, curves: bytes | None) -> Tolerances:
    """Of a record of before the classes' curves were stored, or the cells', the rest: until the next weekly refresh."""
    fields = unpack(value)
    hold(fields, 4, "what the last refresh has found")
    table, kappa, *known = fields
    weights, classes = known if len(known) == 2 else ([], [])
    if curves is None:
        return Tolerances(table, kappa, weights, classes)
    by_cell = unpack(curves)
    hold(by_cell, 2, "how long all silences last")
    return Tolerances(table, kappa, weights, classes, *by_cell)
