"""A known shop written in any other way gives the same numbers or is refused, and a doubtful column never passes."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import Wishes, open_history
from service.history.dates import TimeColumn
from service.history.decimals import AmountColumn
from service.profiles import Profile, profiles
from tests.support.examples import examples

ZONE = Calendar(ZoneInfo("Europe/Paris"))
START = datetime(2025, 1, 1, 8)  # noqa: DTZ001 - as a shop's clock shows it
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
AMOUNTS: dict[str, Callable[[Decimal], str]] = {
    "12.50": lambda value: f"{value:.2f}",
    "1,250.00": lambda value: f"{value:,.2f}",
    "1.250,00": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")),
    "1 250,00 €": lambda value: f"{value:,.2f} €".translate(str.maketrans(",.", "\u00a0,")),
    "€1'250.00": lambda value: "€" + f"{value:,.2f}".replace(",", "'"),
    "1.250,-": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")).replace(",00", ",-"),
    "Fr. 1'250.--": lambda value: "Fr. " + f"{value:,.2f}".replace(",", "'").replace(".00", ".--"),
    "1,250.00 USD": lambda value: f"{value:,.2f} USD",
    "12,5": lambda value: format(value.normalize(), "f").replace(".", ","),
    "Arabic digits": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", "٬٫")).translate(ARABIC),
    "1 250,00 руб.": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", "\u00a0,")) + " руб.",
    "1250.0000": lambda value: f"{value:.4f}",
}
MONTHS = {
    "Russian": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "Polish": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "short Polish": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "Croatian": "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
    "short Croatian": "sij velj ožu tra svi lip srp kol ruj lis stu pro",
    "short Czech": "led úno bře dub kvě čvn čvc srp zář říj lis pro",
    "Turkish": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
}


def named_in(language: str) -> Callable[[datetime], str]:
    names = MONTHS[language].split()
    return lambda at: f"{at.day}. {names[at.month - 1]} {at.year} {at:%H:%M:%S}"


DATES: dict[str, Callable[[datetime], str]] = {
    "iso": lambda at: at.isoformat(sep=" "),
    "dotted": lambda at: at.strftime("%d.%m.%Y %H:%M:%S"),
    "day first": lambda at: at.strftime("%d/%m/%Y %H:%M:%S"),
    "month first": lambda at: at.strftime("%m/%d/%Y %I:%M:%S %p"),
    "short": lambda at: f"{at.month}/{at.day}/{at:%y} {at:%H:%M:%S}",
    "short year first": lambda at: at.strftime("%y-%m-%d %H:%M:%S"),
    "short day first": lambda at: at.strftime("%d-%m-%y %H:%M:%S"),
    "named": lambda at: at.strftime("%d %b %Y %H:%M:%S"),
    "named first": lambda at: at.strftime("%b %d, %Y, %I:%M:%S %p"),
    "serial": lambda at: str(Decimal(round((at - datetime(1899, 12, 30)).total_seconds())) / 86_400),  # noqa: DTZ001
    "packed": lambda at: at.strftime("%Y%m%d%H%M%S"),
    "Arabic digits": lambda at: at.strftime("%d/%m/%Y %H:%M:%S").translate(ARABIC),
    "of China": lambda at: f"{at.year}年{at.month}月{at.day}日 {at:%H:%M:%S}",
    "year first, half days": lambda at: at.strftime("%Y-%m-%d %I:%M:%S %p"),
    "with marks of direction": lambda at: at.strftime("\u200e%d/\u200e%m/\u200e%Y \u200f\u200e%H:%M:%S"),
    "packed, with a T": lambda at: at.strftime("%Y%m%dT%H%M%S"),
    "packed day": lambda at: at.strftime("%Y%m%d %H:%M:%S"),
    "of SAS": lambda at: at.strftime("%d%b%Y:%H:%M:%S").upper(),
    "of Oracle": lambda at: at.strftime("%d-%b-%y %I.%M.%S.000000 %p").upper(),
    "of ctime": lambda at: at.strftime("%a %b %d %H:%M:%S %Y"),
    "day first, with a word": lambda at: at.strftime("%d/%m/%Y à %H:%M:%S"),
    "month first, with a dash": lambda at: at.strftime("%m/%d/%Y - %H:%M:%S"),
    "month first, narrow blank": lambda at: at.strftime("%m/%d/%Y, %I:%M:%S\u202f%p"),
    "dotted, with words": lambda at: at.strftime("%d.%m.%Y um %H:%M:%S Uhr"),
    **{language: named_in(language) for language in MONTHS},
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")
KNOWN = [one for one in profiles() if not (one.surveys or one.needs or one.smallest_unit) and all(one.columns.values())]


def rows_of(shop: random.Random) -> list[tuple[str, datetime, Decimal]]:
    """Orders on days all over a year, so that most columns say what they are; a short log may not."""
    count = shop.choice([1, 3, 40])
    return [
        (f"zoë{shop.randrange(9)}@example.com", START + timedelta(days=shop.randrange(360), minutes=number), Decimal(shop.randrange(1, 400_000)) / 100)
        for number in range(count)
    ]  # fmt: skip


def written(profile: Profile, rows: list[tuple[str, datetime, Decimal]], shop: random.Random) -> bytes:
    """A file of that system: other names of its columns, in another order, with some that nobody knows."""
    has_price = "amount" not in profile.columns
    put_date, put_amount = shop.choice(list(DATES.values())), shop.choice(list(AMOUNTS.values()))
    names = {field: shop.choice(spellings) for field, spellings in profile.columns.items() if spellings}
    header = dict.fromkeys(
        [*names.values(), *(name for name in profile.recognised_by if not _aliased(profile, name, names))]
    )
    columns = [*header, "a column nobody knows"]
    shop.shuffle(columns)
    with_clock = "time" in names
    text = StringIO()
    writer = csv.writer(text, delimiter=shop.choice(",;\t|"), lineterminator=shop.choice(["\n", "\r\n"]))
    writer.writerow(columns)
    for number, (customer, at, amount) in enumerate(rows):
        cells = dict.fromkeys(columns, "")
        cells |= {
            names.get("customer_id", "customer_id"): customer,
            names.get("timestamp", "timestamp"): at.strftime("%Y-%m-%d") if with_clock else put_date(at),
            names.get("price" if has_price else "amount", "amount"): put_amount(amount),
            names.get("order_id", "order_id"): f"n{number}",
            "a column nobody knows": "x\ny",
        }
        if profile.only:
            cells[names["kind"]] = next((kind for kind in profile.only if "*" not in kind), "Express Checkout Payment")
        if with_clock:
            cells[names["time"]] = at.strftime("%H:%M:%S")
        if has_price:
            cells[names["quantity"]] = "1"
        writer.writerow([cells.get(name, "") for name in columns])
    try:
        content = text.getvalue().encode(shop.choice(ENCODINGS))
    except UnicodeEncodeError:  # Windows has no such digits
        content = text.getvalue().encode()
    return gzip.compress(content) if shop.random() < 0.2 else content


def _aliased(profile: Profile, name: str, names: dict[str, str]) -> bool:
    return any(name in spellings and field in names for field, spellings in profile.columns.items())


@settings(max_examples=examples(60), deadline=None)
@given(profile=st.sampled_from(KNOWN), seed=st.integers(0, 10**9))
def test_a_known_shop_written_otherwise_gives_the_same_numbers_or_is_refused(profile: Profile, seed: int) -> None:
    shop = random.Random(seed)
    rows = rows_of(shop)
    content = written(profile, rows, shop)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "export"
        path.write_bytes(content)
        zone = ZoneInfo((profile.zone and "UTC") or "Europe/Paris")
        try:
            history = open_history([path], calendar=ZONE, minor_digits=2, wishes=Wishes(currency="EUR"))
        except ConfigurationError:
            return
        found = sorted((one.customer_id.split("@")[0][-1], one.at_us, one.amount_minor) for one in history.purchases())

    if (
        "utc"
        in content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "latin-1").splitlines()[0].lower()
    ):
        zone = ZoneInfo("UTC")
    right = sorted(
        (who.split("@")[0][-1], round(at.replace(tzinfo=zone).timestamp()) * 1_000_000, int(amount * 100))
        for who, at, amount in rows
    )
    assert found == right
    assert history.report.total_skipped == 0


@settings(max_examples=examples(200), deadline=None)
@given(seed=st.integers(0, 10**9), form=st.sampled_from(sorted(AMOUNTS)), count=st.integers(1, 6))
def test_amounts_of_a_doubtful_column_are_never_read_as_others(seed: int, form: str, count: int) -> None:
    shop = random.Random(seed)
    values = [
        Decimal(shop.choice([shop.randrange(1, 2_000_000_000), 1000 * shop.randrange(1, 10**6)])) / 1000
        for _ in range(count)
    ]
    values = [value if form in {"12,5", "1250.0000"} else value.quantize(Decimal("0.01")) for value in values]
    cells = [AMOUNTS[form](value) for value in values]
    column = AmountColumn("amount")
    for cell in cells:
        column.see(cell)

    try:
        column.decide()
    except ConfigurationError:
        return
    assert [Decimal(column.clean(cell)) for cell in cells] == values


@settings(max_examples=examples(200), deadline=None)
@given(
    moments=st.lists(
        st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 27)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
        min_size=1,
        max_size=6,
    ),
    form=st.sampled_from(sorted(DATES)),
)
def test_dates_of_a_doubtful_column_are_never_read_as_others(moments: list[datetime], form: str) -> None:
    cells = [DATES[form](at) for at in moments]
    column = TimeColumn("timestamp")
    for cell in cells:
        column.see(cell)

    try:
        column.decide()
    except ConfigurationError:
        return
    assert [datetime.fromisoformat(column.clean(cell)) for cell in cells] == moments
