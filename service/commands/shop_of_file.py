"""What a log says of the shop it comes from: the currency, and the time zone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.history import History

_ROWS: Final = 200_000
"""Looked at: a year of a busy shop, and a second of time."""
_NEVER_MEANT: Final = frozenset({timedelta()})
"""An export in UTC says nothing of where the shop is."""
_BOTH_SEASONS: Final = (1, 7)


@dataclass(frozen=True)
class ShopOfFile:
    """What is empty is not known."""

    currency: str = ""
    zone: str = ""
    by_offsets: bool = False
    """The zone is one of those whose clock fits; else the file names it."""
    likely_zone: str = ""
    """One that fits as well as others, where several do; for a question."""
    trouble: str = ""
    """Why the file could not be read, as a sentence."""


def shop_of(log: Path) -> ShopOfFile:
    """Reads as much of a log as is needed."""
    from service.config import Settings
    from service.history import Wishes, open_history

    shop = Settings().shop
    try:
        history = open_history(
            [log], (), calendar=shop.calendar(), minor_digits=shop.minor_digits, wishes=Wishes(currency="")
        )
        currency, named = history.report.currency or _own_column(history), _named(history)
        if named:
            return ShopOfFile(currency, named)
        certain, likely = zone_of(_offsets(history))
        return ShopOfFile(currency, certain, bool(certain), likely)
    except ConfigurationError as error:
        return ShopOfFile(trouble=str(error))


def zone_of(seen: Iterable[tuple[datetime, timedelta]]) -> tuple[str, str]:
    """(the zone, one of several that fit) from instants and the offsets that clocks showed then; "" where there is
    none.

    Several zones with the same clock the whole year are one; of them this machine's is preferred, then the one by which
    CLDR knows them.
    """
    pairs = set(seen)
    if {offset for _, offset in pairs} <= _NEVER_MEANT:
        return "", ""
    fitting = [name for name in _candidates() if all(at.astimezone(ZoneInfo(name)).utcoffset() == o for at, o in pairs)]
    if not fitting:
        return "", ""
    year = max(at for at, _ in pairs).year
    clocks = {tuple(_offset(name, year, month) for month in _BOTH_SEASONS) for name in fitting}
    return (fitting[0], "") if len(clocks) == 1 else ("", fitting[0])


def zone_here() -> str:
    """This machine's, where it says."""
    named = os.environ.get("TZ", "").lstrip(":")
    try:
        linked = str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
    except OSError:
        linked = ""
    known = available_timezones()
    return next((zone for zone in (named, linked) if zone in known), "UTC")


def _offset(name: str, year: int, month: int) -> timedelta | None:
    return datetime(year, month, 1, tzinfo=UTC).astimezone(ZoneInfo(name)).utcoffset()


def _candidates() -> list[str]:
    """Zones of places, the likeliest first."""
    from babel.core import get_global

    known = available_timezones()
    listed = [zone_here(), *get_global("windows_zone_mapping").values()]
    return [name for name in dict.fromkeys(listed) if name in known and not name.startswith(("Etc/", "UTC"))]


def _named(history: History) -> str:
    """The only place whose zone the file names."""
    from service.history.planned import Planned
    from service.history.zones import zone_named

    names = {
        zone.key
        for table in history.tables
        if isinstance(table, Planned) and table.evidence is not None
        for time in table.evidence.times.values()
        for zone in map(zone_named, time.zones.names)
        if isinstance(zone, ZoneInfo)
    }
    return names.pop() if len(names) == 1 else ""


def _own_column(history: History) -> str:
    """The only currency in a column of that name beside ours, which the reading itself passes over."""
    from service.history import ReadReport
    from service.history.planned import Planned

    found: set[str] = set()
    for table in history.tables:
        if isinstance(table, Planned):
            continue  # which has said its currencies
        with table.open(("timestamp", "currency"), ReadReport()) as opened:
            _, place = opened.positions(["timestamp"], ["currency"])
            if place is not None:
                found.update(row[place].strip().upper() for row in islice(opened.rows, _ROWS) if place < len(row))
    found.discard("")
    return found.pop() if len(found) == 1 else ""


def _offsets(history: History) -> Iterator[tuple[datetime, timedelta]]:
    """Of each hour of the log, what its times say."""
    from service.history import ReadReport

    for table in history.tables:
        with table.open(("customer_id", "timestamp", "amount"), ReadReport()) as opened:
            (place,) = opened.positions(["timestamp"])
            if place is not None:
                yield from _of_rows(islice(opened.rows, _ROWS), place)


def _of_rows(rows: Iterable[Sequence[str]], place: int) -> Iterator[tuple[datetime, timedelta]]:
    for row in rows:
        try:
            at = datetime.fromisoformat(row[place])
        except (ValueError, IndexError):
            continue
        offset = at.utcoffset()
        if offset is not None:
            yield at.astimezone(UTC).replace(minute=0, second=0, microsecond=0), offset
