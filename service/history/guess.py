"""A table that nobody knows: which of its columns is what, by their names and by what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from service.errors import ConfigurationError
from service.history.cells import (
    ADDRESS,
    SHARE,
    amount_of_lines,
    are_addresses,
    clocks_in,
    is_larger,
    is_one_of_everybody,
    is_time,
    share_of_amounts,
    share_of_times,
)
from service.history.cents import without_cents
from service.history.name_parts import is_gross, is_net, says_together, without_money
from service.history.questions import questions_of, unscored
from service.history.totals import begins_as_total
from service.profiles import plain_name
from service.profiles.words import words_of

_TAX: Final = re.compile(
    r"\b(?:(?:incl|inkl|incluido|excl|exkl|inc|ex|zzgl|including|excluding|with|without|avec|hors|mit|ohne|con|sin|iva)\b\.?\s*)"
    r"(?:vat|tax|taxes|taxe|taxes?|mwst|ust|btw|iva|tva|gst|moms|mva|alv|dph|kdv|incl\w*|escl\w*|excl\w*)\b\.?|\b(?:ttc|ht|brutto|netto|gross|net)\b",
    re.IGNORECASE,
)
"""What a total says of its tax."""
_WITH_TAX: Final = re.compile(
    r"incl|inkl|inc(?:vat|tax|gst)|ttc|brutto|mit(?:mwst|ust)|avectaxe|con?iva|with(?:vat|tax)"
)
_WITHOUT_TAX: Final = re.compile(r"e[xs]cl|exkl|ex(?:vat|tax|gst)|ht\b|ohne|netto|siniva|without|hors|zzgl")
_BRACKETS: Final = re.compile(r"[(\[][^)\]]*[)\]]")
"""What an amount or a time is in: Total (EUR), Created (UTC)."""
_CLOCK: Final = re.compile(r"\d{1,2}[:h]\d\d")
_TIME_OF_DAY: Final = re.compile(r"(?:[01]?\d|2[0-3])[:h.][0-5]\d(?:[:.][0-5]\d)?(?!\d)", re.ASCII)
_BARE_TIME: Final = re.compile(r"(?:[01]?\d|2[0-3])[0-5]\d(?:[0-5]\d)?", re.ASCII)
"""2029 and 202900."""
_DECIMAL: Final = re.compile(r"[^\w\s]?\d[\d.,' ]*[.,]\d\d", re.ASCII)
_PIECES: Final = re.compile(r"\d{1,2}", re.ASCII)
_FEW_CELLS: Final = 3
_LOOKED_AT: Final = 200
_PURCHASES: Final = ("customer_id", "timestamp", "amount")
_BESIDE: Final = ("order_id", "event_id", "sku", "item", "category", "store_id", "currency")


def guessed(
    header: Sequence[str], rows: Sequence[Sequence[str]], shown: object, *, surveys: bool
) -> tuple[dict[str, int], str]:
    """Field → place, and what the amount is of. Raises ConfigurationError where it is not plain."""
    names: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        for spelling in _spellings(name):
            names.setdefault(spelling, []).append(place)
    rows = [row for row in rows[:_LOOKED_AT] if sum(map(bool, row)) > 1] or [row for row in rows[:_LOOKED_AT] if row]
    at: dict[str, int] = {}
    open_ones: dict[str, list[int]] = {}
    needed = ("customer_id", "timestamp", "score") if surveys else _PURCHASES
    tails = _tails(header)
    for field in needed:
        found = _candidates(field, names, rows) or _candidates(field, tails, rows) or _put_together(field, header, rows)
        if field == "customer_id" and not found:
            found = [place for place in range(len(header)) if are_addresses(place, rows)]
        if len(found) == 1:
            at[field] = found[0]
        else:
            open_ones[field] = found
    if not surveys and len(open_ones.get("amount", ())) > 1:
        order = _candidates("order_id", names, rows) or _put_together("order_id", header, rows)
        if len(order) == 1 and (line := amount_of_lines(open_ones["amount"], order[0], rows)) is not None:
            at["amount"] = line
            del open_ones["amount"]
    if not surveys and (paid := _not_net(open_ones.get("amount", ()), header, rows)) is not None:
        at["amount"] = paid
        del open_ones["amount"]
    if not surveys and (others := _beside_pieces(at, header, names, rows)):
        open_ones["amount"] = [at.pop("amount"), *others]
    if not surveys and (others := _beside_net(at, header, rows)):
        open_ones["amount"] = [at.pop("amount"), *others]
    if surveys and not open_ones.get("score") and questions_of(header, rows):
        open_ones.pop("score", None)  # a column a question
    amount_is = "row"
    if (not surveys and "amount" in open_ones) or _only_a_price(at.get("amount"), header):
        price = _candidates("price", names, rows) or _candidates("price", tails, rows)
        quantity = _candidates("quantity", names, rows) or _candidates("quantity", tails, rows)
        if len(price) == 1 and len(quantity) == 1 and (not open_ones.get("amount")):
            at.pop("amount", None)
            open_ones.pop("amount", None)
            at |= {"price": price[0], "quantity": quantity[0]}
            amount_is = "price"
    if open_ones:
        raise ConfigurationError(_question(open_ones, header, rows, shown, surveys=surveys))
    if not surveys and (counts := _of_customers(at, names, rows)) is not None:
        raise ConfigurationError(_list_of_customers(header, at, counts, shown))
    if amount_is == "price" and (off := _takes_off(names, rows)) is not None:
        raise ConfigurationError(_before_discount(header, at, off, shown))
    if _are_days(at.get("timestamp"), rows):
        clocks = [
            place for place in _candidates("time", names, rows) or clocks_in(header, rows) if place not in at.values()
        ]
        at |= {"time": clocks[0]} if len(clocks) == 1 else {}
    for field in ("survey", "order_id", "event_id") if surveys else _BESIDE:
        found = [place for place in _candidates(field, names, rows) if place not in at.values()]
        if not found and field == "order_id":
            found = [place for place in _put_together(field, header, rows) if place not in at.values()]
        if not found and field == "currency":
            found = [place for place in _candidates(field, tails, rows) if place not in at.values()]
        if len(found) == 1:
            at[field] = found[0]
    return at, amount_is


def _tails(header: Sequence[str]) -> dict[str, list[int]]:
    """The last names of fields within others, and the last two together: order.customer.email is customer email."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        parts = name.split(".")
        if len(parts) > 1:
            for tail in dict.fromkeys((_compact(parts[-1]), _compact("".join(parts[-2:])))):
                found.setdefault(tail, []).append(place)
    return found


def _spellings(name: str) -> Iterable[str]:
    """A column's plain name, and what is left of it without what is in brackets, or said of its tax."""
    told = [
        name,
        _BRACKETS.sub("", name),
        _TAX.sub("", name),
        _BRACKETS.sub("", _TAX.sub("", name)),
        without_money(name),
        without_money(_TAX.sub("", name)),
        without_cents(name),
    ]
    return [one for one in dict.fromkeys(map(_compact, told)) if one]


def _are_days(place: int | None, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column has days without a time of the day."""
    cells = [row[place] for row in rows if place is not None and place < len(row) and row[place].strip()]
    return bool(cells) and not any(_CLOCK.search(cell) for cell in cells)


def _compact(name: str) -> str:
    return plain_name(name)


def _beside_net(at: dict[str, int], header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns of larger amounts beside one that is only called net."""
    net = at.get("amount")
    if net is None or not is_net(header[net]):
        return []
    return [
        place
        for place in range(len(header))
        if place != net and place not in at.values() and is_larger(place, net, rows)
    ]


def _not_net(found: Sequence[int], header: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Of columns of amounts the one of which something was taken off in all others; None where none is. Gross may be
    before discounts, and then the net one was paid."""
    paid = [place for place in found if not is_net(header[place])]
    others = [place for place in found if place not in paid]
    alone = paid[0] if len(paid) == 1 and others and not is_gross(header[paid[0]]) else None
    return alone if alone is not None and all(is_larger(alone, net, rows) for net in others) else None


def _beside_pieces(
    at: dict[str, int], header: Sequence[str], names: dict[str, list[int]], rows: Sequence[Sequence[str]]
) -> list[int]:
    """Columns of money beside one that is only called amount and holds small whole numbers: it may count pieces."""
    place = at.get("amount")
    if place is None or _compact(header[place]) != "amount":
        return []
    cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
    if len(cells) < _FEW_CELLS or not all(_PIECES.fullmatch(cell) for cell in cells):
        return []
    words = frozenset().union(*_ranked("amount")[1:], *_ranked("price"))
    found = sorted({one for word in words & names.keys() for one in names[word]} - {*at.values()})
    return [one for one in found if _holds("amount", one, rows)]


def _of_customers(at: dict[str, int], names: dict[str, list[int]], rows: Sequence[Sequence[str]]) -> int | None:
    """The column that says how many orders a customer has, of a table in which each stands once; None = it is none."""
    who = [row[at["customer_id"]].strip() for row in rows if at["customer_id"] < len(row)]
    if len(set(who)) < len(who):
        return None
    for word in _ranked("number of orders")[0] & set(names):
        for place in names[word]:
            cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
            if (
                place not in at.values()
                and cells
                and all(map(str.isdecimal, cells))
                and any(int(cell) > 1 for cell in cells)
            ):
                return place
    return None


def _list_of_customers(header: Sequence[str], at: dict[str, int], counts: int, shown: object) -> str:
    columns = ",".join(f'{field}="{header[place].strip()}"' for field, place in at.items())
    return (
        f"{shown} looks like a list of customers and not of orders: each stands once, with how many orders they have ({header[counts].strip()}). Give the "
        f"export of the orders themselves. If each row is an order: --map {columns}"
    )


def _takes_off(names: dict[str, list[int]], rows: Sequence[Sequence[str]]) -> int | None:
    """The column of discounts that are not all nothing; None = there is none."""
    for word in _ranked("discount")[0] & set(names):
        for place in names[word]:
            if any(place < len(row) and any(one in "123456789" for one in row[place]) for row in rows):
                return place
    return None


def _before_discount(header: Sequence[str], at: dict[str, int], off: int, shown: object) -> str:
    price, pieces, discount = (header[place].strip() for place in (at["price"], at["quantity"], off))
    columns = ",".join(f'{field}="{header[place].strip()}"' for field, place in at.items())
    return (
        f"{shown} has no column of amounts but {price} and {pieces}, and {discount} beside them: whether it is of a piece or of the row, and taken off "
        f"already, nothing says. Add a column with what was paid for each row, or, if {price} is without it: --map {columns}"
    )


def _only_a_price(place: int | None, header: Sequence[str]) -> bool:
    return place is not None and any(_compact(header[place].rpartition(".")[2]) in words for words in _ranked("price"))


@cache
def _ranked(field: str) -> tuple[frozenset[str], ...]:
    """Plain names of a field's columns, those that say it best first."""
    words = words_of("columns")
    ranks = sorted(name for name in words if name.rpartition(" ")[0] == field)
    return tuple(frozenset(map(plain_name, words[rank])) for rank in ranks)


def _candidates(field: str, names: dict[str, list[int]], rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns of the best names that are there, whose cells are of the kind."""
    for words in _ranked(field):
        found = sorted({place for word in words & names.keys() for place in names[word]})
        found = [place for place in found if _holds(field, place, rows)]
        if found:
            return _with_tax(field, _once(found, names, rows), names)
    return []


def _put_together(field: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns whose names are put together from words that say the field, whose cells are of the kind."""
    found = [
        place
        for place, name in enumerate(header)
        if says_together(field, name)
        and any(place < len(row) and row[place].strip() for row in rows)
        and _holds(field, place, rows)
    ]
    return _with_tax(field, found, {_compact(header[place]): [place] for place in found})


def _once(found: list[int], names: dict[str, list[int]], rows: Sequence[Sequence[str]]) -> list[int]:
    """Without columns that repeat the name and the cells of another one of them."""
    kept: list[int] = []
    for place in found:
        alike = next((places for places in names.values() if place in places and len(places) > 1), [])
        twin = next((one for one in kept if one in alike), None)
        if twin is None or any(max(place, twin) < len(row) and row[place] != row[twin] for row in rows):
            kept.append(place)
    return kept


def _with_tax(field: str, found: list[int], names: dict[str, list[int]]) -> list[int]:
    """Of totals with and without tax, the one that was paid."""
    if field != "amount" or len(found) < 2:
        return found
    called = {place: " ".join(name for name, places in names.items() if place in places) for place in found}
    paid = [place for place in found if _WITH_TAX.search(called[place])]
    bare = [place for place in found if place not in paid and _WITHOUT_TAX.search(called[place])]
    return paid if len(paid) == 1 and len(paid) + len(bare) == len(found) else found


def _holds(field: str, place: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the cells of a column may be such values."""
    cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
    if not cells:
        return not rows or field not in {"timestamp", "amount", "customer_id", "score"}
    if field == "customer_id":
        return not is_one_of_everybody(cells)
    if field == "timestamp":
        cells = [cell for cell in cells if not begins_as_total(cell)]
        return bool(cells) and share_of_times(cells) >= SHARE
    if field == "time":
        bare = all(map(_BARE_TIME.fullmatch, cells)) and any(len(cell) > _FEW_CELLS for cell in cells)
        return bare or sum(_TIME_OF_DAY.match(cell) is not None for cell in cells) >= SHARE * len(cells)
    if field in {"amount", "price", "quantity"}:
        return share_of_amounts(cells) >= SHARE
    return field != "order_id" or not any(map(ADDRESS.fullmatch, cells))


def _question(
    open_ones: dict[str, list[int]],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    shown: object,
    *,
    surveys: bool,
) -> str:
    """What is not known, in less than a screen."""
    option = "--map-surveys" if surveys else "--map"
    told = []
    for field, found in open_ones.items():
        if found:
            told.append(f"{field} may be {' or '.join(repr(header[place].strip()) for place in found[:6])}")
        else:
            told.append(f"no column looks like {field}")
    listed = [name.strip() for name in header if name.strip()]
    names = ", ".join(name[:60] for name in listed[:30]) + (f" and {len(listed) - 30} more" if len(listed) > 30 else "")
    first = next((row for row in rows if row), None)
    shown_row = "" if first is None else " Its first row: " + " | ".join(cell.strip()[:24] for cell in first[:12])
    if sum(map(_is_data, listed)) > 1:
        told.append(
            "its first row looks like a purchase and not like the names of columns, so put a row of names above it"
        )
    hint = unscored(header, rows) if surveys else ""
    if not open_ones.get("customer_id", True) and sum("name" in _compact(name) for name in listed) > 1:
        hint += ' Where columns name the customer together, put + between them: customer_id="First Name+Last Name"'
    example = ",".join(
        f'{field}="COLUMN"' for field in (("customer_id", "timestamp", "score") if surveys else _PURCHASES)
    )
    return (
        f"{shown} is of no kind that is known here (`churn-alert formats` lists them), and it is not plain which column is "
        f"what: {'; '.join(told)}. Say it: {option} {example}. It has the columns {names[:1200]}.{shown_row}{hint and '.'}{hint}"
    )


def _is_data(cell: str) -> bool:
    """Whether a cell is a time, an amount with decimals or an address, as no column is called."""
    return ADDRESS.fullmatch(cell) is not None or _DECIMAL.fullmatch(cell) is not None or is_time(cell)
