"""What looks wrong once all lines are known: dates far from all others, accounts of everybody, ids used once."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice, pairwise, takewhile
from statistics import median_high
from typing import Final

from service.errors import ConfigurationError
from service.history.amounts import Minor
from service.history.lines import PurchaseLine
from service.history.people import person

_FAR_DAYS: Final = 3 * 365
"""Without a single order between, in a shop of otherwise daily ones: a placeholder (1970) or a slip (2099)."""
_FEW: Final = 0.01
"""Share of the orders that such days may have; one or two alone may have up to half, in a shop of many days."""
_PLACEHOLDERS: Final = 2
_MANY_DAYS: Final = 30
_ENOUGH_ROWS: Final = 30
_LARGE_UNITS: Final = 500
"""What few shops take for most of their orders, and cents soon come to."""
_ENOUGH_SIGNS: Final = 50
_ENOUGH_PEOPLE: Final = 20
_LARGE_SHARE: Final = 0.1
"""Of all orders; together with the next one: ten times what the busiest of the others have is no person."""
_TIMES: Final = 10
_DIGITS_KEPT: Final = 15
"""Of a number in a spreadsheet."""
_LARGEST_BLANK_SHARE: Final = 0.3
_MEANT: Final = ("unique", "email", "mail", "customer", "client", "kunde", "user", "member", "buyer", "person", "card")
_MATTERS: Final = (
    "status", "refund", "cancel", "void", "currency", "discount", "quantity", "qty", "test", "statut", "devise", "menge",
    "anzahl", "timezone", "offset", "utc", "remise", "rabatt", "erstatt", "rembours", "storno", "annul",
)  # fmt: skip
_SHOWN: Final = 3
_FEW_PEOPLE: Final = 5
_FEW_MASKED: Final = 5
"""One in so many customers."""
_ENOUGH_TWICE: Final = 10
_CLOCKS_SEEN: Final = 1_000
_AT_ONCE: Final = 50
_DIGITS_OF_PHONE: Final = 9
_DIGITS_DIALLED: Final = 8
_PLUS_OF_PHONE: Final = re.compile(r"\+|00", re.ASCII)
_GROUPED: Final = re.compile(r"\d{1,3}(?:[.,' ]\d{3})+", re.ASCII)
_MARKS: Final = re.compile(r"[.,' ()/-]", re.ASCII)
MINUTE_US: Final = 60_000_000


class OfPeople(str):
    """A sentence that quotes customers' ids, so that a report to be passed around leaves it out."""

    __slots__ = ()


def within(days: Mapping[int, int]) -> tuple[int, int] | None:
    """First and last day of the shop, where a few orders lie years before or after all others; None: none do."""
    total = sum(days.values())
    if total < _ENOUGH_ROWS:
        return None
    known = sorted(days)
    first, last = 0, len(known) - 1
    before = after = 0
    most = max(1, _FEW * total)
    at_once = max(most, total / 2) if len(known) >= _MANY_DAYS else most
    """Of an unset date, such as 1970-01-01, in a whole batch of rows."""
    for place in range(len(known) - 1):
        before += days[known[place]]
        if before > (at_once if place < _PLACEHOLDERS else most):
            break
        if known[place + 1] - known[place] > _FAR_DAYS:
            first = place + 1
    for place in range(len(known) - 1, 0, -1):
        after += days[known[place]]
        if after > (at_once if place >= len(known) - _PLACEHOLDERS else most):
            break
        if known[place] - known[place - 1] > _FAR_DAYS:
            last = place - 1
    if (first, last) == (0, len(known) - 1) or first > last:
        return None
    return known[first], known[last]


def check_sheets(sheets: Sequence[tuple[str, Sequence[str], Collection[str], tuple[int, int]]]) -> None:
    """Raises ConfigurationError where a workbook's sheets have other columns, and the same people on the same days:
    one of them sums up the other. Each is its name, its columns, its people, and its first and last instant."""
    for place, (name, columns, people, span) in enumerate(sheets):
        for other, others, those, when in sheets[:place]:
            alike = 2 * len(set(people) & set(those)) > min(len(set(people)), len(set(those)))
            if sorted(columns) != sorted(others) and alike and span[0] <= when[1] and when[0] <= span[1]:
                raise ConfigurationError(
                    f"The sheets {other} and {name} have other columns and the same customers on the same days: does one of them sum up the "
                    "other? They would count twice. Save the sheet with the orders as a file of its own, or both, where both are orders."
                )


def cents_said(amounts: Iterable[Minor], minor_digits: int) -> list[str]:
    """The sentence for amounts that are whole numbers, and large enough to count cents. Reads them until one is not."""
    unit = 10**minor_digits
    above: list[Minor] = []
    for amount in amounts if unit > 1 else ():
        if amount % unit:
            return []
        if amount > 0:
            above.append(amount)
    if len(above) < _ENOUGH_ROWS or 2 * sum(amount % (10 * unit) != 0 for amount in above) < len(above):
        return []
    middle = median_high(above) // unit
    if middle < _LARGE_UNITS:
        return []
    return [
        f"All amounts are whole numbers, and half of them are {middle:,} or more: if they count cents, say so with --map amount_cents=…"
    ]


def as_people(rows: Mapping[str, int]) -> Counter[str]:
    """Rows of each customer, of ids as they are written."""
    found: Counter[str] = Counter()
    for text, count in rows.items():
        found[person(text)] += count
    del found[""]
    return found


def accounts_in(orders: Counter[str]) -> dict[str, int]:
    """Ids that are no person, with their orders: each has a large share of all, and ten times what others have."""
    total = orders.total()
    candidates = {who: count for who, count in orders.most_common(_SHOWN) if count >= _LARGE_SHARE * total}
    others = max((count for who, count in orders.most_common(_SHOWN + 1) if who not in candidates), default=0)
    if len(orders) - len(candidates) < _ENOUGH_PEOPLE:
        return {}
    return {who: count for who, count in candidates.items() if count >= _TIMES * others}


def ids_of_one_order(orders: Counter[str], unused: Sequence[str], column: str) -> list[str]:
    """The sentence for a shop in which nobody comes twice."""
    if len(orders) < _ENOUGH_ROWS or orders.total() > 1.02 * len(orders):
        return []
    meant = [name for name in unused if any(word in name.lower() for word in _MEANT)][:_SHOWN]
    said = (
        f"Every {column} has one order only, so nobody is a regular: is it the person, and not the order or the visit?"
    )
    hints = " or ".join(f'--map customer_id="{name}"' for name in meant)
    return [f"{said} Perhaps another column is meant: {hints}." if meant else said]


def check_rounded(orders: Counter[str]) -> None:
    """Raises ConfigurationError where long ids all end in noughts: a spreadsheet keeps fifteen digits of a number."""
    long = [who for who in orders if who.isascii() and who.isdigit() and len(who) > _DIGITS_KEPT]
    if (
        len(long) >= _ENOUGH_PEOPLE
        and 2 * len(long) > len(orders)
        and not any(who[_DIGITS_KEPT:].strip("0") for who in long)
    ):
        raise ConfigurationError(
            f"The {len(long):,} customers with ids of {len(long[0])} digits, such as {long[0]}, all end in noughts behind the fifteenth: a spreadsheet has "
            "rounded them, and many people may have become one. Take the export as it was downloaded, without opening it in the spreadsheet."
        )


def one_for_everything(orders: Counter[str], column: str) -> list[str]:
    """The sentence for a log of one customer alone, or of so few that they may be those who sell."""
    if not orders or len(orders) > _FEW_PEOPLE or orders.total() < _ENOUGH_ROWS * len(orders):
        return []
    one = f"have the same {column}: is it the customer, and not the shop or the till?"
    few = f"are of {len(orders)} customers by {column}: are they the customers, and not those who sell?"
    return [
        f"All {orders.total():,} orders {one if len(orders) == 1 else few} --map customer_id=… says which column is."
    ]


def masked_said(orders: Counter[str], column: str) -> list[str]:
    """The sentence for ids of which a part was made unreadable: j***@x.org may be several people."""
    masked = [who for who in orders if "**" in who or "\u2022\u2022" in who or "\u2026@" in who or "...@" in who]
    if _FEW_MASKED * len(masked) < len(orders) or not masked:
        return []
    told = f"{len(masked):,} of {len(orders):,} customers are masked in {column}, such as {masked[0]}: several people may have become one."
    return [f"{told} Export them unmasked, or name another column with --map customer_id=…"]


def twice_said(lines: Sequence[PurchaseLine]) -> list[str]:
    """The sentence for rows without a number that stand twice: same customer, instant, amount and item, with a clock.

    `lines` are in order of time.
    """
    sample = lines[:: max(1, len(lines) // _CLOCKS_SEEN)]
    if not lines or 2 * sum(line[0] % MINUTE_US != 0 for line in sample) < len(sample):
        return []
    twice = 0
    for place in [place for place, (one, two) in enumerate(pairwise(lines), 1) if one[0] == two[0]]:
        line = lines[place]
        if line[3] or line[4]:
            return []
        earlier = islice(reversed(lines[max(0, place - _AT_ONCE) : place]), _AT_ONCE)
        twice += any(other == line for other in takewhile(partial(_is_at, line[0]), earlier))
    if twice < _ENOUGH_TWICE or twice < _FEW * len(lines):
        return []
    told = f"{twice:,} rows stand twice, with the same customer, amount and second: if two exports were put together into one file, they count twice."
    return [f"{told} Give the exports as files of their own, or a column with the number of the order."]


def _is_at(at_us: int, line: PurchaseLine) -> bool:
    return line[0] == at_us


def blank_below(orders: Counter[str], named: int, nobodys: int, column: str) -> str:
    """What is said of a table that names each customer in the first of their rows only, as a pivot does; "" = it does
    not."""
    if (
        not orders
        or named > len(orders)
        or nobodys < _LARGEST_BLANK_SHARE * (named + nobodys)
        or named + nobodys < _TIMES
    ):
        return ""
    rows = named + nobodys
    return (
        f"{column} is empty in {nobodys:,} of {rows:,} rows, and each customer stands in one row only: where an empty cell means the one "
        "above it, fill them down (in a pivot table: repeat all item labels) and export again."
    )


def check_signs(below: int, rows: int) -> None:
    """Raises ConfigurationError where most amounts are below zero: what is sold is taken off there."""
    if rows >= _ENOUGH_SIGNS and 2 * below > rows:
        raise ConfigurationError(
            f"{below:,} of {rows:,} amounts are below zero, as in a ledger or a list of stock, where what is sold is taken off. Here a "
            "purchase is above zero and a refund below it: turn the signs round, or name another column with --map amount=…"
        )


def signs_said(below: int, rows: int) -> list[str]:
    """The sentence for a short log in which most amounts are below zero."""
    if rows >= _ENOUGH_SIGNS or 2 * below <= rows:
        return []
    return [
        f"{below:,} of {rows:,} amounts are below zero, so they are refunds: is it a ledger, whose signs are to be turned round?"
    ]


def lost_zeros(orders: Counter[str]) -> list[str]:
    """The sentence for ids that have lost their noughts in some rows."""
    pairs = [(who, bare) for who in orders if who[:1] == "0" and (bare := who.lstrip("0") or "0") in orders]
    if not pairs:
        return []
    shown = ", ".join(f"{who} and {bare}" for who, bare in sorted(pairs)[:_SHOWN])
    told = f"{len(pairs):,} customers come with and without noughts before their number ({shown}), as a spreadsheet leaves them"
    return [
        f"{told}: each counts as two people. Take the export as it was downloaded, without opening it in the spreadsheet."
    ]


def other_spellings(orders: Counter[str]) -> list[str]:
    """The sentences for ids that are one but for how they are written: in capitals or wide letters, with a tag behind
    the name of an e-mail address, or as a telephone number is dialled at home."""
    said = []
    for in_one_way, how in (
        (_in_small, "come in small letters and in capitals"),
        (_without_tag, "come with and without a tag in their address"),
        (_as_dialled, "come with a telephone number written in two ways"),
        (_without_marks, "come with and without marks between their digits"),
    ):
        first: dict[str, str] = {}
        ways = ((in_one_way(who), who) for who in orders)
        pairs = [(known, who) for way, who in ways if way and (known := first.setdefault(way, who)) != who]
        if pairs and in_one_way is _as_dialled and not any(_PLUS_OF_PHONE.match(who) for pair in pairs for who in pair):
            continue
        if pairs:
            shown = ", ".join(f"{one} and {other}" for one, other in pairs[:_SHOWN])
            told = f"{len(pairs):,} customers {how} ({shown}): each counts as two people"
            said.append(f"{told}. If they are the same, write their ids in one way and give the file again.")
    return said


def _in_small(who: str) -> str:
    return who.casefold() if who.isascii() else unicodedata.normalize("NFKC", who).casefold()


def _without_tag(who: str) -> str:
    """ann+shop@x.org is a second address of ann@x.org; "" for what is no address."""
    name, at, host = who.partition("@")
    return f"{name.partition('+')[0]}{at}{host}" if at and name[:1] != "+" else ""


def _without_marks(who: str) -> str:
    """12,345 as a spreadsheet shows the number 12345, and 0171 234567 as some dial it; "" for what is no number."""
    bare = _MARKS.sub("", who)
    return bare if bare.isdigit() and (bare == who or _GROUPED.fullmatch(who) or len(bare) >= _DIGITS_DIALLED) else ""


def _as_dialled(who: str) -> str:
    """The last digits of what may be a telephone number, which +41 79…, 0041 79… and 079… share; "" for others."""
    if not who.strip("+0123456789 ()./-"):
        digits = "".join(filter(str.isdigit, who))
        if len(digits) >= _DIGITS_OF_PHONE and (who[0] in "+0("):
            return digits[-_DIGITS_DIALLED:]
    return ""


def clocks_said(file: str, zone: str) -> str:
    """The sentence for a file in which some times have an offset and some clock times have none."""
    return (
        f"{file}: some of its times say their offset and some do not. Those without one are read by the clock of {zone} (shop.timezone): if they "
        "are of UTC, put a Z behind them."
    )


def columns_that_matter(unused: Sequence[str]) -> list[str]:
    """Columns that are not used though their names sound as if they should be."""
    return [name for name in unused if any(word in name.lower() for word in _MATTERS)]
