"""The history reader: what users' files look like, and what must come out of them."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import DAY_US, Calendar, to_us
from service.domain.events import Event, Item, Purchase, Survey, SurveyAnswer
from service.errors import ConfigurationError
from service.history import History, open_history
from service.history.amounts import AmountReader, rounded
from service.history.tables import open_table
from service.history.timestamps import TimestampReader
from service.history.writing import write_history

UTC_ZONE = ZoneInfo("UTC")
PARIS = ZoneInfo("Europe/Paris")
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


def read(
    *paths: Path, surveys: tuple[Path, ...] = (), zone: ZoneInfo = UTC_ZONE, in_memory_lines: int = 1000
) -> History:
    return open_history(paths, surveys, calendar=Calendar(zone), minor_digits=2, in_memory_lines=in_memory_lines)


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def test_a_row_is_a_purchase_and_an_empty_amount_counts_as_no_revenue(write: Write) -> None:
    file = write("log.csv", "customer_id,timestamp,amount\nann,2024-03-01T10:00:00,12.50\nbob,2024-03-02,\n")

    assert list(read(file).events()) == [
        Purchase(f"at-{at('2024-03-01T10:00+00:00')}", "ann", at("2024-03-01T10:00+00:00"), 1250),
        Purchase(f"at-{at('2024-03-02T00:00+00:00')}", "bob", at("2024-03-02T00:00+00:00"), 0),
    ]


def test_columns_may_come_in_any_order_with_others_between_and_a_byte_order_mark(write: Write) -> None:
    file = write("log.csv", "\ufeffshop;Amount;timestamp;Customer_ID\nx;3.10;2024-03-01;ann\n")

    (purchase,) = read(file).events()

    assert (purchase.customer_id, purchase) == ("ann", Purchase(purchase.event_id, "ann", at("2024-03-01T00:00Z"), 310))


def test_a_negative_amount_is_a_refund(write: Write) -> None:
    (refund,) = read(write("log.csv", "customer_id,timestamp,amount\nann,2024-03-01,-4.20\n")).purchases()

    assert (refund.refund, refund.amount_minor) == (True, 420)


def test_lines_of_one_order_become_one_purchase_even_when_others_stand_between(write: Write) -> None:
    file = write(
        "log.csv",
        "customer_id,timestamp,amount,order_id,sku,item,category\n"
        "ann,2024-03-01T10:00,1.0050,7,s1,flat white,coffee\n"
        "bob,2024-03-01T10:01,5,7,,,\n"
        "ann,2024-03-01T10:02,2.005,7,s2,,cake\n"
        "ann,2024-03-01T10:03,9,8,s1,flat white,coffee\n",
    )

    orders = list(read(file).purchases())

    assert [(p.customer_id, p.amount_minor, p.order_id) for p in orders] == [
        ("ann", 301, "7"),
        ("bob", 500, "7"),
        ("ann", 900, "8"),
    ]
    assert orders[0].items == (Item("s1", "flat white"), Item("s2", "cake"))
    assert orders[0].at_us == at("2024-03-01T10:00Z")


def test_an_order_whose_lines_sum_below_zero_is_a_refund(write: Write) -> None:
    file = write("log.csv", "customer_id,timestamp,amount,order_id\nann,2024-03-01,5,7\nann,2024-03-01,-8,7\n")

    (refund,) = read(file).purchases()

    assert (refund.refund, refund.amount_minor) == (True, 300)


@pytest.mark.parametrize("in_memory_lines", [2, 1000])
def test_an_order_whose_lines_lie_far_apart_is_one_order_and_it_is_said(write: Write, in_memory_lines: int) -> None:
    file = write(
        "log.csv",
        "customer_id,timestamp,amount,order_id\nann,2024-03-01T10:00,1,7\nann,2024-03-02T10:00,2,7\nann,2024-03-02T10:01,4,7\n"
        "bob,2024-03-03,9,7\nann,2024-05-01T10:00,8,7\nann,2024-05-01T10:00,-5,7\nann,2024-05-01T10:01,1,8\n",
    )

    history = read(file, in_memory_lines=in_memory_lines)
    orders = list(history.purchases())

    assert [(p.customer_id, p.amount_minor, p.refund) for p in orders] == [
        ("ann", 1500, False),
        ("bob", 900, False),
        ("ann", 500, True),
        ("ann", 100, False),
    ]
    assert orders == list(history.purchases())
    assert "1 orders have lines more than a day apart" in history.report.sentences()[0]


def test_what_is_given_back_earlier_the_same_day_under_the_same_number_lessens_the_order(write: Write) -> None:
    file = write(
        "log.csv",
        "customer_id,timestamp,amount,order_id\nann,2024-03-01T09:00,-2,7\nann,2024-03-01T10:00,5,7\nann,2024-03-02T09:00,-1,7\n",
    )

    orders = list(read(file).purchases())

    assert [(p.at_us, p.amount_minor, p.refund) for p in orders] == [
        (at("2024-03-01T10:00Z"), 300, False),
        (at("2024-03-02T09:00Z"), 100, True),
    ]


def test_a_line_repeated_with_its_event_id_counts_once_and_lines_with_the_orders_event_id_all_count(
    write: Write,
) -> None:
    row = "ann,2024-03-01T10:00,{},e1,7,{}\n"
    file = write(
        "log.csv",
        "customer_id,timestamp,amount,event_id,order_id,sku\n" + row.format(5, "a") * 2 + row.format(5, "b"),
    )

    (order,) = read(file).purchases()

    assert order.amount_minor == 1000


def test_identical_rows_without_ids_are_separate_purchases(write: Write) -> None:
    file = write("log.csv", "customer_id,timestamp,amount\n" + "ann,2024-03-01,5\nbob,2024-03-01,5\n" * 2)

    events = list(read(file).purchases())

    assert len({(p.customer_id, p.event_id) for p in events}) == 4


def test_given_event_ids_are_kept(write: Write) -> None:
    file = write("log.csv", "event_id,customer_id,timestamp,amount\ne9,ann,2024-03-01,5\n")

    assert [p.event_id for p in read(file).purchases()] == ["e9"]


def test_who_needs_no_ids_gets_none_unless_a_file_gives_some(write: Write) -> None:
    plain = write("plain.csv", "customer_id,timestamp,amount,order_id\nann,2024-03-01,5,\nann,2024-03-01,5,7\n")
    named = write("named.csv", "event_id,customer_id,timestamp,amount\ne9,ann,2024-03-01,5\n,ann,2024-03-02,5\n")

    without = [event.event_id for event in read(plain).events(makes_ids=False)]
    some_given = [event.event_id for event in read(plain, named).events(makes_ids=False)]
    from_a_big_file = [event.event_id for event in read(named, in_memory_lines=1).events(makes_ids=False)]

    assert without == ["", ""]
    assert "" not in some_given
    assert from_a_big_file == ["e9", f"at-{at('2024-03-02T00:00Z')}"]


def test_ids_do_not_depend_on_how_the_log_is_cut_into_files(write: Write) -> None:
    head, rows = "customer_id,timestamp,amount\n", ["ann,2024-03-01,5\n", "ann,2024-03-01,6\n", "bob,2024-03-02,7\n"]
    whole = write("whole.csv", head + "".join(rows))
    parts = [write(f"part{i}.csv", head + row) for i, row in enumerate(rows)]

    assert list(read(*parts).events()) == list(read(whole).events())


@pytest.mark.parametrize("in_memory_lines", [2, 1000])
def test_an_unsorted_file_is_sorted_with_ties_in_file_order_and_it_is_said(write: Write, in_memory_lines: int) -> None:
    days = [5, 1, 3, 1, 4, 2, 5]
    rows = "".join(f"c{i},2024-03-0{day},{i}.{i}5555\n" for i, day in enumerate(days))
    history = read(write("log.csv", "customer_id,timestamp,amount\n" + rows), in_memory_lines=in_memory_lines)

    customers = [p.customer_id for p in history.purchases()]

    assert customers == ["c1", "c3", "c5", "c2", "c4", "c0", "c6"]
    assert [file.name for file in history.report.unsorted_files] == ["log.csv"]
    assert "not in order of time" in history.report.sentences()[0]
    assert (history.first_us, history.last_us) == (at("2024-03-01T00:00Z"), at("2024-03-05T00:00Z"))


@pytest.mark.parametrize("in_memory_lines", [2, 1000])
def test_a_history_can_be_read_twice_and_reports_once(write: Write, in_memory_lines: int) -> None:
    rows = "".join(f"c{i},2024-03-0{i + 1},{i}\n" for i in range(5)) + "x,never,1\n"
    history = read(write("log.csv", "customer_id,timestamp,amount\n" + rows), in_memory_lines=in_memory_lines)

    assert list(history.events()) == list(history.events())
    assert (history.rows, history.report.rows, history.report.total_skipped) == (5, 5, 1)


def test_bad_rows_are_skipped_counted_and_shown_with_their_lines(write: Write) -> None:
    file = write(
        "log.csv",
        "customer_id,timestamp,amount\nann,2024-03-01,1\n,2024-03-01,1\nann,yesterday,1\nann,2024-03-01,one\nann\n"
        f"{'x' * 300},2024-03-01,1\nann,1969-12-31,1\nann,2024-03-01,NaN\nann,2024-03-01,1e15\n",
    )

    report = read(file).report

    assert report.skipped == {
        "unreadable time": 2, "amount is not a number": 3, "too few columns": 1, "unusable id": 1,
    }  # fmt: skip
    assert (report.nobodys_rows, int(report.nobodys_minor)) == (1, 100)
    assert [bad.line for bad in report.examples] == [4, 5, 6, 7, 8, 9, 10]
    assert "log.csv, line 4: unreadable time: 'yesterday'" in [str(bad) for bad in report.examples]
    assert "7 of 9 rows were skipped" in report.sentences()[0]


def test_rows_from_after_the_given_instant_are_bad_rows(write: Write) -> None:
    file = write("log.csv", "customer_id,timestamp,amount\nann,2024-03-01,1\nann,2094-03-01,1\n")

    history = open_history([file], calendar=Calendar(UTC_ZONE), minor_digits=2, latest_us=at("2030-01-01T00:00Z"))

    assert (len(list(history.events())), history.report.skipped) == (1, {"time in the future": 1})


def test_a_missing_column_is_named_together_with_those_found(write: Write) -> None:
    file = write("log.csv", "who,timestamp,worth\nann,2024-03-01,1\n")

    with pytest.raises(
        ConfigurationError, match="no column looks like customer_id; no column looks like amount"
    ) as refused:
        read(file)

    assert "It has the columns who, timestamp, worth." in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("log.csv", b"", "is empty"),
        ("log.csv", b"customer_id,timestamp,amount\n", "holds no usable row"),
        ("log.csv", b"customer_id,timestamp,amount\nann,soon,1\n", "holds no usable row .*unreadable time"),
        ("log.csv.gz", b"plain text", "is it a table"),
        (
            "log.csv.gz",
            gzip.compress(b"customer_id,timestamp,amount\n" + b"ann,2024-03-01,1\n" * 99, mtime=0)[:-12],
            "cut off",
        ),
        ("log.jsonl", b"", "is empty"),
        ("log.parquet", b"no parquet", "is it a table"),
        ("log.csv", b"PAR1 and no more", "is not a Parquet file"),
    ],
)
def test_a_file_that_cannot_serve_gives_one_clear_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigurationError, match=sentence):
        read(tmp_path / name)


LINES = ["ann,2024-03-01T10:00:00,5", "", "bob,2024-03-02,7", " ", "eve;2024,3", "cy,2024-03-03,8"] * 3


@pytest.mark.parametrize("block", [8, 40, 1 << 16])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoted", [None, 0, 4, len(LINES)])
def test_a_csv_says_the_same_however_its_lines_end_and_wherever_quotes_begin(
    write: Write, monkeypatch: pytest.MonkeyPatch, block: int, end: str, quoted: int | None
) -> None:
    monkeypatch.setattr("service.history.tables._BLOCK", block)
    lines = [*LINES] if quoted is None else [*LINES[:quoted], '"d""o\n",2024-03-02,"1"', "nobody,x,1", *LINES[quoted:]]
    text = end.join(["customer_id,timestamp,amount", *lines])
    path = write("log.csv", "")
    path.write_bytes(text.encode())
    reader = csv.reader(StringIO(text, newline=""))
    expected = [(reader.line_num, row) for row in reader if row]

    with open_table(path, ("customer_id", "timestamp", "amount")) as table:
        found = [(table.line(), row) for row in table.rows]

    assert found == [(at, row) for at, row in expected[1:]]


def test_a_cell_longer_than_csv_allows_is_refused_in_a_plain_file_too(write: Write) -> None:
    file = write("log.csv", "customer_id,timestamp,amount\nann,2024-03-01,5\n" + "x" * 131_073 + ",2024-03-01,5\n")

    with pytest.raises(csv.Error) as refused:
        next(csv.reader(["x" * 131_073]))
    with pytest.raises(ConfigurationError, match=f"line 3 cannot be read: {re.escape(str(refused.value))}"):
        read(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"gone\.csv cannot be read: {os.strerror(errno.ENOENT)}"):
        read(tmp_path / "gone.csv")


def test_the_same_log_as_gzip_jsonl_and_parquet_gives_the_same_events(tmp_path: Path, write: Write) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"customer_id": 7, "timestamp": "2024-03-01T10:00:00", "amount": 12.5, "order_id": "a", "item": "tea"},
        {"customer_id": 8, "timestamp": "2024-03-02T00:00:00", "amount": None, "order_id": "b", "item": None},
        {"customer_id": 7, "timestamp": "2024-03-03T10:00:00", "amount": -3.0, "order_id": None, "item": None},
    ]
    text = "customer_id,timestamp,amount,order_id,item\n" + "".join(
        ",".join("" if value is None else str(value) for value in row.values()) + "\n" for row in rows
    )
    expected = list(read(write("log.csv", text), zone=PARIS).events())
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(text.encode(), mtime=0))
    lines = "".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in rows)
    jsonl = tmp_path / "log.jsonl.gz"
    jsonl.write_bytes(gzip.compress((lines + "{broken\n[]\n").encode()))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["timestamp"] = [datetime.fromisoformat(str(value)) for value in columns["timestamp"]]
    parquet.write_table(pyarrow.table(columns), tmp_path / "log.parquet")

    assert list(read(packed, zone=PARIS).events()) == expected
    assert list(read(tmp_path / "log.parquet", zone=PARIS).events()) == expected
    from_jsonl = read(jsonl, zone=PARIS)
    assert list(from_jsonl.events()) == expected
    assert [str(bad) for bad in from_jsonl.report.examples] == [
        "log.jsonl.gz, line 4: not a JSON object", "log.jsonl.gz, line 5: not a JSON object",
    ]  # fmt: skip


def test_survey_answers_are_merged_in_by_time_after_purchases_of_the_same_instant(write: Write) -> None:
    purchases = write("log.csv", "customer_id,timestamp,amount\nann,2024-03-01,1\nann,2024-03-03,1\n")
    surveys = write(
        "s.csv",
        "customer_id,timestamp,survey,score\nann,2024-03-01,nps,9\nann,2024-03-02,CSAT,5.0\nann,2024-03-02,csat,6\nann,2024-03-04,ces,7\n",
    )
    history = read(purchases, surveys=(surveys,))

    events = list(history.events())

    assert [type(event) for event in events] == [Purchase, SurveyAnswer, SurveyAnswer, Purchase, SurveyAnswer]
    assert [(e.survey, e.score) for e in events if isinstance(e, SurveyAnswer)] == [
        (Survey.NPS, 9), (Survey.CSAT, 5), (Survey.CES, 7),
    ]  # fmt: skip
    assert history.report.skipped == {"survey or score off its scale": 1}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-03-01", "2024-03-01T00:00+01:00"),
        ("2024-07-01 14:03", "2024-07-01T14:03+02:00"),
        ("2024-07-01T14:03:05.25", "2024-07-01T14:03:05.250000+02:00"),
        ("2024-07-01T14:03Z", "2024-07-01T14:03+00:00"),
        (" 2024-07-01T14:03:00-05:00 ", "2024-07-01T19:03+00:00"),
        ("20240701T140300", "2024-07-01T14:03+02:00"),
        ("2024-10-27T02:30", "2024-10-27T02:30+02:00"),  # happens twice: the first
        ("2024-03-31T02:30", "2024-03-31T03:30+02:00"),  # never happens: as far after the gap
        ("2024-03-31T12:00", "2024-03-31T12:00+02:00"),
        ("2024-03-31", "2024-03-31T00:00+01:00"),
    ],
)
def test_times_are_read_exactly_and_without_offset_in_the_shops_zone(text: str, instant: str) -> None:
    reader = TimestampReader(Calendar(PARIS))

    assert [reader.read(text), reader.read(text)] == [at(instant)] * 2


@pytest.mark.parametrize(
    "text", ["", "soon", "2024-13-01", "2024-03-01x10:00", "1700000000", "1969-12-31", "2300-01-01", "0001-01-01"]
)
def test_what_is_no_time_or_out_of_range_is_none(text: str) -> None:
    assert TimestampReader(Calendar(PARIS)).read(text) is None


def test_cached_parts_of_a_timestamp_give_what_a_full_reading_gives() -> None:
    reader = TimestampReader(Calendar(PARIS))
    start = datetime(2024, 3, 30, tzinfo=UTC)
    texts = [(start + timedelta(minutes=37 * i)).strftime("%Y-%m-%dT%H:%M") for i in range(200)]

    for text in texts + texts:
        assert reader.read(text) == to_us(datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC))


def test_cached_parts_of_a_timestamp_with_an_offset_too() -> None:
    reader = TimestampReader(Calendar(PARIS))
    start = datetime(1970, 1, 1, 1, tzinfo=UTC)
    texts = [
        (start + timedelta(hours=7 * i)).strftime("%Y-%m-%dT%H:%M:%S") + offset
        for i in range(100)
        for offset in ("Z", "+00:30", "-11:00", "")
    ]

    for text in texts + texts:
        moment = datetime.fromisoformat(text)
        assert reader.read(text) == to_us(moment if moment.tzinfo else moment.replace(tzinfo=PARIS).astimezone(UTC))
    assert reader.read("1970-01-02T01:00:00+02:00") is not None
    assert reader.read("1970-01-01T01:00:00+02:00") is None  # before 1970, though both parts are known


@pytest.mark.parametrize(
    ("text", "digits", "minor"),
    [
        ("12.5", 2, 1250), ("-0.01", 2, -1), ("+3", 2, 300), (".5", 2, 50), ("7.", 2, 700), ("1e3", 2, 100_000),
        ("1250", 0, 1250), ("0.125", 2, 12), ("0.135", 2, 14), ("0.1250001", 2, 13), ("12.3450", 3, 12345),
        ("89.99000000000001", 2, 8999), ("", 2, 0), ("  ", 2, 0),
    ],
)  # fmt: skip
def test_amounts_are_exact_and_rounded_half_even(text: str, digits: int, minor: int) -> None:
    amount = AmountReader(digits).read(text)

    assert amount is not None
    assert rounded(amount) == minor


@pytest.mark.parametrize("text", ["nan", "inf", "1,50", "1_000", "€5", "1e99", "٣", "--1", "1000000000000"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert AmountReader(2).read(text) is None


def test_events_written_as_files_are_read_back_as_the_same_events(tmp_path: Path) -> None:
    items = (Item("s1", 'a "big", cake'), Item("s2", "tea"))
    events: list[Event] = [
        Purchase("e1", "ann", DAY_US + 1, 1250, order_id="o1", items=items),
        Purchase("e2", "ann", DAY_US + 2, 500, refund=True, order_id="R-o1"),
        SurveyAnswer("e3", "bob", DAY_US + 3, Survey.NPS, 0, "o1"),
        Purchase("e4", "zoë", 2 * DAY_US, 0),
    ]
    paths = tmp_path / "p.csv.gz", tmp_path / "s.csv.gz"

    written = write_history(events, *paths, minor_digits=2)

    assert written == 4
    assert list(read(paths[0], surveys=(paths[1],)).events()) == events
