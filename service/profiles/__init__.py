"""Shop systems and survey tools: what their exports look like, one file of data each.

Who adds one writes a TOML file here and touches no code. `Profile` says what may stand in it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import resources
from itertools import takewhile
from typing import Final, Literal

import msgspec

from service.domain.minor_units import SmallestUnit
from service.errors import ConfigurationError

FIELDS = (
    "customer_id", "timestamp", "amount", "event_id", "order_id", "sku", "item", "category", "store_id", "channel",
    "time", "zone", "quantity", "price", "currency", "status", "refunded", "refunded_at", "cancelled_at", "kind", "test", "payee", "corrected", "reference",
    "gift_cards", "line_type", "contact", "disputed", "disputed_at", "dispute_status", "converted", "converted_currency", "converted_refunded", "captured", "all_refunded",
)  # fmt: skip
"""What a purchase's row may hold: those that the reader takes, and those of which it makes them."""
ANSWER_FIELDS = (
    "customer_id", "timestamp", "survey", "score", "event_id", "order_id", "time", "zone", "status", "nps", "csat", "ces",
)  # fmt: skip
"""What a row of answers may hold; `nps`, `csat`, `ces` are columns of scores of that survey."""


class Joined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another table of the same export, given beside it."""

    recognised_by: list[str]
    by: str
    """The column that both have."""
    takes: list[str] = []
    """Columns that are taken over from it."""
    sums: list[str] = []
    """Those of which its rows of one value of `by` are added up."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of export."""

    name: str
    where: str
    """Where it is found in the product."""
    verified: str
    """What the column names were held against."""
    recognised_by: list[str]
    """Columns, under one of their names, that all have to be there."""
    columns: dict[str, list[str]]
    """Field → its names in the languages of the product; the first that is there counts."""
    or_by: list[list[str]] = []
    """Other sets of columns that tell it as well."""
    surveys: bool = False
    never_with: list[str] = []
    """Columns of another export that has the same ones beside."""
    header_rows: int = 1
    """Rows before the first one of data; the first names the columns."""
    carried_down: bool = False
    """Cells that stand in the first row of an order only hold for its further rows."""
    amount: Literal["row", "order", "price"] = "row"
    """What the amount is of: its row; the order, however many rows it has; one piece, of so many (`quantity`)."""
    smallest_unit: SmallestUnit | None = None
    """Amounts are whole numbers of the currency's smallest unit, as this one says what it is; None = they are not."""
    zone: str = ""
    """Offset of times that have none, "" = the shop's zone."""
    left_out: dict[str, list[str]] = {}
    """Reason → values of `status` that are no purchase."""
    refunded: list[str] = []
    """Values of `status` of an order that was paid back, where no column says how much of it."""
    refunds: list[str] = []
    """Values of `kind` of rows that pay back."""
    only: list[str] = []
    """Values of `kind` that are purchases or refunds, "*" for any letters; other rows are neither. Empty = all are."""
    never: list[str] = []
    """Those of them that are none for all that."""
    sign_tells: bool = False
    """All that the owner does with money: what is paid out, or given back to the shop, is none of a customer's.
    Of a refund `payee` is the customer."""
    tests: list[str] = []
    """Values of `test` of what was only tried."""
    gift_cards: list[str] = []
    """Values of `line_type` of rows in which a gift card is sold: no revenue yet, since what is paid with it counts
    when it is used. The field `gift_cards` is the amount of those in a row."""
    gift_cards_named: bool = False
    """A row in which one is sold is told by the name of its item (`words/gift_cards.toml`); `price` and `quantity` say
    for how much, which is taken off the amount of the order."""
    disputes_lost: list[str] = []
    """Values of `dispute_status` by which the money went back to the customer: `disputed` of it, at `disputed_at`."""
    conversions: list[str] = []
    """Values of `kind` of rows that say what became of the money of the payment that `reference` names, in another
    currency."""
    guests: list[str] = []
    """Ids that stand for nobody here."""
    better: str = ""
    """Another column that may name the customer, to be told where the first one names nobody in many rows."""
    joined: list[Joined] = []
    """Tables that add columns to it, where they are given too: then it is another profile."""
    without_amounts: bool = False
    """It is read though it has none: visits without revenue."""
    needs: str = ""
    """Why this export alone does not do, and which one does: it is recognised to say so."""


_ALSO_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"}
)
"""Letters that have no accent to be taken off."""


@lru_cache(maxsize=16_384)
def plain_name(name: str) -> str:
    """What is alike in the spellings of a column's name: letters and digits, small, without accents."""
    text = unicodedata.normalize("NFKD", name).casefold().translate(_ALSO_LETTERS)
    return "".join(re.findall(r"[^\W_]|#|%", text))


@cache
def profiles() -> tuple[Profile, ...]:
    """All that are known, in order of their names."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml")]
    found = [read_profile(file.name, file.read_text(encoding="utf-8")) for file in files]
    return tuple(sorted(found, key=lambda profile: profile.name.casefold()))


def read_profile(name: str, text: str) -> Profile:
    """Raises ConfigurationError with what is wrong in it."""
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"The profile {name} cannot be used: {error}.") from error
    known = ANSWER_FIELDS if profile.surveys else FIELDS
    unknown = [field for field in profile.columns if field not in known]
    if unknown:
        raise ConfigurationError(f"The profile {name} cannot be used: {unknown[0]} is no field ({', '.join(known)}).")
    return profile


def recognised(header: Iterable[str], *, surveys: bool) -> Profile | None:
    """The profile of a table with these columns, of those that fit the first of `fitting`."""
    return next(iter(fitting(header, surveys=surveys)), None)


def fitting(header: Iterable[str], *, surveys: bool) -> list[Profile]:
    """The profiles that a table with these columns may be of, first the one most of whose own names are there."""
    names = {plain_name(name) for name in header}
    theirs = names - _OUR_NAMES
    found: list[tuple[tuple[int, int], Profile]] = []
    for profile in profiles():
        if profile.surveys != surveys or any(plain_name(name) in names for name in profile.never_with):
            continue
        weights = []
        for columns in (profile.recognised_by, *profile.or_by):
            fits = list(takewhile(bool, (_fits(profile, name, names, theirs) for name in columns)))
            own, ours = fits.count(_ITS), fits.count(_OURS)
            if own + ours == len(columns) and own >= _FEWEST and own > ours:
                weights.append((own - ours, -ours))
        if weights:
            found.append((max(weights), profile))
    return [profile for _, profile in sorted(found, key=lambda one: one[0], reverse=True)]


_MISSING, _OURS, _ITS = range(3)
_FEWEST = 2
"""Columns under the product's own names: one alone says little."""


def _fits(profile: Profile, name: str, names: set[str], theirs: set[str]) -> int:
    """Whether the column is there under one of the product's names, or under the one that we have for it. `theirs`:
    `names` without those that are ours."""
    if plain_name(name) in names:
        is_its = profile.surveys or name in _OURS_AS_THEY_ARE or plain_name(name) in theirs
        return _ITS if is_its else _OURS
    for field, spellings in profile.columns.items():
        if name in spellings:
            if any(plain_name(other) in theirs for other in spellings):
                return _ITS
            if plain_name(field) in names:
                return _OURS
    return _MISSING


_OURS_AS_THEY_ARE = frozenset(FIELDS)
"""As events of ours and our tables have them, and no shop system: Order ID is one of many products."""
_OUR_NAMES = {plain_name(field) for field in FIELDS[:10]}
