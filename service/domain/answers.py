"""The newest answer a customer gave to each survey, joined to the order it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, assert_never

from service.domain.events import Survey, SurveyAnswer
from service.domain.findings import LatestAnswer
from service.domain.hashed_ids import order_hash
from service.domain.stored import Stored

AnsweredOrder = tuple[str, int | None, int | None]
"""The order that an answer is about: order_id as given, its time in µs and its amount in minor units; both None while
it is not known."""


class Answers(Stored):
    """The newest answer per survey with its time; None = never asked or never answered.

    Where the answer is about an order, that order is joined to it, whichever of the two comes first. A join lasts: it
    does not need the order to stay in memory. It says what the order amounts to, as corrected, whatever is refunded
    later.
    """

    __slots__ = ("ces", "ces_order", "ces_us", "csat", "csat_order", "csat_us", "nps", "nps_order", "nps_us")
    STORED: ClassVar[tuple[str, ...]] = (
        "nps", "nps_us", "csat", "csat_us", "ces", "ces_us", "nps_order", "csat_order", "ces_order",
    )  # fmt: skip

    def __init__(self) -> None:
        self.nps: int | None = None
        self.nps_us: int = 0
        self.csat: int | None = None
        self.csat_us: int = 0
        self.ces: int | None = None
        self.ces_us: int = 0
        self.nps_order: AnsweredOrder | None = None
        self.csat_order: AnsweredOrder | None = None
        self.ces_order: AnsweredOrder | None = None

    def take_fields(self, fields: Sequence[Any]) -> None:
        """An order comes back from its stored form as a list."""
        super().take_fields([tuple(field) if isinstance(field, list) else field for field in fields])

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

    def answered_us(self, survey: str) -> int:
        """Time of the newest answer to that survey; 0: there is none."""
        return {Survey.NPS: self.nps_us, Survey.CSAT: self.csat_us, Survey.CES: self.ces_us}[Survey(survey)]

    def score_of(self, survey: str) -> int | None:
        """The newest answer to that survey; None: there is none."""
        return {Survey.NPS: self.nps, Survey.CSAT: self.csat, Survey.CES: self.ces}[Survey(survey)]

    def take(self, event: SurveyAnswer, ordered: tuple[int, int] | None) -> bool:
        """The newest answer of each survey stays; `ordered`: time and amount of the order it is about, where that is
        known. Returns whether it is this one.

        Of two at the same instant the higher stays, of equal ones that with the greater order_id, so that their order
        does not matter.
        """
        at_us, score = event.at_us, event.score
        order = None if event.order_id is None else self._found(event.order_id, ordered)
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
        """An order has become known; of several with one id the earliest counts. Returns whether an answer says more
        now."""
        nps, csat, ces = self.nps_order, self.csat_order, self.ces_order
        if nps is None and csat is None and ces is None:
            return False
        self.nps_order = _joined(nps, order_id, at_us, amount_minor)
        self.csat_order = _joined(csat, order_id, at_us, amount_minor)
        self.ces_order = _joined(ces, order_id, at_us, amount_minor)
        return self.nps_order != nps or self.csat_order != csat or self.ces_order != ces

    def absorb(self, other: Answers) -> None:
        """What another id of the same customer answered was answered by this one."""
        if _rank(other.nps_us, other.nps, other.nps_order) > _rank(self.nps_us, self.nps, self.nps_order):
            self.nps, self.nps_us, self.nps_order = other.nps, other.nps_us, other.nps_order
        if _rank(other.csat_us, other.csat, other.csat_order) > _rank(self.csat_us, self.csat, self.csat_order):
            self.csat, self.csat_us, self.csat_order = other.csat, other.csat_us, other.csat_order
        if _rank(other.ces_us, other.ces, other.ces_order) > _rank(self.ces_us, self.ces, self.ces_order):
            self.ces, self.ces_us, self.ces_order = other.ces, other.ces_us, other.ces_order

    def open_orders(self) -> list[str]:
        """The order_ids that answers are about and of which nothing is known yet."""
        orders = (self.nps_order, self.csat_order, self.ces_order)
        return [order[0] for order in orders if order is not None and order[1] is None]

    def restate(self, order: bytes, amount_minor: int) -> bool:
        """The order with that hash amounts to something else than was known. Returns whether an answer says so now."""
        nps, csat, ces = self.nps_order, self.csat_order, self.ces_order
        self.nps_order = _restated(nps, order, amount_minor)
        self.csat_order = _restated(csat, order, amount_minor)
        self.ces_order = _restated(ces, order, amount_minor)
        return self.nps_order != nps or self.csat_order != csat or self.ces_order != ces

    def _found(self, order_id: str, ordered: tuple[int, int] | None) -> AnsweredOrder:
        """The order with what is known of it: from an answer it has been joined to, or as the history has it."""
        for known in (self.nps_order, self.csat_order, self.ces_order):
            if known is not None and known[0] == order_id and known[1] is not None:
                return known
        return (order_id, None, None) if ordered is None else (order_id, *ordered)


def _rank(at_us: int, score: int | None, order: AnsweredOrder | None) -> tuple[int, int, str]:
    return at_us, -1 if score is None else score, "" if order is None else order[0]


def _joined(answered: AnsweredOrder | None, order_id: str, at_us: int, amount_minor: int) -> AnsweredOrder | None:
    if answered is None or answered[0] != order_id:
        return answered
    known_us, known_minor = answered[1], answered[2]
    if known_us is not None and known_minor is not None and (known_us, known_minor) <= (at_us, amount_minor):
        return answered
    return order_id, at_us, amount_minor


def _restated(answered: AnsweredOrder | None, order: bytes, amount_minor: int) -> AnsweredOrder | None:
    if answered is None or answered[1] is None or order_hash(answered[0]) != order:
        return answered
    return answered[0], answered[1], amount_minor
