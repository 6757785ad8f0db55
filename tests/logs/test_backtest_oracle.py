"""`churn-alert backtest FILE --out DIR` equals, cell for cell, a recomputation from the definitions.

Told on odd logs, simulated ones and real ones.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.demo import baskets
from service.history.writing import write_history
from tests.support.oracle_backtest import Shop, differences, expected
from tests.support.real_logs import MISSING, real_logs

DIGITS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
COLUMNS = ("customer_id", "timestamp", "amount", "event_id", "order_id", "sku")
PARIS = "Europe/Paris"
KEPT_DAYS = 765
"""What is corrected later than that counts in the lifetime alone, as a late event does."""
SHOWN = 10


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHURN_ALERT_CONFIG", raising=False)


def assert_exact(
    monkeypatch: pytest.MonkeyPatch,
    out: Path,
    files: Sequence[Path],
    surveys: Sequence[Path] = (),
    *,
    zone: str = "UTC",
    currency: str = "EUR",
    partitions: Sequence[int] = (1,),
    starts: int = 0,
) -> None:
    """Runs the command as a user would, once per number of partitions, and compares every cell."""
    monkeypatch.setenv("CHURN_ALERT_SHOP__TIMEZONE", zone)
    monkeypatch.setenv("CHURN_ALERT_SHOP__CURRENCY", currency)
    monkeypatch.setenv("CHURN_ALERT_SHOP__DAY_STARTS_AT", f"{starts:02}:00")
    shop = Shop(ZoneInfo(zone), DIGITS[currency], starts=timedelta(hours=starts))
    wanted = expected(files, surveys, shop)
    for number in partitions:
        words = ["backtest", *files, "--out", out / str(number), "--partitions", number]
        words += [word for file in surveys for word in ("--surveys", file)]
        done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        wrong = differences(out / str(number), wanted, shop)
        assert not wrong, f"{len(wrong)} cells differ with {number} partitions:\n" + "\n".join(sorted(wrong)[:SHOWN])


def write(path: Path, text: str) -> Path:
    """The text as it is; packed if the name says so."""
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    return write(path, "\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")


# ---- logs made of everything that goes wrong with days and money

ODD_LOGS = {
    "summer time, ISO week 53 and a new year": (PARIS, "EUR", datetime(2020, 12, 14, tzinfo=UTC), 130),
    "a leap day and clocks that change at 2": ("America/New_York", "USD", datetime(2023, 12, 20, tzinfo=UTC), 100),
    "half an hour of summer time, ISO week 53": ("Australia/Lord_Howe", "JPY", datetime(2026, 9, 20, tzinfo=UTC), 120),
    "an offset of a quarter of an hour": ("Asia/Kathmandu", "KWD", datetime(2024, 2, 20, tzinfo=UTC), 60),
    "a midnight that does not exist": ("America/Sao_Paulo", "EUR", datetime(2018, 10, 20, tzinfo=UTC), 40),
    "a day that was left out": ("Pacific/Apia", "EUR", datetime(2011, 12, 10, tzinfo=UTC), 50),
    "long gaps over several years": (PARIS, "EUR", datetime(2015, 1, 1, tzinfo=UTC), 1300),
}


class OddLog:
    """Seeded rows of a small shop: mostly near the begin of its day, in all forms a timestamp and an amount can
    have."""

    def __init__(
        self, seed: int, zone: str, currency: str, start: datetime, days: int, starts: timedelta = timedelta()
    ) -> None:
        self.rng, self.starts = random.Random(seed), starts
        self.zone, self.digits, self.start, self.days = ZoneInfo(zone), DIGITS[currency], start, days
        self.names = [f"c{number}" for number in range(24)]

    def purchases(self, orders: int) -> list[tuple[str, ...]]:
        rng, rows = self.rng, list[tuple[str, ...]]()
        for number in range(orders):
            customer, at = rng.choice(self.names), self._moment()
            event_id = f"e{number}" if rng.random() < 0.5 else ""
            kind = rng.random()
            if kind < 0.70:
                rows.append((customer, self._text(at), self._amount(), event_id, "", ""))
            elif kind < 0.78:
                rows.append((customer, self._text(at), "", event_id, f"o{number}", "bun"))
            elif kind < 0.90:
                customer = rng.choice([customer, "only-refunds"])
                rows.append((customer, self._text(at), "-" + self._amount(), event_id, "", ""))
            else:  # lines of one order, some taken back; another customer's till happens to give the same number
                for line in range(rng.randint(2, 4)):
                    amount = self._amount() if line == 0 or rng.random() < 0.8 else f"-0.{rng.randrange(1, 10)}"
                    when = at + timedelta(minutes=rng.randrange(5))
                    rows.append((customer, self._text(when, exact=True), amount, "", f"o{number}", f"s{line}"))
                rows.append((rng.choice(self.names) + "-too", self._text(at), self._amount(), "", f"o{number}", "s"))
        given = [row for row in rows if row[3]]
        rows += rng.sample(given, len(given) // 5)  # the till sent these twice
        soon = self.days < KEPT_DAYS
        alone = [row for row in given if soon and not row[4]]
        for customer, _, amount, event_id, _, _ in rng.sample(alone, len(alone) // 6):  # and corrected these
            sign = "-" if amount.startswith("-") else ""
            rows.append((customer, self._text(self._moment()), sign + self._amount(), event_id, "", ""))
        for customer, _, _, _, order_id, _ in [row for row in rows if soon and row[4] and rng.random() < 0.1]:
            rows.append((customer, self._text(self._moment()), "-" + self._amount(), "", order_id, ""))
        rng.shuffle(rows)
        return rows

    def answers(self, count: int) -> list[tuple[str, ...]]:
        rng, rows = self.rng, list[tuple[str, ...]]()
        for _ in range(count):
            survey, low, high = rng.choice([("nps", 0, 10), ("csat", 1, 5), ("ces", 1, 7)])
            who = rng.choice([*self.names, "only-answers"])
            rows.append((who, self._text(self._moment()), survey, str(rng.randint(low, high))))
        return rows

    def _moment(self) -> datetime:
        day = self.start + timedelta(days=int(self.days * self.rng.random()))
        if self.rng.random() < 0.3:
            return day + timedelta(seconds=self.rng.randrange(86_400), microseconds=self.rng.choice([0, 0, 1, 500_000]))
        midnight = (datetime(day.year, day.month, day.day, tzinfo=self.zone) + self.starts).astimezone(UTC)
        return midnight + timedelta(seconds=self.rng.randint(-4, 4) * self.rng.choice([1, 900, 1800, 3600]))

    def _text(self, at: datetime, *, exact: bool = False) -> str:
        local = at.astimezone(self.zone)
        offset = at.astimezone(self.rng.choice([UTC, self.zone, ZoneInfo("Asia/Kolkata")])).isoformat()
        plain = local.replace(tzinfo=None).isoformat(self.rng.choice("T "))
        forms = [offset, at.isoformat().replace("+00:00", "Z"), offset[:-3] + offset[-2:], plain]
        return self.rng.choice(forms if exact else [*forms, local.date().isoformat(), plain[:16]])

    def _amount(self) -> str:
        """With up to two digits more than the currency has, halves among them."""
        whole = self.rng.randrange(60)
        digits = self.rng.randint(0, self.digits + 2)
        half = "5".rjust(self.digits + 1, str(self.rng.randrange(10)))
        if self.rng.random() < 0.3:
            return f"{whole}.{half}"
        return f"{whole}.{self.rng.randrange(10**digits):0{digits}d}" if digits else str(whole)


@pytest.mark.parametrize("starts", [0, 5], ids=["the day starts at midnight", "the day starts at five"])
@pytest.mark.parametrize("name", ODD_LOGS)
def test_an_odd_log_gives_exactly_the_defined_numbers_with_any_number_of_partitions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, starts: int
) -> None:
    zone, currency, start, days = ODD_LOGS[name]
    log = OddLog(sum(map(ord, name)), zone, currency, start, days, timedelta(hours=starts))
    rows = log.purchases(320)
    parts = [  # several files, one of them packed
        write_rows(tmp_path / "a.csv", COLUMNS, rows[:200]),
        write_rows(tmp_path / "b.csv.gz", COLUMNS, rows[200:]),
    ]
    surveys = write_rows(tmp_path / "surveys.csv.gz", ("customer_id", "timestamp", "survey", "score"), log.answers(60))

    assert_exact(
        monkeypatch, tmp_path, parts, [surveys], zone=zone, currency=currency, partitions=(1, 3, 8), starts=starts
    )


# ---- one peculiarity each

HEAD = "customer_id,timestamp,amount\n"
ORDERS = "customer_id,timestamp,amount,order_id\n"
EVENTS = "customer_id,timestamp,amount,event_id\n"
LINES = "customer_id,timestamp,amount,event_id,order_id,sku\n"
WEEKLY = "".join(f"{who},2024-{month:02}-{day:02}T10:00,5\n" for month in (1, 2) for day in (3, 10, 17) for who in "ab")

PECULIAR_LOGS = {
    "a single purchase": HEAD + "ann,2024-02-29,4.20\n",
    "a single refund": HEAD + "ann,2024-02-29,-4.20\n",
    "nothing but unknown amounts": HEAD + "ann,2024-01-01,\nbob,2024-01-09,\nann,2024-01-09,\n",
    "a lone purchase after twenty quiet days": HEAD + WEEKLY + "a,2024-03-08T09:00,7\n",
    "a lone refund after twenty quiet days": HEAD + WEEKLY + "a,2024-03-08T09:00,-7\n",
    "a lone new customer after a quiet year": HEAD + WEEKLY + "new,2025-04-01,7\n",
    "more than a year without anything": HEAD + WEEKLY + "".join(f"{c},2025-08-0{d},3\n" for d in (1, 2) for c in "abc"),
    "customers who return after three years": HEAD
    + WEEKLY
    + "".join(f"{c},2027-02-{d:02},3\n" for d in range(1, 20) for c in "abcdef"),
    "refunds before, after and without a purchase": HEAD
    + "ann,2024-01-01,-5\nann,2024-01-05,5\nann,2024-03-01,-2\nbob,2024-02-10,-9\ncid,2024-02-11,8\n",
    "a refund that rounds to nothing": HEAD + "ann,2024-01-01,5\nann,2024-01-02,-0.004\nann,2024-01-03,-0.00\n",
    "halves of a cent": HEAD + "ann,2024-01-01,0.005\nann,2024-01-01,0.015\nann,2024-01-01,-0.025\nann,2024-01-01,1e-3\n",
    "float noise": HEAD + "ann,2024-01-01,15.299999999999999\nbob,2024-01-01,2.5500000000000003\n",
    "lines of one order that straddle midnight": ORDERS
    + "ann,2024-01-31T23:59:58Z,5,o1\nann,2024-02-01T00:00:03Z,6,o1\nann,2024-02-02T00:00:03Z,6,o2\n",
    "an order number that comes back after months": ORDERS
    + "ann,2024-01-31,5,17\nbob,2024-02-01,6,17\nann,2024-04-02T10:00,6,17\nann,2024-04-02T10:00,1,18\nann,2024-04-09,2,17\n",
    "something given back under its order's number": ORDERS
    + "ann,2024-01-31T10:00,5,o1\nann,2024-01-31T10:05,-2,o1\nann,2024-02-05,-3,o1\nann,2024-02-05T08:00,4,o1\n",
    "a cancellation ahead of what it cancels": ORDERS
    + "ann,2024-01-01,9,o0\nann,2024-01-02T11:00,-5,o1\nann,2024-01-03T10:00,5,o1\nbob,2024-01-03,-1,o2\nbob,2024-01-03,3,o2\n",
    "an order whose lines sum below zero": ORDERS + "ann,2024-01-01,9,o0\nann,2024-01-02,3,o1\nann,2024-01-02,-10,o1\n",
    "bought on, though something was given back after midnight": ORDERS
    + "ann,2024-01-31T23:55Z,9,o1\nann,2024-02-01T00:05Z,-2,o1\nann,2024-02-01T00:10Z,4,o1\nann,2024-02-01T00:15Z,-1,o1\n"
    + "bob,2024-02-02T08:00,-3,o2\nbob,2024-02-03T08:00,-2,o2\nbob,2024-02-03T09:00,7,o2\nbob,2024-02-03T10:00,-1,o2\n",
    "a cancellation in several lines on two days": ORDERS
    + "ann,2024-01-01,9,o0\nann,2024-01-02T23:59,-3,c1\nann,2024-01-03T00:01,-1,c1\nann,2024-02-02,-1,c1\n",
    "lines of one order with different currencies' decimals": ORDERS
    + "ann,2024-01-01,1.005,o\nann,2024-01-01,1.005,o\nbob,2024-01-02,0.5,p\n",  # 0.5 says which mark is the decimal one
    "event ids sent twice": EVENTS + "ann,2024-01-01,9,e1\nann,2024-01-01,9,e1\nbob,2024-01-01,9,e1\nann,2024-01-08,2,e1\n",
    "an amount corrected there and back": EVENTS
    + "ann,2024-01-01,9,e1\nann,2024-01-08,5,e2\nann,2024-01-08,2,e1\nann,2024-02-03,9,e1\nann,2024-02-03,-1,e2\nbob,2024-02-09,1,e3\n",
    "a refund corrected and sent twice": EVENTS
    + "ann,2024-01-01,9,e1\nann,2024-01-03,-4,r1\nann,2024-01-03,-4,r1\nann,2024-01-20,-3,r1\nbob,2024-02-09,1,e3\n",
    "more given back than an order amounts to": ORDERS
    + "ann,2024-01-01,9,o1\nann,2024-01-05,-6,o1\nann,2024-01-04,-5,o1\nann,2024-02-05,-2,o1\nbob,2024-02-06,-2,o1\n",
    "given back before it was bought, and too much": ORDERS
    + "ann,2024-01-01,-9,o1\nann,2024-01-05,6,o1\nann,2024-01-09,-1,o1\nann,2024-01-09,3,o2\n",
    "a line of an order sent twice": LINES + "ann,2024-01-01,9,e1,o1,x\nann,2024-01-01,4,e2,o1,y\n" * 2,
    "lines far from their order, sent twice": LINES
    + "ann,2024-01-01,9,e1,o1,x\nbob,2024-02-01,1,e7,o1,\nann,2024-03-01,4,e2,o1,y\nann,2024-03-01,4,e2,o1,y\n",
    "ISO week 53 at the end": HEAD + "ann,2020-12-27,1\nann,2020-12-28,1\nann,2021-01-03,1\nann,2021-01-04,1\n",
    "two clock changes and repeated hours": HEAD
    + "ann,2024-10-27T02:30,1\nann,2024-10-27T02:30+01:00,1\nann,2024-03-31T02:30,1\nann,2024-03-31T00:00,1\nann,2024-03-30T23:59:59.999999Z,2\n",
    "not in order": HEAD + "ann,2024-05-01,1\nann,2024-01-01,2\nbob,2024-03-01,3\nann,2024-04-01,-3\n",
    "every way to write a time": HEAD
    + "".join(
        f"ann,{when},1.10\n"
        for when in (
            "2010-12-01 08:26:00", "2010-12-02 08:26:00.5", "2010-12-03T08:26:00.123456789Z", "2010-12-04T23:26:00+0100",
            "2010-12-05 23:30:00 UTC", "2010-12-06 23:30:00 +01:00", "2010-12-07t23:30:00z", "2010-12-08T23:30", "2010-12-09",
            "2010-12-10 23:30:00-08:00", "2010-12-11T08", " 2010-12-12 08:00:00 ", "2010-12-13T00:30+01",
        )
    ).replace("2010-12-11T08,", "2010-12-11T08:00,"),
    "Windows line ends, quotes and a byte order mark": "\ufeff"
     'Customer_ID,Note,TIMESTAMP,"Amount"\r\n"ann","said ""hi"", then\r\nleft",2024-01-01,"3.50"\r\n"O\'Hara, J.",,2024-01-02,4\r\n\r\n'
     "ann,,2024-02-02,-1",
}  # fmt: skip


@pytest.mark.parametrize("name", PECULIAR_LOGS)
@pytest.mark.parametrize("zone", ["UTC", PARIS])
def test_a_peculiar_log_gives_exactly_the_defined_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, zone: str
) -> None:
    file = write(tmp_path / "log.csv", PECULIAR_LOGS[name])

    assert_exact(monkeypatch, tmp_path, [file], zone=zone, partitions=(1, 3))


@pytest.mark.parametrize("when", ["2023-11-05T12:00", "2024-01-04", "2024-02-20T23:30Z", "2024-05-20T10:00"])
def test_an_answer_before_within_or_long_after_the_purchases_has_its_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
) -> None:
    file = write(tmp_path / "log.csv", HEAD + WEEKLY)
    surveys = write(tmp_path / "surveys.csv", f"customer_id,timestamp,survey,score\na,{when},nps,9\nz,{when},ces,7\n")

    assert_exact(monkeypatch, tmp_path, [file], [surveys], zone=PARIS, partitions=(1, 3))


def test_files_that_hold_their_header_only_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [write(tmp_path / "quiet-day.csv", HEAD), write(tmp_path / "log.csv", HEAD + WEEKLY)]
    surveys = write(tmp_path / "surveys.csv", "customer_id,timestamp,survey,score\n")

    assert_exact(monkeypatch, tmp_path, files, [surveys])


# ---- whole shops


def test_the_files_of_simulate_give_exactly_the_defined_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHURN_ALERT_SHOP__TIMEZONE", PARIS)
    words = ["simulate", "--out", str(tmp_path), "--customers", "150", "--days", "200", "--seed", "5"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    files, surveys = [tmp_path / "purchases.csv"], [tmp_path / "surveys.csv"]

    assert_exact(monkeypatch, tmp_path / "out", files, surveys, zone=PARIS, partitions=(1, 3))


def test_some_weeks_of_a_real_supermarket_give_exactly_the_defined_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = tmp_path / "purchases.csv.gz", tmp_path / "surveys.csv.gz"
    write_history(islice(baskets.demo_events(), 8_000), *files, minor_digits=baskets.MINOR_DIGITS)

    assert_exact(
        monkeypatch, tmp_path, files[:1], files[1:], zone=baskets.ZONE.key, currency=baskets.CURRENCY, partitions=(1, 3)
    )


def as_survey_file(file: Path, target: Path) -> Path:
    """Real answers have a scale of 1–5 in `score_1_5`; `--surveys` wants the name of the survey beside the score."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        rows = [(row["customer_id"], row["timestamp"], "csat", row["score_1_5"]) for row in csv.DictReader(stream)]
    return write_rows(target, ("customer_id", "timestamp", "survey", "score"), rows)


@pytest.mark.skipif(not real_logs(), reason=MISSING)
@pytest.mark.parametrize("log", real_logs(), ids=lambda log: log.name)
def test_every_real_log_gives_exactly_the_defined_numbers(
    log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = log.with_name(log.name.replace(".csv.gz", "_survey.csv.gz"))
    surveys = [as_survey_file(answers, tmp_path / "surveys.csv")] if answers.exists() else []
    assert_exact(monkeypatch, tmp_path / log.name, [log], surveys, zone=PARIS if surveys else "UTC")
