"""A shop that grows for two years, as fast as Python can say it: input for the benchmark of growth.

Customers join at an exponentially growing rate, so that the mix of first and further visits is the same from the
third month on; 40 % buy once, 35 % now and then, 25 % often, and all of them leave some day. Drawn a day at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from service.domain.calendar import DAY_US, SECOND_US
from service.domain.events import Purchase, Survey, SurveyAnswer

START_DAY = 19_724
"""2024-01-02, UTC."""
DAYS = 730
GROWTH = 4.0
"""Logarithm of how many times as many customers join at the end."""
EVENTS_PER_CUSTOMER = 10
SHARES = (0.40, 0.35, 0.25)
MEDIAN_GAP_DAYS = (1.0, 45.0, 3.9)
STAY = (0.0, 0.80, 0.990)
"""Chance of a further visit after each one."""
SECOND_ORDER_SHARE = 0.04
ANSWER_SHARE = 0.02
_OPEN_FROM_S, _OPEN_S = 8 * 3600, 12 * 3600
_NEVER = 1 << 30
_PURCHASE, _ANSWER = 0, 1
_SCALES = ((Survey.NPS, 0, 10), (Survey.CSAT, 1, 5), (Survey.CES, 1, 7))


class GrowingShop:
    """The same numbers give the same events. Its own memory is fixed from the start: 16 bytes a customer."""

    def __init__(self, events: int, seed: int = 1) -> None:
        self.customers = events // EVENTS_PER_CUSTOMER
        self._events = events
        self._rng = np.random.default_rng(seed)
        joined = np.sort(np.log1p(self._rng.random(self.customers) * np.expm1(GROWTH)) / GROWTH * DAYS)
        self._next_day = joined.astype(np.int32)
        kind = self._rng.choice(len(SHARES), self.customers, p=SHARES)
        spread = self._rng.lognormal(0.0, 0.6, self.customers)
        self._gap = (np.asarray(MEDIAN_GAP_DAYS)[kind] * spread).astype(np.float32)
        self._stay = np.asarray(STAY, dtype=np.float32)[kind]

    def events(self) -> Iterator[Purchase | SurveyAnswer]:
        """So many events as were asked for, in order of time."""
        number, day = 0, 0
        while True:
            for second, who, what, amount in zip(*(column.tolist() for column in self._day(day)), strict=True):
                at_us = (START_DAY + day) * DAY_US + second * SECOND_US + number % SECOND_US
                customer, order = f"cust-{who:08d}", f"ord-{number:09d}"
                if what == _PURCHASE:
                    yield Purchase(f"evt-{number:012x}", customer, at_us, amount, order_id=order)
                else:
                    survey, low, high = _SCALES[amount % 3]
                    yield SurveyAnswer(
                        f"evt-{number:012x}", customer, at_us, survey, low + amount % (high - low + 1), order
                    )
                number += 1
                if number == self._events:
                    return
            day += 1

    def _day(self, day: int) -> tuple[Any, Any, Any, Any]:
        """Columns of one day's events: second of the day, customer, what, amount (minor units)."""
        rng = self._rng
        visitors = np.flatnonzero(self._next_day == day)
        gap = rng.gamma(4.0, self._gap[visitors] / 4.0)
        following = day + np.maximum(1, np.rint(gap)).astype(np.int32)
        self._next_day[visitors] = np.where(rng.random(len(visitors)) < self._stay[visitors], following, _NEVER)
        second = _OPEN_FROM_S + rng.integers(0, _OPEN_S, len(visitors))
        again = rng.random(len(visitors)) < SECOND_ORDER_SHARE
        answers = rng.random(len(visitors)) < ANSWER_SHARE
        seconds = np.concatenate((second, second[again] + 1800, second[answers] + 7200))
        who = np.concatenate((visitors, visitors[again], visitors[answers]))
        what = np.repeat((_PURCHASE, _ANSWER), (len(visitors) + int(again.sum()), int(answers.sum())))
        amount = np.rint(rng.lognormal(7.6, 0.7, len(who))).astype(np.int64)
        order = np.argsort(seconds, kind="stable")
        return seconds[order], who[order], what[order], amount[order]
