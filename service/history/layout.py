"""Which column of a table is what: said by the user, known of the shop system, ours, or guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Final

from service.domain.minor_units import SmallestUnit
from service.errors import ConfigurationError
from service.history.cells import are_addresses, is_time
from service.history.cents import counted_by, in_cents
from service.history.guess import guessed
from service.history.json_rows import LINES, ORDER
from service.history.states import Signal, beside, words_passed_over
from service.profiles import ANSWER_FIELDS, FIELDS, Profile, fitting, plain_name, recognised

HEADER_WITHIN: Final = 25
"""Rows among which the one that names the columns is looked for: exports begin with titles and dates."""
_NAMES_TOLD: Final = 5
_PLAINLY: Final = 2
OURS: Final = ("customer_id", "timestamp", "amount")
OURS_OF_ANSWERS: Final = ("customer_id", "timestamp", "survey", "score")


@dataclass(frozen=True)
class Wishes:
    """What the user has said about the files."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Field → name of the column, for purchases."""
    answer_columns: Mapping[str, str] = field(default_factory=dict)
    """The same for survey answers."""
    decimal: str = ""
    """"," or "."; "" = as the columns say."""
    dates: str = ""
    """day-first, month-first or year-first; "" = as the columns say."""
    currency: str = ""
    """Of the shop, "" = unknown."""
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """Units of it for one of another currency."""
    minor_digits: int = 2
    zone: tzinfo | None = None
    """Of the shop: says which of two places an abbreviation means."""

    def of(self, surveys: bool) -> Mapping[str, str]:
        return self.answer_columns if surveys else self.columns

    def with_reading(self, what: str, way: str) -> Wishes:
        """The same with what has been found out of `dates` or `decimal`."""
        return replace(self, dates=way) if what == "dates" else replace(self, decimal=way)

    def is_empty(self, surveys: bool) -> bool:
        return not (self.of(surveys) or self.decimal or self.dates)


@dataclass(frozen=True)
class Layout:
    """Where the fields of a row stand."""

    header: Sequence[str]
    header_at: int
    """Rows before the one that names the columns."""
    at: Mapping[str, int]
    """Field → place of its column."""
    profile: Profile | None = None
    origin: str = "ours"
    """ours, profile, map or guess."""
    amount_is: str = "row"
    titles: int = 1
    """Rows that name and explain the columns."""
    signals: Sequence[Signal] = ()
    """Columns that say which rows count, of a table that no profile knows."""

    passed_over: Sequence[tuple[str, str]] = ()
    """Columns of words that are not known but for one that says elsewhere that a row does not count, and that one."""
    in_cents: bool = False
    """Amounts are whole numbers of the currency's smallest unit, by the names of their columns or the user's word."""

    @property
    def smallest_unit(self) -> SmallestUnit | None:
        """Who says what unit amounts are in, where it is the smallest; None = they are not."""
        known = None if self.profile is None else self.profile.smallest_unit
        return known or ("iso4217" if self.in_cents else None)

    @property
    def rows_before(self) -> int:
        return self.header_at + self.titles

    def column(self, name: str) -> str:
        """What the file calls a field."""
        return self.header[self.at[name]].strip()

    def unused(self) -> list[str]:
        used = {*self.at.values(), *(one.place for one in self.signals if one.what != "quantity")}
        return [name.strip() for place, name in enumerate(self.header) if place not in used and name.strip()]


def layout_of(head: Sequence[Sequence[str]], shown: object, wishes: Wishes, *, surveys: bool) -> Layout:
    """The layout of a table that begins with these rows. Raises ConfigurationError that says what is missing, or which
    column is there twice."""
    layout = _layout_of(head, shown, wishes, surveys=surveys)
    if not surveys:
        layout = _of_objects(layout)
        if layout.profile is None or layout.profile.smallest_unit is None:
            by_name = in_cents({name: layout.column(name) for name in layout.at})
            if "amount" in layout.at and not by_name:
                by_name = counted_by(layout.header[layout.at["amount"]], layout.header, head[layout.rows_before :])
            layout = replace(layout, in_cents=layout.in_cents or by_name)
        _check_twice(layout, head[layout.rows_before :], shown)
    return layout


def _of_objects(layout: Layout) -> Layout:
    """Of objects with a list of lines, each of which is a row: the amount beside the list is that of all of them."""
    amount, names = layout.at.get("amount"), list(layout.header)
    if layout.profile is not None or amount is None or ORDER not in names or layout.amount_is != "row":
        return layout
    if any(
        f".{name.lower()}".rpartition(".")[0].endswith(tuple(f".{one}" for one in LINES)) for name in (names[amount],)
    ):
        return layout
    at = dict(layout.at)
    if "order_id" not in at and "event_id" not in at:
        at["order_id"] = names.index(ORDER)
    return replace(layout, at=at, amount_is="order")


def _check_twice(layout: Layout, rows: Sequence[Sequence[str]], shown: object) -> None:
    names = list(map(plain_name, layout.header))
    for name in ("customer_id", "timestamp", "amount", "price"):
        place = layout.at.get(name, -1)
        for other in range(len(names)):
            if place < 0 or other == place or names[other] != names[place] or other in layout.at.values():
                continue
            if any(max(place, other) < len(row) and row[place].strip() != row[other].strip() for row in rows):
                raise ConfigurationError(
                    f"{shown} has two columns called {layout.column(name)}, and different things stand in them (columns "
                    f"{min(place, other) + 1} and {max(place, other) + 1}): give the right one another name, such as {name}."
                )


def _layout_of(given: Sequence[Sequence[str]], shown: object, wishes: Wishes, *, surveys: bool) -> Layout:
    head = _named_once(given)
    rows = [
        (place, row) for place, row in enumerate(head[:HEADER_WITHIN]) if sum(bool(cell.strip()) for cell in row) > 1
    ]
    if not rows:
        raise ConfigurationError(
            f"{shown} has no row with more than one column: is it a table? Give it as CSV or XLSX, with a row of names on top."
        )
    wished = wishes.of(surveys)
    best = max(
        ((place, row) for place, row in rows),
        key=lambda item: (_profile_weight(item[1], surveys), _is_ours(item[1], surveys), -item[0]),
    )
    if wished:
        for place, row in rows:
            if all(plain_name(name) in _names(row) for name in wished.values()):
                return _mapped(place, row, head[place + 1 :], wished, surveys=surveys)
        raise ConfigurationError(_no_such_column(shown, wished, best[1]))
    place, row = best
    known = fitting(row, surveys=surveys)
    if known:
        if known[0].needs:
            raise ConfigurationError(f"{shown} is {known[0].name}: {known[0].needs}")
        try:
            return _of_the_first_that_does(place, row, head[place + 1 :], known)
        except ConfigurationError:
            if _is_plainly(known[0], row):
                raise
    if _is_ours(row, surveys):
        return _with_signals(Layout(row, place, _own(row, surveys)), head, surveys=surveys)
    return _guessed(head, rows, shown, surveys=surveys)


def _named_once(head: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """The rows with empty ones for those that name the columns of an earlier one again, as in files put together."""
    found: list[Sequence[str]] = []
    named: list[list[str]] = []
    for place, row in enumerate(head):
        names = sorted(filter(None, map(plain_name, row)))
        again = len(names) > _PLAINLY and names in named and not any(map(str.isdigit, names))
        found.append(() if again else row)
        if place < HEADER_WITHIN:
            named.append(names)
    return found


def _names(row: Sequence[str]) -> dict[str, int]:
    """Plain name → place of the first column of that name."""
    places: dict[str, int] = {}
    for place, name in enumerate(row):
        places.setdefault(plain_name(name), place)
    return places


def _profile_weight(row: Sequence[str], surveys: bool) -> int:
    profile = recognised(row, surveys=surveys)
    return 0 if profile is None else len(profile.recognised_by)


def _is_ours(row: Sequence[str], surveys: bool) -> bool:
    names = {name.strip().lower() for name in row}
    return names.issuperset(OURS_OF_ANSWERS if surveys else OURS)


def _is_plainly(profile: Profile, row: Sequence[str]) -> bool:
    """Whether columns of a row have the very names by which it is told, and not only others that many shops use."""
    names = _names(row)
    return any(
        sum(plain_name(name) in names for name in columns) >= _PLAINLY
        for columns in (profile.recognised_by, *profile.or_by)
    )


def _own(row: Sequence[str], surveys: bool) -> dict[str, int]:
    names = [name.strip().lower() for name in row]
    fields = ANSWER_FIELDS[:6] if surveys else FIELDS[:10]
    return {name: names.index(name) for name in fields if name in names}


def _of_the_first_that_does(
    place: int, row: Sequence[str], below: Sequence[Sequence[str]], known: Sequence[Profile]
) -> Layout:
    """By the profile that fits best; where it lacks a column that is needed, by the next that has them all."""
    refused: ConfigurationError | None = None
    for profile in known:
        if profile.needs:
            continue
        try:
            return _known(place, row, below, profile)
        except ConfigurationError as error:
            refused = refused or error
    assert refused is not None  # noqa: S101 - the first one needs nothing
    raise refused


def _known(place: int, row: Sequence[str], below: Sequence[Sequence[str]], profile: Profile) -> Layout:
    at, titles = _places(row, below, profile)
    needed = ("customer_id", "timestamp") if profile.surveys else OURS
    missing = [
        f"{name} ({' or '.join(profile.columns.get(name, [])[:_NAMES_TOLD]) or 'not in this export'})"
        for name in needed
        if name not in at and not (name == "amount" and (_amount_is(profile, at) == "price" or profile.without_amounts))
    ]
    if missing:
        option = (
            "--map-surveys customer_id=…,timestamp=…" if profile.surveys else "--map customer_id=…,timestamp=…,amount=…"
        )
        raise ConfigurationError(
            f"This looks like {profile.name}, but it lacks {', '.join(missing)}. {profile.where} Or name the columns: {option}"
        )
    return Layout(row, place, at, profile, "profile", _amount_is(profile, at), titles)


def _places(row: Sequence[str], below: Sequence[Sequence[str]], profile: Profile) -> tuple[dict[str, int], int]:
    """Field → place of its column, and how many rows name and explain them.

    Of a field's names the first counts that is there and has cells that are filled. Where no name of the customer is
    there, the one column of e-mail addresses is it.
    """
    names = _names(row)
    titles = _titles(profile, names, below)
    below = below[titles - 1 :]
    at = {}
    for name, spellings in profile.columns.items():
        ordered = (*spellings[:1], name, *spellings[1:])
        found = [names[plain_name(one)] for one in ordered if plain_name(one) in names]
        if found:
            at[name] = next((place for place in found if _is_filled(place, below)), found[0])
    if "customer_id" not in at and not profile.needs:
        addresses = [place for place in range(len(row)) if place not in at.values() and are_addresses(place, below)]
        if len(addresses) == 1:
            at["customer_id"] = addresses[0]
    return at, titles


def _is_filled(place: int, below: Sequence[Sequence[str]]) -> bool:
    return any(place < len(row) and row[place].strip() for row in below)


def _amount_is(profile: Profile, at: Mapping[str, int]) -> str:
    counts = "amount" not in at and "price" in at and not profile.gift_cards_named  # else it is that of gift cards
    return "price" if counts else profile.amount


def _titles(profile: Profile, names: Mapping[str, int], below: Sequence[Sequence[str]]) -> int:
    """Rows of titles that are really there: who has cleaned the export has left out those that explain."""
    spellings = (*profile.columns["timestamp"], "timestamp")
    places = [names[plain_name(one)] for one in spellings if plain_name(one) in names]
    explaining = 0
    for row in below[: profile.header_rows - 1]:
        if any(place < len(row) and is_time(row[place]) for place in places):
            break
        explaining += 1
    return 1 + explaining


def _mapped(
    place: int, row: Sequence[str], below: Sequence[Sequence[str]], wished: Mapping[str, str], *, surveys: bool
) -> Layout:
    names = _names(row)
    at = {name: names[plain_name(column)] for name, column in wished.items()}
    amount_is = "row"
    if "order_total" in at:
        at["amount"], amount_is = at.pop("order_total"), "order"
    minor = "amount_cents" in at
    if minor:
        at["amount"] = at.pop("amount_cents")
    if not surveys and "amount" not in at and "price" in at:
        amount_is = "price"
    own = _own(row, surveys)
    profile = recognised(row, surveys=surveys)
    needed = ("customer_id", "timestamp") if surveys else OURS
    if profile is not None:
        found, titles = _places(row, below, profile)
        known = {**found, **at}
        if at.get("amount") == found.get("converted") is not None and "converted_refunded" in found:
            known["refunded"] = found["converted_refunded"]  # in the currency of what they are taken off
        if all(name in known or (name == "amount" and "price" in known) for name in needed):
            amount = _amount_is(profile, known) if amount_is == "row" and "amount" not in at else amount_is
            return Layout(row, place, known, profile, "map", amount, titles, in_cents=minor)
    at = {**{name: where for name, where in own.items() if where not in at.values()}, **at}
    missing = [name for name in needed if name not in at and not (name == "amount" and "price" in at)]
    if missing:
        option = "--map-surveys" if surveys else "--map"
        raise ConfigurationError(
            f"{option} does not say which column is {' and '.join(missing)}; there are: {_listed(row)}."
        )
    layout = Layout(row, place, at, None, "map", amount_is, in_cents=minor)
    return _with_signals(layout, [*([()] * (place + 1)), *below], surveys=surveys)


def _guessed(
    head: Sequence[Sequence[str]], rows: Sequence[tuple[int, Sequence[str]]], shown: object, *, surveys: bool
) -> Layout:
    refused: ConfigurationError | None = None
    for place, row in rows[:HEADER_WITHIN]:
        try:
            at, amount_is = guessed(row, head[place + 1 :], shown, surveys=surveys)
        except ConfigurationError as error:
            refused = refused or error
            continue
        return _with_signals(Layout(row, place, at, None, "guess", amount_is), head, surveys=surveys)
    for (place, groups), (below, names) in pairwise(rows[:HEADER_WITHIN]):
        if below != place + 1 or not _are_groups(groups, names):
            continue
        header = _under_groups(groups, names)
        try:
            at, amount_is = guessed(header, head[below + 1 :], shown, surveys=surveys)
        except ConfigurationError:
            continue
        layout = Layout(header, place, at, None, "guess", amount_is, titles=2)
        return _with_signals(layout, head, surveys=surveys)
    assert refused is not None  # noqa: S101 - there is a row
    raise refused


def _are_groups(groups: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row names groups of columns, whose own names stand in the row below: Order, , Customer."""
    filled = [cell for cell in names if cell.strip()]
    return (
        sum(bool(cell.strip()) for cell in groups) < len(filled)
        and bool(groups and groups[0].strip())
        and not any(is_time(cell) or any(map(str.isdigit, cell)) for cell in filled)
    )


def _under_groups(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names of columns with that of their group before them: Order Number, Order Date, Customer ID."""
    found: list[str] = []
    group = ""
    for place, name in enumerate(names):
        group = (groups[place].strip() if place < len(groups) else "") or group
        found.append(f"{group} {name.strip()}".strip())
    return found


def _with_signals(layout: Layout, head: Sequence[Sequence[str]], *, surveys: bool) -> Layout:
    """The same with what the table says beside who, when and how much."""
    if surveys:
        return layout
    places: dict[str, list[int]] = {}
    for place, name in enumerate(layout.header):
        places.setdefault(plain_name(name), []).append(place)
    found, signals = beside(places, head[layout.rows_before :], layout.at)
    at = {**layout.at, **found}
    used = {*at.values(), *(one.place for one in signals)}
    passed_over = (
        words_passed_over(layout.header, head[layout.rows_before :], used) if len(used) < len(layout.header) else []
    )
    return replace(layout, at=at, signals=tuple(signals), passed_over=passed_over)


def _no_such_column(shown: object, wished: Mapping[str, str], row: Sequence[str]) -> str:
    names = _names(row)
    missing = [column for column in wished.values() if plain_name(column) not in names]
    return f"{shown} has no column {' and '.join(map(repr, missing))}; there are: {_listed(row)}."


def _listed(row: Sequence[str]) -> str:
    """Names of columns, no more than a few lines of them."""
    names = [name.strip() for name in row if name.strip()]
    text = ", ".join(names[:40])
    return text + (f" and {len(names) - 40} more" if len(names) > 40 else "")
