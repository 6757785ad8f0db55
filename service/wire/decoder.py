"""Bytes → an accepted event, or PoisonError with the precise reason.

Purchases and survey answers are tried the quick way first (quick.py); whatever it refuses, the pydantic models
decide (strict.py). Checks that need more than the event — key, clock skew, currency — come after, in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, Self

import msgspec
from pydantic_core import PydanticCustomError

from schemas.inputs import Bounce, CustomerEvent, SurveyEvent
from schemas.inputs import Purchase as WirePurchase
from schemas.inputs import SurveyAnswer as WireAnswer
from schemas.wire_types import MAX_ID, read_time
from service.config import Settings
from service.domain.calendar import SECOND_US
from service.domain.events import (
    Erasure,
    Item,
    Merge,
    Profile,
    Purchase,
    Resolved,
    SignOfLife,
    SurveyAnswer,
    Withdrawal,
)
from service.errors import ErrorCode, PartlyRefusedError, PassedOverError, PoisonError
from service.wire.beside import Beside
from service.wire.currencies import Money
from service.wire.envelopes import DELETED
from service.wire.fast import TOO_SHORT_TO_BE_DEEP, FastPurchase, decode_fast
from service.wire.figures import written_out
from service.wire.framing import Headers, check_headers, read_object, unframe, whole, with_frame, withdrawn_us
from service.wire.lenient import OF_PROFILES, readable_answer, readable_profile, readable_purchase
from service.wire.mapping import Shape, is_refund, shape_of
from service.wire.parts import NO_TIME, SURVEYS, clean, microseconds
from service.wire.plain_values import plain
from service.wire.quick import QuickWay
from service.wire.schemas import Reading, Schemas
from service.wire.strict import validate, validate_fields
from service.wire.views import Row, as_object

_ANSWERED: Final = (None, "answer")
"""Kinds of a record of `surveys` that are answers."""
MAX_NOTE: Final = 2_000
"""Characters of what the shop says about a case that are kept for the message."""
_NO_ERASURE_KEY: Final = (
    "nobody is erased without a key for the hashes that keep them out: set shop.erasure_salt and start the worker again, "
    "then `churn-alert dead-letters retry`"
)
_SHOWN_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """What decoding needs to know of the shop."""

    currency: str = "EUR"
    minor_digits: int = 2
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """Units of the shop's currency for one unit of another."""
    max_value_bytes: int = 262_144
    max_future_skew_us: int = 600 * SECOND_US
    can_erase: bool = True
    """Whether there is a key for the hashes that keep erased customers out."""
    purchases: Shape | None = None
    """How purchases look that are not ours; None: they are ours."""
    surveys: Shape | None = None
    """The same of answers."""
    schemas: Schemas = field(default_factory=Schemas)
    """What records with the id of a schema in front are read by."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """With what reads the inputs. Raises ConfigurationError where the format of one cannot be read here."""
        schemas = Schemas()
        bought, answered = (
            shape_of(said, name, settings.shop.currency, schemas, settings.registry.url)
            for name, said in (("purchases", settings.inputs.purchases), ("surveys", settings.inputs.surveys))
        )
        return replace(cls.of_ours(settings), schemas=schemas, purchases=bought, surveys=answered)

    @classmethod
    def of_ours(cls, settings: Settings) -> Self:
        """For who reads events of ours alone: whatever those of other forms need is not asked for."""
        shop, limits = settings.shop, settings.limits
        return cls(
            currency=shop.currency,
            minor_digits=shop.minor_digits,
            rates=shop.rates,
            max_value_bytes=limits.max_value_bytes,
            max_future_skew_us=int(limits.max_future_skew_s * SECOND_US),
            can_erase=shop.erasure_salt is not None,
        )


class Decoder:
    """Stateless after construction. `quick=False` sends everything through the models (tests compare the two)."""

    def __init__(self, shop: DecoderSettings, *, quick: bool = True) -> None:
        self._money = Money(shop.currency, shop.minor_digits, shop.rates)
        self._max_bytes = shop.max_value_bytes
        self._max_skew_us = shop.max_future_skew_us
        self._quick = quick
        self._can_erase = shop.can_erase
        self._purchases = msgspec.json.Decoder(FastPurchase)
        self._decode_purchase = self._purchases.decode
        way = QuickWay(shop.currency, shop.minor_digits, self._money, shop.max_future_skew_us)
        self._quick_purchase, self._quick_answer = way.purchase, way.answer
        self._shapes = shop.purchases, shop.surveys
        self.schemas = shop.schemas

    # Not kept, or a decoder would hold itself.

    @property
    def of_purchases(self) -> Callable[[bytes | None, bytes | None, Headers, int], Purchase]:
        """Decodes a record of the input: one of ours, or one that the settings say how to read."""
        bought = self._shapes[0]
        return self.purchase if bought is None else partial(self._mapped_purchase, bought)

    @property
    def of_surveys(self) -> Callable[[bytes | None, bytes | None, Headers, int], SurveyAnswer | Resolved]:
        """The same."""
        answered = self._shapes[1]
        return self.survey if answered is None else partial(self._mapped_answer, answered)

    @property
    def sign_of_purchases(self) -> Callable[[bytes | None, bytes | None, Headers, int, int], SignOfLife | None]:
        """What a record that is refused says of its customer all the same."""
        bought = self._shapes[0]
        return self.sign_of_life if bought is None else partial(self._mapped_sign, bought)

    def purchase(self, value: bytes | None, key: bytes | None, headers: Headers, now_us: int) -> Purchase:
        """One record of `purchases`. PoisonError when it can never be accepted."""
        if self._quick and value and not headers and len(value) <= TOO_SHORT_TO_BE_DEEP and value.isascii():
            # The hot path of the whole service, two calls shorter. A frame's first byte is no JSON and is refused here.
            try:
                found = self._quick_purchase(self._decode_purchase(value), key, now_us)
            except msgspec.MsgspecError:
                found = None
            if found is not None:
                return found
        text = unframe(value, self._max_bytes)
        if headers:
            check_headers(headers)
        if self._quick:
            fast = decode_fast(self._purchases, text)
            found = None if fast is None else self._quick_purchase(fast, key, now_us)
            if found is not None:
                return found
        return self._judged_purchase(read_object(text), key, now_us)

    def _mapped_purchase(
        self, shape: Shape, value: bytes | None, key: bytes | None, headers: Headers, now_us: int
    ) -> Purchase:
        """The same of a record that is not ours. PassedOverError where it is none that is wanted."""
        event = self._mapped(shape, value, key, headers)
        if not shape.keyed_by_customer:
            key = _key_of(event)
        if self._quick:
            try:
                found = self._quick_purchase(msgspec.convert(event, FastPurchase), key, now_us)
            except msgspec.MsgspecError:
                found = None
            if found is not None:
                return found
        event["amount"] = written_out(event.get("amount"))
        return self._judged_purchase(event, _checked_key(shape, key, event), now_us)

    def _mapped_answer(
        self, shape: Shape, value: bytes | None, key: bytes | None, headers: Headers, now_us: int
    ) -> SurveyAnswer | Resolved:
        """The same of a record of `surveys`."""
        event = self._mapped(shape, value, key, headers)
        return self._judged_answer(event, _checked_key(shape, key, event), now_us)

    def _mapped(self, shape: Shape, value: bytes | None, key: bytes | None, headers: Headers) -> dict[str, object]:
        if value is None:
            raise PassedOverError(DELETED)  # what a key stood for is gone
        found = whole(value, self._max_bytes)
        if headers:
            check_headers(headers)
        if headers or shape.looks_beside:
            return shape.ours(*_opened(shape, found, key, headers))
        return shape.ours(shape.read(found))

    def customer_of(self, kind: str, value: bytes | None, key: bytes | None, headers: Headers) -> str | None:
        """Whom a record names of an input of that name that is not ours, taken or not; None where it names nobody."""
        shape = {"purchases": self._shapes[0], "surveys": self._shapes[1]}[kind]
        if shape is None or not value:
            return None
        try:
            return shape.customer_of(*_opened(shape, value, key, headers))
        except PoisonError:
            return None

    def shown(self, kind: str, value: bytes | None, headers: Headers = ()) -> str:
        """A record of an input of that name as somebody may read it: JSON where its form is known, else its text."""
        shape = {"purchases": self._shapes[0], "surveys": self._shapes[1]}.get(kind)
        if shape is None:
            return "nothing" if value is None else value.decode(errors="replace")
        return shown_of(shape.read, value, headers, is_framed=shape.is_framed, is_binary=shape.is_binary)

    def _judged_purchase(self, said: dict[str, object], key: bytes | None, now_us: int) -> Purchase:
        """As the models say."""
        event, left_out = readable_purchase(said)
        wire = validate(WirePurchase, event)
        amount_minor = self._money.exact(wire.amount, wire.currency)
        return Purchase(
            wire.event_id,
            wire.customer_id,
            self._checked(wire.customer_id, wire.occurred_at, key, now_us),
            amount_minor,
            wire.kind == "refund",
            wire.order_id,
            tuple([Item(line.sku, clean(line.name) or line.sku) for line in wire.items or ()]),
            left_out=left_out,
            source=wire.store_id or wire.channel or "",
        )

    def sign_of_life(
        self, value: bytes | None, key: bytes | None, headers: Headers, now_us: int, timestamp_us: int
    ) -> SignOfLife | None:
        """What a refused record of `purchases` still says: that its customer was there. None where it does not say
        whose it is, or is no purchase: nothing at all, money given back.

        Its own time counts where it can be read and can be true, else that of the record in the log.
        """
        whose = _customer_of_key(key)
        try:
            event = read_object(unframe(value, self._max_bytes))
            check_headers(headers)
        except PoisonError as error:
            if whose is None or error.code is ErrorCode.EMPTY_VALUE:
                return None
            return SignOfLife(whose, timestamp_us, own_time=False)
        named = event.get("customer_id")
        if isinstance(named, str) and named:
            if whose is None:
                whose = _customer_of_key(named.encode(errors="replace")) if key is None else None
            elif named != whose:
                return None
        if whose is None or is_refund(event.get("kind")):
            return None
        return self._sign_at(whose, event.get("occurred_at"), now_us, timestamp_us)

    def _sign_at(self, whose: str, said: object, now_us: int, timestamp_us: int) -> SignOfLife:
        try:
            at_us = microseconds(read_time(said))
        except PydanticCustomError:
            at_us = NO_TIME
        if 0 <= at_us <= now_us + self._max_skew_us:
            return SignOfLife(whose, at_us, own_time=True)
        return SignOfLife(whose, timestamp_us, own_time=False)

    def _mapped_sign(
        self, shape: Shape, value: bytes | None, key: bytes | None, headers: Headers, now_us: int, timestamp_us: int
    ) -> SignOfLife | None:
        """The same of a record that is not ours: the customer is who the event says."""
        try:
            event, beside = _opened(shape, whole(value, self._max_bytes), key, headers)
            check_headers(headers)
        except PoisonError:
            return None
        said = shape.sign(event, beside)
        if said is None:
            return None
        whose = _customer_of_key(said[0].encode(errors="replace"))
        if whose is None or (shape.keyed_by_customer and key != whose.encode()):
            return None
        return self._sign_at(whose, said[1], now_us, timestamp_us)

    def survey(self, value: bytes | None, key: bytes | None, headers: Headers, now_us: int) -> SurveyAnswer | Resolved:
        """One record of `surveys`. PoisonError when it can never be accepted."""
        text = unframe(value, self._max_bytes)
        if headers:
            check_headers(headers)
        if self._quick:
            found = self._quick_answer(text, key, now_us)
            if found is not None:
                return found
        return self._judged_answer(read_object(text), key, now_us)

    def _judged_answer(self, event: dict[str, object], key: bytes | None, now_us: int) -> SurveyAnswer | Resolved:
        said = readable_answer(event)[0]
        if said.get("kind") not in _ANSWERED:
            return self._resolved(validate(SurveyEvent, {**said, "score": None}), key, now_us)
        wire = validate(WireAnswer, said)
        at_us = self._checked(wire.customer_id, wire.occurred_at, key, now_us)
        return SurveyAnswer(wire.event_id, wire.customer_id, at_us, SURVEYS[wire.survey], wire.score, wire.order_id)

    def _resolved(self, wire: SurveyEvent, key: bytes | None, now_us: int) -> Resolved:
        """The word that an answer was dealt with."""
        at_us = self._checked(wire.customer_id, wire.occurred_at, key, now_us)
        survey = None if wire.survey is None else SURVEYS[wire.survey]
        note = (clean(wire.comment) or "")[:MAX_NOTE]
        return Resolved(wire.event_id, wire.customer_id, at_us, survey, wire.order_id, note)

    def customer(
        self, value: bytes | None, key: bytes | None, headers: Headers, now_us: int
    ) -> Profile | Erasure | Merge:
        """One record of `customers`. PoisonError when it can never be accepted, PartlyRefusedError when some fields of
        a profile cannot."""
        text = unframe(value, self._max_bytes)
        check_headers(headers)
        said, alike = readable_profile(read_object(text))
        wire, refused = validate_fields(CustomerEvent, said, OF_PROFILES)
        at_us = self._checked(wire.customer_id, wire.occurred_at, key, now_us)
        if wire.kind == "erase":
            if not self._can_erase:
                raise PoisonError(ErrorCode.NO_ERASURE_KEY, _NO_ERASURE_KEY)
            return Erasure(wire.event_id, wire.customer_id, at_us)
        if wire.merged_into is not None and wire.kind == "merge":
            return Merge(wire.event_id, wire.customer_id, at_us, wire.merged_into)
        contact = wire.contact
        profile = Profile(
            wire.event_id,
            wire.customer_id,
            at_us,
            first_name=clean(wire.first_name),
            locale=wire.locale,
            timezone=wire.timezone,
            email=contact.email if contact else None,
            phone=contact.phone if contact else None,
            crm_id=contact.crm_id if contact else None,
            marketing_consent=False if wire.complaint else wire.marketing_consent,
            bounced=_bounced(wire.bounce),
            bounces_lifted=wire.bounce is not None and wire.bounce.type == "lifted",
            alike=alike,
            complained=bool(wire.complaint),
            outreach_id=wire.outreach_id,
            profiling=wire.profiling,
        )
        if refused:
            raise PartlyRefusedError(profile, refused)
        return profile

    def withdrawal(self, key: bytes | None, timestamp_us: int, headers: Headers = ()) -> Withdrawal | None:
        """What a record of `customers` without a value says: the profile is deleted, when the log says or, where the
        worker itself has written it, a header. None where the key is no customer."""
        whose = _customer_of_key(key)
        return None if whose is None else Withdrawal("", whose, withdrawn_us(headers) or timestamp_us)

    def _checked(self, customer_id: str, occurred_at: datetime, key: bytes | None, now_us: int) -> int:
        """Time in µs of an event whose time and key are acceptable."""
        at_us = microseconds(occurred_at)
        if at_us < 0:
            raise PoisonError(ErrorCode.TIME_TOO_OLD, f"occurred_at: {occurred_at.isoformat()} lies before 1970")
        if at_us > now_us + self._max_skew_us:
            ahead_s = (at_us - now_us) // SECOND_US
            raise PoisonError(ErrorCode.TIME_IN_FUTURE, f"occurred_at: lies {ahead_s} seconds in the future")
        if key is None:
            raise PoisonError(ErrorCode.KEY_MISMATCH, "the record has no key; it must be the customer_id")
        if key != customer_id.encode():
            raise PoisonError(ErrorCode.KEY_MISMATCH, "the record's key differs from customer_id")
        return at_us


def _as_text(value: object) -> object:
    """For JSON, which does not know it."""
    found = plain(as_object(value))
    return str(found) if isinstance(found, float) else found


def shown_of(read: Reading, value: bytes | None, headers: Headers, *, is_framed: bool, is_binary: bool) -> str:
    """A record that is not ours as somebody may read it."""
    if value is None or not is_binary:
        return "nothing" if value is None else value.decode(errors="replace")
    try:
        found = read(with_frame(value, headers) if is_framed else value)
        return msgspec.json.encode(as_object(found), enc_hook=_as_text).decode()
    except PoisonError:
        return value[:_SHOWN_BYTES].hex(" ")


def _opened(shape: Shape, value: bytes, key: bytes | None, headers: Headers) -> tuple[Row, Beside | None]:
    """A record that is not ours, and what lies beside it where that is asked for."""
    row = shape.read(with_frame(value, headers) if headers and shape.is_framed else value)
    return row, Beside(key, headers, value, shape.read_key) if shape.looks_beside else None


def _key_of(event: dict[str, object]) -> bytes | None:
    """Which key the event would have, were it ours."""
    whose = event["customer_id"]
    return whose.encode(errors="replace") if isinstance(whose, str) else None


def _checked_key(shape: Shape, key: bytes | None, event: dict[str, object]) -> bytes | None:
    """The same. PoisonError where the record's is to be that and is not."""
    wanted = _key_of(event)
    if shape.keyed_by_customer and wanted is not None and key != wanted:
        differs = "has no key" if key is None else "has another key than its customer"
        raise PoisonError(
            ErrorCode.KEY_MISMATCH, f'the record {differs}: set key = "any" in the [inputs.…] of this topic'
        )
    return wanted


def _customer_of_key(key: bytes | None) -> str | None:
    """The customer_id that a record's key is; None for one that can be none."""
    try:
        text = "" if key is None else key.decode()
    except UnicodeDecodeError:
        return None
    return text if 0 < len(text) <= MAX_ID and text.isprintable() else None


def _bounced(said: Bounce | None) -> str | None:
    """The address to which mail came back for good, empty for the known one; None where none has."""
    return None if said is None or said.type in {"soft", "lifted"} else said.email or ""
