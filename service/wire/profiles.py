"""What a CRM says of customers, in the form of `customers`: `[inputs.customers]` says where each field lies.

What comes out is judged by the decoder of `customers`, as whatever anybody writes there is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.config.sections.inputs import MappedCustomers
from service.errors import ErrorCode, PartlyRefusedError, PassedOverError, PoisonError
from service.wire.beside import Beside, key_in, looks_beside, with_beside
from service.wire.decoder import Decoder, DecoderSettings, shown_of
from service.wire.envelopes import DELETED, change_of
from service.wire.formats import reading_of
from service.wire.framing import Headers, check_headers, whole, with_frame
from service.wire.mapping import FILTERED, Conditions, conditions_of, holds, is_one
from service.wire.places import Place
from service.wire.schemas import Schemas
from service.wire.times import reading_of_times
from service.wire.views import Row
from service.wire.whose import name_of, spelt
from service.wire.wrapped import says_nothing

_CONTACT: Final = ("email", "phone", "crm_id")
_AS_THEY_ARE: Final = ("first_name", "timezone", "marketing_consent", "profiling", "bounce", "complaint")
_encode = msgspec.json.Encoder().encode
_EMPTY: Final = (None, "")
Object = dict[str, object]


class Word(NamedTuple):
    """A record of `customers`."""

    customer_id: str
    value: bytes | None
    """None: the customer's record is deleted."""
    at_us: int
    """When, of one without a value; else the value says it."""


class ProfileReader:
    """Reads the records of the topic that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError where its format cannot be read here."""
        said: MappedCustomers = settings.inputs.customers
        self.schemas = Schemas()
        self.is_framed = said.needs_registry
        self.asks_keys = said.needs_key_schemas
        """Whether its keys are read by their schemas too."""
        self._read_key = self.schemas.read_key if said.needs_registry else None
        self._read = reading_of(said, "customers", self.schemas, settings.registry.url)
        self._judge = Decoder(DecoderSettings.of_ours(settings)).customer
        self._max_bytes = settings.limits.max_value_bytes
        self._is_binary = said.format != "json"
        place_of = partial(Place, plainly=self._is_binary)
        at = said.fields.get("occurred_at")
        self._at = None if at is None else Place(at)
        consented = said.fields.get("marketing_consent_at")
        self._consented = None if consented is None else Place(consented)
        apart = {"occurred_at", "marketing_consent_at"}
        self._fields = {name: place_of(path) for name, path in said.fields.items() if name not in apart}
        self._only = conditions_of(said.only, place_of)
        self._not_if = conditions_of(said.not_if, place_of)
        self._needs = [place_of(path) for path in said.needs]
        self._consent_if = conditions_of(said.consent_if, place_of)
        self._withdrawn_if = conditions_of(said.withdrawn_if, place_of)
        self._erased_if = conditions_of(said.erased_if, place_of)
        self._envelope = said.envelope
        paths = [
            *said.fields.values(), *said.only, *said.not_if, *said.needs, *said.consent_if, *said.withdrawn_if,
            *said.erased_if,
        ]  # fmt: skip
        self._looks_beside = any(map(looks_beside, paths))
        self._time = reading_of_times(said.time, said.timezone)
        self._keyed = said.key == "customer_id"

    def words(self, record: ConsumerRecord) -> list[Word]:
        """What a record says. PassedOverError where it is nothing that is wanted, PoisonError where it can never be
        understood."""
        now_us = time.time_ns() // 1_000
        written_us = record.timestamp * 1_000 if record.timestamp > 0 else now_us
        if record.value is None:
            return [self._gone(record, written_us)]
        value = whole(record.value, self._max_bytes)
        check_headers(record.headers)
        try:
            event = self._read(with_frame(value, record.headers) if self.is_framed else value)
        except PassedOverError:  # a null in JSON's words
            return [self._gone(record, written_us)]
        row, gone = change_of(self._envelope, event)
        if self._looks_beside:
            row = with_beside(row, event, Beside(record.key, record.headers, value, self._read_key))
        if not gone and not self._is_wanted(row):
            raise PassedOverError(FILTERED)
        whose = _text(spelt(self._fields["customer_id"].of(row), as_it_is=self._keyed))
        if gone:
            return [Word(whose, None, written_us)]
        at = self._moment(self._at, row)
        said = list(self._said(row, whose, at or _iso(written_us), _place_of(record)))
        for each in said:
            self._judged(each, now_us)
        if holds(self._withdrawn_if, row):
            return [Word(whose, None, _microseconds(said[0]["occurred_at"], written_us))]
        return [Word(whose, _encode(each), 0) for each in said]

    def _gone(self, record: ConsumerRecord, written_us: int) -> Word:
        """Of a record without a value."""
        if not self._keyed or not record.key:
            raise PassedOverError(DELETED)
        return Word(_of_key(record.key), None, written_us)

    def shown(self, value: bytes | None, headers: Headers = ()) -> str:
        """A record as somebody may read it."""
        return shown_of(self._read, value, headers, is_framed=self.is_framed, is_binary=self._is_binary)

    def _is_wanted(self, row: Row) -> bool:
        wanted = all(is_one(place.of(row), words) for place, words in self._only)
        return wanted and not holds(self._not_if, row) and not any(says_nothing(place.of(row)) for place in self._needs)

    def _said(self, row: Row, whose: str, at: object, place: str) -> Iterator[Object]:
        """Events of `customers`: the profile, and a consent of its own time by itself."""
        found = {name: place.of(row) for name, place in self._fields.items()}
        event_id = found.get("event_id")
        event: Object = {
            "event_id": place if says_nothing(event_id) else name_of(event_id),
            "customer_id": whose,
            "occurred_at": at,
        }
        if holds(self._erased_if, row):
            yield {**event, "kind": "erase"}
            return
        into = found.get("merged_into")
        other = None if says_nothing(into) else spelt(into, as_it_is=self._keyed)
        if other is not None and other != whose:
            yield {**event, "kind": "merge", "merged_into": other}
            return
        contact = {name: name_of(found[name]) for name in _CONTACT if found.get(name) not in _EMPTY}
        profile = {name: found[name] for name in _AS_THEY_ARE if found.get(name) not in _EMPTY}
        locale = found.get("locale")
        if isinstance(locale, str) and locale.strip():
            profile["locale"] = locale.strip().partition(".")[0].replace("_", "-")
        if contact:
            profile["contact"] = contact
        if self._consent_if:
            agreed = _consent(self._consent_if, row)
            profile |= {} if agreed is None else {"marketing_consent": agreed}
        consented = self._moment(self._consented, row)
        if consented is None or "marketing_consent" not in profile:
            yield {**event, "kind": "profile", **profile}
            return
        consent = profile.pop("marketing_consent")
        yield {**event, "kind": "profile", **profile}
        yield {
            **event,
            "event_id": f"{event['event_id']}-consent",
            "occurred_at": consented,
            "kind": "profile",
            "marketing_consent": consent,
        }

    def _moment(self, place: Place | None, row: Row) -> object:
        """A time as ours have it; None where nothing says it."""
        said = None if place is None else place.of(row)
        return None if says_nothing(said) else self._time(said)

    def _judged(self, event: Object, now_us: int) -> None:
        """PoisonError where `customers` would refuse it; of a profile each field that is wrong is refused there."""
        try:
            self._judge(_encode(event), str(event["customer_id"]).encode(), (), now_us)
        except PartlyRefusedError:
            return


def _consent(conditions: Conditions, row: Row) -> bool | None:
    """None where nothing is said."""
    if holds(conditions, row):
        return True
    return None if all(place.of(row) in _EMPTY for place, _ in conditions) else False


def _of_key(key: bytes) -> str:
    """Whose key it is: a text, one of JSON, or the one field of a key that has fields."""
    found = key_in(key)
    if isinstance(found, dict) and len(found) == 1:
        (found,) = found.values()
    return _text(spelt(found, as_it_is=True))


def _text(whose: object) -> str:
    if isinstance(whose, str):
        return whose
    raise PoisonError(ErrorCode.WRONG_TYPE, "customer_id: must be a text or a whole number")


def _place_of(record: ConsumerRecord) -> str:
    """An id of what lies there; a topic that is made anew has others."""
    return f"{record.topic}-{record.partition}-{record.offset}-{record.timestamp}"[-200:]


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat()


def _microseconds(said: object, otherwise: int) -> int:
    try:
        return int(datetime.fromisoformat(str(said)).timestamp() * 1_000_000)
    except ValueError:
        return otherwise
