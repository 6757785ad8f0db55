"""What was understood of a table, in sentences for the person who gave the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from service.history.doubts import OfPeople
from service.history.encodings import NAMES
from service.history.evidence import Evidence
from service.history.layout import Layout, Wishes
from service.history.sources import Source
from service.history.states import ALWAYS, PAID_BACK, PAYS_BACK, columns_of, is_a_state, is_partly_back, knows_state
from service.history.zones import zone_named
from service.profiles import Profile, plain_name

_SHOWN: Final = 3
_OFFSET: Final = re.compile(r"[+-]\d\d:?\d\d", re.ASCII)
_UTC: Final = "UTC"
_UNKNOWN: Final = "not known, and so counted as bought"


class LookedAt(Protocol):
    """A table of purchases or of answers whose columns have been looked at."""

    path: Path
    source: Source
    layout: Layout
    wishes: Wishes
    evidence: Evidence | None
    option: str
    decided_by: str
    rates: dict[str, Decimal | None]

    @property
    def profile(self) -> Profile | None:
        """The kind of export that it is, where it is known."""

    @property
    def currency(self) -> str:
        """What its amounts are in, "" = the shop's."""

    def sign(self) -> str:
        """That of several currencies which all amounts have."""

    def asked(self) -> list[tuple[str, str]]:
        """Surveys and the columns of their scores."""


def sentences_of(table: LookedAt) -> list[str]:
    """What was understood, for the person who gave the file."""
    if table.evidence is None:
        return []
    at, found = table.layout.at, table.evidence
    what = {"profile": f"read as {table.profile.name}" if table.profile else "", "guess": "read by a guess",
            "map": "read as you said", "ours": "read"}[table.layout.origin]  # fmt: skip
    columns = ", ".join(
        f"{name} = {table.layout.column(name)}"
        for name in ("customer_id", "timestamp", "amount", "price", "score")
        if name in at
    )
    columns = ", ".join([columns, *(f"{name} = {column}" for name, column in table.asked())])
    columns = f"; {columns}" if table.layout.origin != "ours" else ""
    told = [f"{table.path.name}: {what}{columns}{_conventions(table)}."]
    if not found.amounts and table.profile is not None and not table.profile.surveys:
        told.append(f"  {table.path.name} has no amounts: visits count, and revenue is nothing throughout.")
    amount = found.amounts.get("amount")
    if table.layout.origin == "guess" and amount is not None and 0 < amount.blank < found.rows:
        told.append(
            f"  {amount.blank:,} of {found.rows:,} rows have no {amount.name}: those of them that are orders are worth nothing."
        )
    told += _refunds_said(table)
    told += _strange_states_said(table)
    told += [
        f"  {name} has {word!r} in some rows, and other words that are not known: nothing is made of it, so those rows count as well."
        for name, word in table.layout.passed_over[:_SHOWN]
    ]
    told += _states_said(table)
    told += [f"  {said}" for time in found.times.values() if (said := time.counted_said())]
    told += _days_said(table)
    if table.layout.origin == "guess" and table.layout.amount_is == "order":
        told.append(
            f"  {table.layout.column('amount')} is that of the whole order: it counts in the first of its rows."
        )
    if found.begins_again:
        told.append(f"  {table.layout.column('order_id')} begins again: one number on two days is two orders.")
    used = {table.layout.column(name) for name in at}
    told += [
        f"  {', '.join(names)} from {one.source.shown.name}, by {one.by}."
        for one in table.source.joined
        if (names := [name for name in (*one.takes, *one.sums) if name in used])
    ]
    if table.layout.origin == "guess":
        told += [OfPeople(f"  {row}") for row in found.shown]
        told.append(f"  If a column is meant otherwise, say it: {table.option}")
    return told


def _strange_states_said(table: LookedAt) -> Iterator[str]:
    """Of an export of a known kind the states of orders that neither it nor anybody knows."""
    assert table.evidence is not None  # noqa: S101 - looked at
    if table.profile is None or "status" not in table.layout.at:
        return
    name = table.layout.column("status")
    theirs = [*table.profile.refunded, *(word for words in table.profile.left_out.values() for word in words)]
    known = {word.strip().casefold() for word in theirs}
    strange = [
        f"{text[:24]} ({count:,})"
        for text, count in table.evidence.states.get(name, Counter[str]()).most_common()
        if text.strip().casefold() not in known and not knows_state(text) and not _is_told(table, text)
    ]
    if strange:
        more = " and others" if len(strange) > _SHOWN else ""
        yield f"  {name}: {_UNKNOWN}: {', '.join(strange[:_SHOWN])}{more}."


def _is_told(table: LookedAt, state: str) -> bool:
    """Whether another column says how much of the order was given back, as its state says that some was."""
    return "refunded" in table.layout.at and is_partly_back(state)


def _refunds_said(table: LookedAt) -> Iterator[str]:
    """Of a table that is one of refunds by its name."""
    if any(one.what == ALWAYS for one in table.layout.signals):
        yield f"  Its name says that {table.path.name} is of refunds: each row pays back. Give it another name if they are sales."


def _states_said(table: LookedAt) -> Iterator[str]:
    assert table.evidence is not None  # noqa: S101 - looked at
    for signal in (one for one in table.layout.signals if one.is_a_word):
        name = table.layout.header[signal.place].strip()
        told: dict[str, list[str]] = {}
        for text, count in table.evidence.states[name].most_common():
            meant = {"": "bought", PAID_BACK: PAID_BACK, PAYS_BACK: PAYS_BACK}.get(signal.says(text), "not counted")
            if not signal.knows(text) and not _is_told(table, text):
                meant = _UNKNOWN
            told.setdefault(meant, []).append(f"{text[:24] or 'empty'} ({count:,})")
        if len(table.evidence.states[name]) > 1 and (
            plain_name(name) not in columns_of("also of places") or any(map(is_a_state, table.evidence.states[name]))
        ):
            yield (
                f"  {name}: "
                + "; ".join(
                    f"{meant}: {', '.join(texts[:_SHOWN])}{' and others' if len(texts) > _SHOWN else ''}"
                    for meant, texts in told.items()
                )
                + "."
            )


def _conventions(table: LookedAt) -> str:
    assert table.evidence is not None  # noqa: S101 - looked at
    told = []
    if table.evidence.encoding in NAMES:
        told.append(f"in {NAMES[table.evidence.encoding]}")
    time = table.evidence.times.get("timestamp")
    if time is not None and time.order_said():
        told.append(time.order_said())
    if time is not None and time.zones.names:
        told.append(f"times in {time.zones.said()}")
    elif time is not None and time.zone:
        told.append("times in UTC" if time.zone == "+00:00" else f"times at {time.zone}")
    if any(column.mark == "," for column in table.evidence.amounts.values()):
        told.append("decimal comma")
    if table.decided_by:
        told.append(f"as {table.decided_by} says")
    return f" ({', '.join(told)})" if told else ""


def _days_said(table: LookedAt) -> Iterator[str]:
    """Where the shop's days are those of UTC because nobody has said otherwise, and the file has another clock."""
    if not isinstance(table.wishes.zone, ZoneInfo) or table.wishes.zone.key != _UTC or table.evidence is None:
        return
    time = table.evidence.times["timestamp"]
    places = {zone.key for zone in map(zone_named, time.zones.names) if isinstance(zone, ZoneInfo)} - {_UTC}
    if len(places) == 1:
        yield f"  Its clock is that of {places.pop()}, and days are counted in UTC: set shop.timezone, or let `churn-alert init {table.path.name}` do it."
    elif offsets := sorted(one for one in table.evidence.offsets if _OFFSET.fullmatch(one) and one.strip("+-0:")):
        yield f"  Its clock is {' and '.join(offsets[:2])} of UTC, and days are counted in UTC: set shop.timezone, or let `churn-alert init {table.path.name}` do it."


def currency_sentences_of(table: LookedAt) -> list[str]:
    """Which currency was found, where it is not the shop's alone."""
    if table.evidence is None:
        return []
    found, ours = table.evidence.currencies, table.wishes.currency
    if not found and table.currency and ours:
        told = f"{table.path.name} has amounts in {table.sign()}, and shop.currency is {ours}: they are called {table.currency} here. "
        return [f'{told}Set shop.currency, such as "{table.currency}".']
    if table.currency and ours and len(found) == 1:
        told = f"{table.path.name} is in {table.currency}, and shop.currency is {ours}: amounts are taken as they are. "
        return [f'{told}Set shop.currency = "{table.currency}".']
    if len(found) > 1:
        told = f"{table.path.name} has several currencies: " + ", ".join(
            f"{count:,} × {code}" for code, count in found.most_common(6)
        )
        if table.evidence.changed or table.evidence.converted:
            told += "; those in another one count as what the file says that they became"
        if table.currency and ours:
            told += f". None is {ours}, which is shop.currency: what is in {table.currency} counts as it is"
        most = found.most_common(1)[0][0]
        if table.rates.get(most, most) is None and not table.evidence.converted:
            told += f'. If the shop reckons in {most}, set shop.currency = "{most}"; else say in shop.rates what one {most} is worth'
        return [f"{told}."]
    if not found and (unknown := next((one.unknown for one in table.evidence.amounts.values() if one.unknown), "")):
        return [
            f"{table.path.name} has amounts in {unknown!r}, which is no currency that is known here: they are taken as they are, in {ours}."
        ]
    return []
