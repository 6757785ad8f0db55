"""The parts of a customer's state that few customers have, or that few events touch: items, answers, profile.

Plain classes like Customer itself; in its snapshot they are arrays of their `fields`, to which new ones are appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, assert_never

import xxhash

from service.domain.events import Item, Profile, Survey, SurveyAnswer
from service.domain.findings import LatestAnswer

_FAVOURITES: Final = 6
_NAME_LENGTH: Final = 60

_KEPT_ORDERS: Final = 3
_TIME_BYTES: Final = 7
_AMOUNT_BYTES: Final = 6
_HASH_BYTES: Final = 6
_HASH_AT: Final = _TIME_BYTES + _AMOUNT_BYTES
_ORDER_BYTES: Final = _HASH_AT + _HASH_BYTES
_ORDERS_BYTES: Final = _KEPT_ORDERS * _ORDER_BYTES
_ORDER_SEED: Final = 4
_ANSWER_FIELDS: Final = 6
"""Fields of Answers before the orders."""
_digest = xxhash.xxh3_64_digest

AnsweredOrder = tuple[str, int | None, int | None]
"""The order that an answer is about: order_id as given, its time in µs and its amount in minor units; both None while it is not known."""


def remember_order(kept: bytes | None, order_id: str, at_us: int, amount_minor: int) -> bytes | None:
    """The memory of the newest 3 orders with one more: per order 19 bytes (time, amount, hash of the id), ascending.

    Of several orders with one id the earliest counts, at the same instant the smaller one. One dated before 1970 or of
    2^48 minor units and more is not remembered. On the hot path: the newest order is appended.
    """
    digest = _digest(order_id.encode(), _ORDER_SEED)[:_HASH_BYTES]
    try:
        order = at_us.to_bytes(_TIME_BYTES, "big") + amount_minor.to_bytes(_AMOUNT_BYTES, "big") + digest
    except OverflowError:
        return kept
    if kept is None:
        return order
    if digest in kept or order < kept[-_ORDER_BYTES:]:
        return _inserted(kept, order)
    return (kept + order)[-_ORDERS_BYTES:]


def _inserted(kept: bytes, order: bytes) -> bytes:
    """For an order that is known already or not the newest; or whose hash is found across two orders, by chance."""
    orders = [kept[start : start + _ORDER_BYTES] for start in range(0, len(kept), _ORDER_BYTES)]
    for index, known in enumerate(orders):
        if known[_HASH_AT:] == order[_HASH_AT:]:
            orders[index] = min(known, order)
            break
    else:
        orders.append(order)
    orders.sort()
    return b"".join(orders[-_KEPT_ORDERS:])


def remembered_orders(kept: bytes | None) -> list[tuple[int, int, bytes]]:
    """(time in µs, amount in minor units, hash of the id) of the orders in memory, ascending."""
    if kept is None:
        return []
    return [
        (
            int.from_bytes(kept[start : start + _TIME_BYTES], "big"),
            int.from_bytes(kept[start + _TIME_BYTES : start + _HASH_AT], "big"),
            kept[start + _HASH_AT : start + _ORDER_BYTES],
        )
        for start in range(0, len(kept), _ORDER_BYTES)
    ]


class ItemMemory:
    """What the customer usually takes: Space-Saving counters (Metwally et al. 2005) and the last basket."""

    __slots__ = ("counts", "last")

    def __init__(self, counts: dict[str, int], last: list[str]) -> None:
        self.counts = counts
        self.last = last

    def fields(self) -> tuple[object, ...]:
        """In the order of `of`."""
        return (self.counts, self.last)

    @classmethod
    def of(cls, fields: Sequence[Any]) -> ItemMemory:
        """Back from `fields`."""
        return cls(*fields)

    def remember(self, items: tuple[Item, ...]) -> None:
        counts = self.counts
        last: list[str] = []
        for item in items:
            name = item.name or item.sku
            if len(name) > _NAME_LENGTH:
                name = name[:_NAME_LENGTH]
            last.append(name)
            if name in counts:
                counts[name] += 1
            elif len(counts) < _FAVOURITES:
                counts[name] = 1
            else:
                least = min(counts, key=lambda known: (counts[known], known))
                counts[name] = counts.pop(least) + 1
        self.last = last[:3]

    def favourites(self) -> tuple[str, ...]:
        """Up to three names taken more than once, the most frequent first."""
        ranked = sorted(self.counts, key=lambda name: (-self.counts[name], name))
        return tuple(name for name in ranked if self.counts[name] > 1)[:3]


class Answers:
    """The newest answer per survey with its time; None = never asked or never answered.

    Where the answer is about an order, that order is joined to it, whichever of the two comes first. A join lasts: it does
    not need the order to stay in memory. It says what the order was when it was placed, whatever is refunded later.
    """

    __slots__ = ("ces", "ces_order", "ces_us", "csat", "csat_order", "csat_us", "nps", "nps_order", "nps_us")

    def __init__(
        self,
        nps: int | None = None,
        nps_us: int = 0,
        csat: int | None = None,
        csat_us: int = 0,
        ces: int | None = None,
        ces_us: int = 0,
        nps_order: AnsweredOrder | None = None,
        csat_order: AnsweredOrder | None = None,
        ces_order: AnsweredOrder | None = None,
    ) -> None:
        self.nps = nps
        self.nps_us = nps_us
        self.csat = csat
        self.csat_us = csat_us
        self.ces = ces
        self.ces_us = ces_us
        self.nps_order = nps_order
        self.csat_order = csat_order
        self.ces_order = ces_order

    def fields(self) -> tuple[object, ...]:
        """In the order of `of`."""
        return (
            self.nps,
            self.nps_us,
            self.csat,
            self.csat_us,
            self.ces,
            self.ces_us,
            self.nps_order,
            self.csat_order,
            self.ces_order,
        )

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Answers:
        """Back from `fields`."""
        orders = [None if order is None else (order[0], order[1], order[2]) for order in fields[_ANSWER_FIELDS:]]
        return cls(*fields[:_ANSWER_FIELDS], *orders)

    def copy(self) -> Answers:
        """As they are now."""
        return Answers.of(self.fields())

    def latest(self) -> tuple[LatestAnswer, ...]:
        """One per survey that was answered, as it is published."""
        found = []
        for survey, score, at_us, order in (
            (Survey.NPS, self.nps, self.nps_us, self.nps_order),
            (Survey.CSAT, self.csat, self.csat_us, self.csat_order),
            (Survey.CES, self.ces, self.ces_us, self.ces_order),
        ):
            if score is not None:
                order_id, ordered_us, order_minor = order or (None, None, None)
                found.append(LatestAnswer(survey, score, at_us, order_id, ordered_us, order_minor))
        return tuple(found)

    def take(self, event: SurveyAnswer, orders: bytes | None) -> bool:
        """The newest answer of each survey stays; `orders`: the customer's memory of orders. Returns whether it is this one.

        Of two at the same instant the higher stays, of equal ones that with the greater order_id, so that their order does
        not matter.
        """
        at_us, score = event.at_us, event.score
        order = None if event.order_id is None else self._found(event.order_id, orders)
        match event.survey:
            case Survey.NPS:
                newer = self.nps is None or _rank(at_us, score, order) > _rank(self.nps_us, self.nps, self.nps_order)
                if newer:
                    self.nps_us, self.nps, self.nps_order = at_us, score, order
            case Survey.CSAT:
                newer = self.csat is None or _rank(at_us, score, order) > _rank(
                    self.csat_us, self.csat, self.csat_order
                )
                if newer:
                    self.csat_us, self.csat, self.csat_order = at_us, score, order
            case Survey.CES:
                newer = self.ces is None or _rank(at_us, score, order) > _rank(self.ces_us, self.ces, self.ces_order)
                if newer:
                    self.ces_us, self.ces, self.ces_order = at_us, score, order
            case _:
                assert_never(event.survey)
        return newer

    def join(self, order_id: str, at_us: int, amount_minor: int) -> bool:
        """An order has become known; of several with one id the earliest counts. Returns whether an answer says more now."""
        nps, csat, ces = self.nps_order, self.csat_order, self.ces_order
        self.nps_order = _joined(nps, order_id, at_us, amount_minor)
        self.csat_order = _joined(csat, order_id, at_us, amount_minor)
        self.ces_order = _joined(ces, order_id, at_us, amount_minor)
        return self.nps_order != nps or self.csat_order != csat or self.ces_order != ces

    def _found(self, order_id: str, orders: bytes | None) -> AnsweredOrder:
        """The order with what is known of it: from an answer it has been joined to, or from the memory."""
        for known in (self.nps_order, self.csat_order, self.ces_order):
            if known is not None and known[0] == order_id and known[1] is not None:
                return known
        if orders is not None:
            digest = _digest(order_id.encode(), _ORDER_SEED)[:_HASH_BYTES]
            for at_us, amount_minor, known_digest in remembered_orders(orders):
                if known_digest == digest:
                    return order_id, at_us, amount_minor
        return order_id, None, None


def _rank(at_us: int, score: int | None, order: AnsweredOrder | None) -> tuple[int, int, str]:
    return at_us, -1 if score is None else score, "" if order is None else order[0]


def _joined(answered: AnsweredOrder | None, order_id: str, at_us: int, amount_minor: int) -> AnsweredOrder | None:
    if answered is None or answered[0] != order_id:
        return answered
    known_us, known_minor = answered[1], answered[2]
    if known_us is not None and known_minor is not None and (known_us, known_minor) <= (at_us, amount_minor):
        return answered
    return order_id, at_us, amount_minor


class ProfileState:
    """What the shop said of the customer. None = unknown. `said_us` is the time of the newest word."""

    __slots__ = (
        "consent", "consent_us", "crm_id", "email", "first_name", "locale", "phone", "said_us", "timezone",
    )  # fmt: skip

    def __init__(
        self,
        said_us: int = 0,
        first_name: str | None = None,
        locale: str | None = None,
        timezone: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        crm_id: str | None = None,
        consent: bool | None = None,
        consent_us: int = 0,
    ) -> None:
        self.said_us = said_us
        self.first_name = first_name
        self.locale = locale
        self.timezone = timezone
        self.email = email
        self.phone = phone
        self.crm_id = crm_id
        self.consent = consent
        self.consent_us = consent_us

    def fields(self) -> tuple[object, ...]:
        """In the order of `of`."""
        return (
            self.said_us,
            self.first_name,
            self.locale,
            self.timezone,
            self.email,
            self.phone,
            self.crm_id,
            self.consent,
            self.consent_us,
        )

    @classmethod
    def of(cls, fields: Sequence[Any]) -> ProfileState:
        """Back from `fields`."""
        return cls(*fields)

    def take(self, event: Profile) -> None:
        """A newer word replaces, an older one fills gaps; of two words on consent at the same instant the no counts."""
        newer = event.at_us >= self.said_us
        self.said_us = max(self.said_us, event.at_us)
        for name in ("first_name", "locale", "timezone", "email", "phone", "crm_id"):
            value = getattr(event, name)
            if value is not None and (newer or getattr(self, name) is None):
                setattr(self, name, value)
        consent = event.marketing_consent
        if consent is not None and (event.at_us, not consent) >= (self.consent_us, not self.consent):
            self.consent_us, self.consent = event.at_us, consent
