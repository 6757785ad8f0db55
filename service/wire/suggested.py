"""Settings that would read a topic of orders in JSON of the shop's own, by the names of their fields and what stands in
them, as columns of files are guessed. Nothing is said that has not been tried on the records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from service.config import Settings
from service.errors import ConfigurationError, PoisonError
from service.history.cents import says_cents
from service.history.guess import guessed
from service.history.json_rows import json_grid
from service.profiles import plain_name
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.envelopes import row_of
from service.wire.framing import read_object, strip_frame
from service.wire.guesses import envelope_of
from service.wire.times import unit_of

_MOST: Final = 200
"""Records that are looked at."""
_FIELDS: Final = ("customer_id", "timestamp", "amount", "currency", "order_id", "store_id")
_IDS: Final = frozenset({"id", "uuid", "messageid", "eventid", "key"})
Said = dict[str, Any]


class Record(NamedTuple):
    """As it lies in the topic."""

    key: bytes | None
    value: bytes | None


def suggested(records: Sequence[Record], settings: Settings, now_us: int) -> str:
    """A table [inputs.purchases] in TOML by which at least one of the records is a purchase; empty where nothing is
    plain."""
    records = [each for each in records[-_MOST:] if each.value]
    envelope, rows = _rows_of(records)
    said = _guess(rows, settings.shop.timezone)
    if said is None:
        return ""
    if envelope:
        said = {"envelope": envelope, **said}
    taken = _taken(records, said, settings, now_us)
    return _toml(said) if taken else ""


def _rows_of(records: Sequence[Record]) -> tuple[str, list[Said]]:
    envelopes, rows = set[str](), list[Said]()
    for each in records:
        try:
            found = read_object(strip_frame(each.value or b" "))
            envelope = envelope_of(found)
            row = row_of(envelope or "none", found)
        except PoisonError:
            continue
        envelopes.add(envelope)
        if isinstance(row, dict):
            rows.append(row)
    return (envelopes.pop(), rows) if len(envelopes) == 1 else ("", [])


def _guess(rows: Sequence[Said], timezone: str) -> Said | None:
    """None where it is not plain which field is what."""
    if not rows:
        return None
    grid, _ = json_grid(Path("topic"), StringIO("\n".join(map(json.dumps, rows))))
    header, *cells = grid
    try:
        at, amount_is = guessed(header, cells, "topic", surveys=False)
    except ConfigurationError:
        return None
    named = at.get("event_id", at.get("order_id", _id_among(header)))
    if amount_is != "row" or named is None or "time" in at:
        return None
    fields = {"event_id": header[named]}
    fields |= {"occurred_at" if name == "timestamp" else name: header[at[name]] for name in _FIELDS if name in at}
    when = next((row[at["timestamp"]] for row in cells if row and row[at["timestamp"]].strip()), "")
    said: Said = {"key": "any", **_time_of(when, timezone)}
    if says_cents(fields["amount"]):
        said["amounts"] = "minor"
    return {**said, "fields": fields}


def _id_among(header: Sequence[str]) -> int | None:
    return next((place for place, name in enumerate(header) if plain_name(name) in _IDS), None)


def _time_of(cell: str, timezone: str) -> Said:
    if unit := unit_of(cell):
        return {"time": unit, **({"timezone": timezone} if unit == "epoch_days" else {})}
    try:
        has_none = datetime.fromisoformat(cell.strip()).tzinfo is None
    except ValueError:
        has_none = False
    return {"timezone": timezone} if has_none else {}


def _taken(records: Sequence[Record], said: Said, settings: Settings, now_us: int) -> bool:
    """Whether it reads one of them."""
    try:
        inputs = type(settings.inputs).model_validate({"purchases": said})
        decoder = Decoder(DecoderSettings.of(settings.model_copy(update={"inputs": inputs})))
    except (ValidationError, ConfigurationError):
        return False
    for each in records:
        try:
            decoder.of_purchases(each.value, each.key, (), now_us)
        except PoisonError:
            continue
        return True
    return False


def _toml(said: Said) -> str:
    plain = [f"{name} = {json.dumps(value)}" for name, value in said.items() if name != "fields"]
    fields = [f"{name} = {json.dumps(path, ensure_ascii=False)}" for name, path in said["fields"].items()]
    return "\n".join(["[inputs.purchases]", *plain, "", "[inputs.purchases.fields]", *fields])
