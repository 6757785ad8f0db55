"""Rows of a table → checked lines, plain tuples because millions of them pass.

Every line begins with its time in µs, so one ordering serves purchases and surveys.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from pathlib import Path
from typing import Final

from schemas.scales import SCALES
from service.domain.calendar import DAY_US, NEVER, Calendar
from service.errors import ConfigurationError
from service.history.amounts import AmountReader, Minor
from service.history.left_out import UNUSABLE_ID, ReadReport
from service.history.people import ROUNDED, person
from service.history.tables import Table
from service.history.timestamps import TimestampReader
from service.history.totals import begins_as_total, is_sum, spellings_of_sums
from service.profiles.nobody import spellings_of_nobody

PurchaseLine = tuple[int, str, Minor, str, str, str, str, str]
"""at_us, customer_id, signed amount in minor units, event_id, order_id, sku, item name, store or else channel; "" = not
given."""

SurveyLine = tuple[int, str, str, int, str, str]
"""at_us, customer_id, survey, score, event_id, order_id; "" = not given."""


class Limits:
    """What of the lines counts; known when all have been looked at."""

    def __init__(self, latest_us: int) -> None:
        self.first_us: int = 0
        """Rows before it lie far from all others."""
        self.last_us: int = latest_us
        self.accounts: set[str] = set()
        """Ids under which everybody buys."""
        self.nobodys: dict[tuple[int, str], Path] | None = None
        """Instant and number of nobody's orders → their file, where several files may have the same ones."""

    def is_new(self, at_us: int, number: str, path: Path) -> bool:
        """Whether no other file has had that order of nobody."""
        return self.nobodys is None or self.nobodys.setdefault((at_us, number), path) == path


Opener = Callable[[Sequence[str], ReadReport], AbstractContextManager[Table]]
"""Opens a table whose rows are of our layout; what is no purchase is counted in the report."""

PURCHASE_COLUMNS = (
    "customer_id", "timestamp", "amount", "event_id", "order_id", "sku", "item", "category", "store_id", "channel",
)  # fmt: skip
SURVEY_COLUMNS = ("customer_id", "timestamp", "survey", "score", "event_id", "order_id")
UNREADABLE_TIME: Final = "unreadable time"
FAR_AWAY: Final = "years away from all other days"
SUMS: Final = "sums of other rows"
NO_NUMBER: Final = "amount is not a number"
_AT, _CUSTOMER, _AMOUNT, _ORDER = itemgetter(0), itemgetter(1), itemgetter(2), itemgetter(4)
"""Of a line of purchases."""
REMEMBERED_PEOPLE: Final = 1 << 17
"""Cells of customers in their one spelling: some 20 MB at most."""
MAX_ID: Final = 256
MAX_NAME: Final = 500
"""Characters; the same bounds as for events from the stream, so that backtest and replay take the same rows."""


def _cell(row: Sequence[str], position: int | None) -> str:
    return row[position].strip() if position is not None and position < len(row) else ""


def _is_id(text: str) -> bool:
    """Short enough and without control characters; "" (not given) passes."""
    return len(text) <= MAX_ID and (text.isprintable() or not any(unicodedata.category(c) == "Cc" for c in text))


def purchase_lines(
    opener: Opener, calendar: Calendar, minor_digits: int, latest_us: int, limits: Limits, report: ReadReport
) -> Iterator[PurchaseLine]:
    """Lines in the file's order; bad ones are counted in the report and left out.

    Those of nobody are counted apart, and so are those of accounts under which everybody buys. Raises
    ConfigurationError where ids have been rounded, and at the end where the amounts can be read in two ways.
    """
    with opener(PURCHASE_COLUMNS, report) as table:
        path = table.path
        places = table.positions(PURCHASE_COLUMNS[:3], PURCHASE_COLUMNS[3:])
        customer_at, time_at, amount_at = (place for place in places[:3] if place is not None)
        event_at, order_at, sku_at, item_at, category_at, store_at, channel_at = places[3:]
        plain = all(place is None for place in places[3:])
        times, amounts = TimestampReader(calendar), AmountReader(minor_digits)
        accepted = 0
        nobody = spellings_of_nobody() | spellings_of_sums()
        people: dict[str, str] = {}
        """Cells of customers that count → their one spelling."""
        first_us, last_us, accounts = limits.first_us, limits.last_us, limits.accounts
        try:
            for row in table.rows:
                try:
                    cell = row[customer_at]
                    at_us = times.read(row[time_at])
                    amount = amounts.read(row[amount_at])
                except IndexError:
                    report.skip(path, table.line(), table.short_row)
                    continue
                if cell.isalnum() and cell.isascii() and len(cell) <= MAX_ID:  # no look-up among all customers
                    customer = "" if cell in nobody or cell in accounts else cell
                else:
                    customer = people.get(cell, "")
                if not customer or at_us is None or amount is None or not first_us <= at_us <= last_us:
                    customer = customer or person(cell)
                    if amount is not None and is_sum(customer) and not (_cell(row, event_at) or _cell(row, order_at)):
                        report.own_totals.append(amount)
                        if at_us is not None:
                            report.set_aside(SUMS)
                        continue
                    if at_us is None or amount is None or at_us > latest_us or not _is_id(customer):
                        if at_us is None and (
                            _is_no_row(report, row, row[time_at], amount) or _is_header(table, row, row[time_at])
                        ):
                            continue
                        _explain(report, table, customer, (row[time_at], at_us), (row[amount_at], amount))
                        continue
                    if not first_us <= at_us <= last_us:
                        report.skip(path, table.line(), FAR_AWAY, row[time_at])
                        continue
                    if not customer or customer in accounts:
                        number = _cell(row, event_at) or _cell(row, order_at)
                        if not number or limits.is_new(at_us, number, path):
                            report.of_nobody(amount, _cell(row, order_at), calendar.day_of(at_us))
                        continue
                    if "+" in customer and ROUNDED.fullmatch(customer) is not None:
                        raise ConfigurationError(_rounded_id(table, customer))
                    if len(people) < REMEMBERED_PEOPLE:
                        people[cell] = customer
                if plain:
                    accepted += 1
                    yield at_us, customer, amount, "", "", "", "", ""
                    continue
                event_id, order_id, sku = _cell(row, event_at), _cell(row, order_at), _cell(row, sku_at)
                if "+" in order_id or "+" in event_id:
                    _check_number(table, order_id)
                    _check_number(table, event_id)
                if not (_is_id(event_id) and _is_id(order_id) and _is_id(sku)):
                    report.skip(path, table.line(), UNUSABLE_ID)
                    continue
                accepted += 1
                name = (_cell(row, item_at) or _cell(row, category_at) or sku)[:MAX_NAME]
                source = (_cell(row, store_at) or _cell(row, channel_at))[:MAX_NAME]
                yield at_us, customer, amount, event_id, order_id, sku or name[:MAX_ID], name, source
            if amounts.doubtful and not amounts.certain:
                raise ConfigurationError(_two_readings(table, amounts.doubtful))
            report.clocks_differ = report.clocks_differ or times.tells_both
        finally:
            report.rows += accepted


def _rounded_id(table: Table, customer: str) -> str:
    return (
        f"{table.path}, line {table.line()}: the customer {customer} is a number that a spreadsheet has rounded, and many people "
        "may have become one. Take the export as it was downloaded, without opening it in the spreadsheet; or give the column "
        'the format "Text" there (0 decimals do as well, up to 15 digits) and export again.'
    )


def _check_number(table: Table, number: str) -> None:
    """Raises ConfigurationError for an order's number that a spreadsheet has rounded: many orders have become one."""
    if ROUNDED.fullmatch(number) is not None:
        raise ConfigurationError(
            f"{table.path}, line {table.line()}: the order {number} is a number that a spreadsheet has rounded, and many orders may have become "
            "one. Take the export as it was downloaded, without opening it in the spreadsheet; or leave that column out of the file."
        )


def _two_readings(table: Table, amount: str) -> str:
    return (
        f"{table.path}: the amounts can be read in two ways: {amount} with a decimal point, or with one between thousands, and no "
        'other amount says which. Say which mark is the decimal one: --decimal "," or --decimal "." (files.decimal in the settings).'
    )


def _is_no_row(report: ReadReport, row: Sequence[str], time: str, amount: Minor | None) -> bool:
    """Whether a row without a time is empty, or tells the sum of those before it."""
    filled = [cell.strip() for cell in row if cell.strip()]
    if not filled:
        return True
    if len(filled) == 1 and not amount and _is_remark(filled[0]):
        return True
    if (time.strip() and not begins_as_total(time)) or amount is None or not any(map(begins_as_total, filled[:2])):
        return False
    report.own_totals.append(amount)
    return True


def _is_remark(cell: str) -> bool:
    """Whether it is a sentence, as stands below a table: All prices with VAT. One word may be a name."""
    return len(cell.split()) > 1 and any(map(str.isalpha, cell))


def _is_header(table: Table, row: Sequence[str], time: str) -> bool:
    """Whether a row names the columns once more, as where files were put together into one.

    Raises ConfigurationError where it names them in another order: what follows it is another table.
    """
    names = [name.strip().lower() for name in table.found]
    if not time.strip() or time.strip().lower() not in names:
        return False
    if [cell.strip("\ufeff \t").lower() for cell in row[: len(names)]] == names:
        return True
    raise ConfigurationError(other_header(table.path, table.line()))


def other_header(path: Path, line: int) -> str:
    """What is said of a file that was put together from two with other columns."""
    return (
        f"{path}, line {line} names the columns once more, and in another order: two exports were put together into one file, and what "
        "follows has other things in its columns. Give the exports as separate files; several can be named at once."
    )


def _explain(
    report: ReadReport, table: Table, customer: str, time: tuple[str, int | None], amount: tuple[str, Minor | None]
) -> None:
    if time[1] is None:
        report.skip(table.path, table.line(), UNREADABLE_TIME, time[0] or "empty")
    elif amount[1] is None:
        report.skip(table.path, table.line(), NO_NUMBER, amount[0])
    elif not _is_id(customer):
        report.skip(table.path, table.line(), UNUSABLE_ID, customer)
    else:
        report.skip(table.path, table.line(), "time in the future", time[0])


def survey_lines(opener: Opener, calendar: Calendar, latest_us: int, report: ReadReport) -> Iterator[SurveyLine]:
    """Survey answers in the file's order; bad ones are counted in the report and left out."""
    with opener(SURVEY_COLUMNS, report) as table:
        path = table.path
        customer_at, time_at, survey_at, score_at, event_at, order_at = table.positions(
            SURVEY_COLUMNS[:4], SURVEY_COLUMNS[4:]
        )
        read_time = TimestampReader(calendar).read
        for row in table.rows:
            customer, when = person(_cell(row, customer_at)), _cell(row, time_at)
            survey, score_text = _cell(row, survey_at).lower(), _cell(row, score_at)
            event_id, order_id = _cell(row, event_at), _cell(row, order_at)
            at_us = read_time(when)
            score = _score(survey, score_text)
            if at_us is None and _is_header(table, row, when):
                continue
            if not customer:
                report.nobodys_rows += 1
            elif at_us is None:
                report.skip(path, table.line(), UNREADABLE_TIME, when or "empty")
            elif at_us > latest_us:
                report.skip(path, table.line(), "time in the future", when)
            elif not (_is_id(customer) and _is_id(event_id) and _is_id(order_id)):
                report.skip(path, table.line(), UNUSABLE_ID, customer)
            elif score is None:
                report.skip(path, table.line(), "survey or score off its scale", f"{survey} {score_text}")
            else:
                report.rows += 1
                yield at_us, customer, survey, score, event_id, order_id


class Tally:
    """What lines say together: the rows of each day, the orders of each customer, and the signs."""

    def __init__(self) -> None:
        self.days: Counter[int] = Counter()
        """Rows of each day, counted from 1970."""
        self.orders: Counter[str] = Counter()
        """Of each customer; rows of one order count once where no other of the customer lies between them."""
        self.below: int = 0
        """Amounts below zero."""
        self.rows: int = 0

    def take(self, lines: Sequence[PurchaseLine]) -> None:
        """Adds lines that are in order of time."""
        self.rows += len(lines)
        start = 0
        while start < len(lines):
            day = lines[start][0] // DAY_US
            end = bisect_left(lines, (day + 1) * DAY_US, lo=start, key=_AT)
            self.days[day] += end - start
            start = end
        if any(map(_ORDER, lines)):
            self._take_orders(lines)
        else:
            self.orders.update(map(_CUSTOMER, lines))
        if min(map(_AMOUNT, lines), default=0) < 0:
            self.below += sum(line[2] < 0 for line in lines)

    def _take_orders(self, lines: Sequence[PurchaseLine]) -> None:
        last: dict[str, str] = {}
        orders = self.orders
        for line in lines:
            customer, order = line[1], line[4]
            if not order or last.get(customer) != order:
                last[customer] = order
                orders[customer] = orders.get(customer, 0) + 1


class Span:
    """What the times of a file say: how many are readable, the first and the last, and whether they are in order.

    First and last are None where no time is readable.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.is_sorted: bool = True
        self.customers: dict[str, int] = {}
        """Rows of each."""
        self.days: dict[int, int] = {}
        """Rows of each day, counted from 1970."""


def span_of(opener: Opener, columns: Sequence[str], calendar: Calendar, latest_us: int) -> Span:
    """A quick look at the times and customers of a file too big to keep."""
    found = Span()
    with opener(columns, ReadReport()) as table:
        customer_at, place = table.positions(columns[:2])
        if place is None or customer_at is None:
            return found
        customers, days = found.customers, found.days
        times = TimestampReader(calendar)
        count, first, last = 0, NEVER, -1
        for row in table.rows:
            if place >= len(row) or customer_at >= len(row):
                continue
            at_us = times.read(row[place])
            if at_us is None or at_us > latest_us:
                continue
            count += 1
            customer = row[customer_at]
            customers[customer] = customers.get(customer, 0) + 1
            day = at_us // DAY_US
            days[day] = days.get(day, 0) + 1
            if at_us >= last:
                last = at_us
            else:
                found.is_sorted = False
            first = min(first, at_us)
    if count:
        found.count, found.first_us, found.last_us = count, first, last
    return found


def _score(survey: str, text: str) -> int | None:
    """The score when the survey is known and the score a whole number on its scale."""
    try:
        low, high = SCALES[survey]
        score = float(text)
    except (KeyError, ValueError):
        return None
    return int(score) if low <= score <= high and score == int(score) else None
