"""Tables that nobody knows, as shops of many countries keep them: each kind that was once wrong or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.history.guess import guessed
from service.history.name_parts import says_together, without_money
from service.history.questions import score_of
from service.history.quotes import swallowed
from service.profiles import plain_name
from tests.support.histories import bought

UTC = Calendar(ZoneInfo("UTC"))


def read(tmp_path: Path, *rows: str, columns: dict[str, str] | None = None) -> History:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows) + "\n")
    return open_history([path], calendar=UTC, minor_digits=2, wishes=Wishes(columns=columns or {}))


A, B = ("a", "2025-01-16T20:29", Decimal("1234.50")), ("b", "2025-01-17T08:05", 2)


@pytest.mark.parametrize(
    "rows",
    [
        ("Ordrenr.;Dato;Kunde;Beløb", "1;16-01-2025 20.29;a;1.234,50 kr.", "2;17-01-2025 08.05;b;2,00 kr."),
        ("Ordredato;Kundenummer;Totalbeløp inkl. mva", "16.01.2025 20:29;a;1 234,50", "17.01.2025 08:05;b;2,00"),
        ("Päivämäärä;Asiakas;Summa", "16.1.2025 klo 20.29;a;1 234,50 €", "17.1.2025 klo 8.05;b;2,00 €"),
        ("Orderdatum\tKundnr\tBelopp (SEK)", "den 16 januari 2025 kl. 20:29\ta\t1 234,50 kr", "den 17 januari 2025 kl. 08:05\tb\t2,00 kr"),
        ("Rendelés dátuma;Vevő;Végösszeg", "2025. 01. 16. 20:29;a;1 234,50 Ft", "2025. 01. 17. 08:05;b;2,00 Ft"),
        ("Ημερομηνία;Πελάτης;Σύνολο", "16/1/2025 8:29 μμ;a;1.234,50 €", "17/1/2025 8:05 πμ;b;2,00 €"),
        ("Дата замовлення;Клієнт;Сума, грн", "16.01.2025 20:29;a;1 234,50", "17.01.2025 08:05;b;2,00"),
        ("תאריך,לקוח,סכום", "16/01/2025 20:29,a,₪1234.50", "17/01/2025 08:05,b,₪2.00"),
        ("تاريخ الطلب,العميل,المبلغ", "16/01/2025 8:29 م,a,1234.50", "17/01/2025 8:05 ص,b,2.00"),
        ("주문일시,구매자명,결제금액", "2025-01-16 오후 8:29,a,1234.50", "2025-01-17 오전 8:05,b,2.00"),
        ("订单创建时间,买家会员名,买家实际支付金额", "2025/1/16 20:29,a,1234.50", "2025/1/17 08:05,b,2.00"),
        ("受注日時,お客様名,合計金額", "2025年1月16日 20時29分,a,1234.50", "2025年1月17日 8時05分,b,2.00"),
        ("Ngày đặt hàng,Khách hàng,Tổng tiền", "16/01/2025 20:29,a,1234.50", "17/01/2025 08:05,b,2.00"),
        ("วันที่,ลูกค้า,ยอดรวม", "16/01/2568 20:29,a,1234.50", "17/01/2568 08:05,b,2.00"),
        ("Sipariş Tarihi;Müşteri Adı;Toplam Tutar", "16 Ocak 2025 20:29;a;1.234,50 TL", "17 Ocak 2025 08:05;b;2,00 TL"),
        ("Data documento;Ragione sociale;Imponibile;IVA;Totale documento", "16/01/2025 20:29;a;1.000,00;234,50;1.234,50", "17/01/2025 08:05;b;1,50;0,50;2,00"),
        ("Buchungsdatum;Debitor;Betrag in Hauswährung", "16.01.2025 20:29;a;1.234,50", "17.01.2025 08:05;b;2,00"),
        ("Datum;Kd-Nr.;Betrag CHF", "16.01.25 20:29;a;1’234.50", "17.01.25 08:05;b;2.00"),
        ("Card No,purchase_ts,revenue_eur", "a,2025-01-16T20:29:00Z,1234.50", "b,2025-01-17T08:05:00Z,2"),
        ("hashed_customer,Sale Date (local),Check Total", 'a,1/16/2025 8:29 PM,"$1,234.50"', "b,1/17/2025 8:05 AM,$2.00"),
        ("Appt. ref.,Created date,Appointment date,Client,Status,Net sales", "1,2025-01-02,2025-01-16 20:29,a,Completed,1234.50",
         "2,2025-01-02,2025-01-17 08:05,b,Completed,2.00", "3,2025-01-02,2025-01-17 09:05,b,No-show,30.00"),
        ("Order,,,Customer,,Payment", "Number,Date,Time,ID,Name,Amount", "1,2025-01-16,20:29,a,Ann,1234.50", "2,2025-01-17,08:05,b,Bob,2"),
        ("No Pesanan,Tanggal,Pelanggan,Total Bayar", "1,17 Jan 2025 03:29 WIB,a,1234.50", "2,17 Jan 2025 15:05 WIB,b,2.00"),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names_in_the_languages_of_shops(tmp_path: Path, rows: Sequence[str]) -> None:
    history = read(tmp_path, *rows)

    assert bought(history) == [A, B]
    assert history.report.total_skipped == 0


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        (("Date;Type de document;Code client;Montant TTC", "16/01/2025;Facture;a;9,50", "17/01/2025;Avoir;a;2,00"), Decimal("7.50")),
        (("Datum;Was;Kunde;Betrag", "16.01.2025;Verkauf;a;9,50", "17.01.2025;Retoure;a;2,00"), Decimal("7.50")),
        (("date,customer,amount,paid?", "2025-01-16,a,9.50,yes", "2025-01-17,a,2.00,no"), Decimal("9.50")),
        (("event,user_id,ts,properties.value", "order_completed,a,2025-01-16T20:29:00Z,9.50", "page_view,a,2025-01-16T20:30:00Z,"), Decimal("9.50")),
        (("Datum;Kunde;Betrag;Zustand der Zahlung", "16.01.2025;a;9,50;bezahlt", "17.01.2025;a;2,00;Zahlung fehlgeschlagen"), Decimal("9.50")),
    ],
)  # fmt: skip
def test_a_column_whose_words_are_all_known_says_which_rows_count_whatever_it_is_called(
    tmp_path: Path, rows: Sequence[str], right: Decimal
) -> None:
    history = read(tmp_path, *rows)

    assert sum(amount for _, _, amount in bought(history)) == right
    assert sum(amount > 0 for _, _, amount in bought(history)) == 1


def test_a_column_of_other_words_says_nothing(tmp_path: Path) -> None:
    rows = (
        "Datum;Kunde;Betrag;Artikel",
        "16.01.2025;a;9,50;Retoure",
        "17.01.2025;a;2,00;Seife",
        "18.01.2025;a;2,00;Storno-Buch",
    )

    assert len(bought(read(tmp_path, *rows))) == 3


LINES = "order_no,date,customer_no,product,line_total,order_total"


@pytest.mark.parametrize(("last", "is_plain"), [("30.00", True), ("31.00", False)])
def test_of_two_amounts_the_one_of_the_lines_counts_where_the_other_one_is_their_sum(
    tmp_path: Path, last: str, is_plain: bool
) -> None:
    rows = [f"{order},2025-01-{day:02},c{order},{item},{amount},{total}"
            for order, day, lines, total in (("1", 1, (5, 7), "12.00"), ("2", 2, (1, 2), "3.00"), ("3", 3, (10, 20), last), ("4", 4, (4, 4), "8.00"))
            for item, amount in zip(("Tea", "Mug"), lines, strict=True)]  # fmt: skip
    if is_plain:
        assert [int(amount) for _, _, amount in bought(read(tmp_path, LINES, *rows))] == [12, 3, 30, 8]
    else:
        with pytest.raises(ConfigurationError, match="amount may be 'line_total' or 'order_total'"):
            read(tmp_path, LINES, *rows)


def test_numbers_that_begin_again_are_orders_of_their_day(tmp_path: Path) -> None:
    rows = [
        f"{number};{day:02}.01.2025;c{(number + day) % 4};{10 * day},00"
        for day in range(1, 7)
        for number in range(1, 8)
    ]
    history = read(tmp_path, "Bon-Nr;Datum;Kundenkarte;Umsatz", *rows, "1;02.01.2025;c3;0,50")

    assert len(bought(history)) == 42
    assert sum(amount for _, _, amount in bought(history)) == 7 * 210 + Decimal("0.50")
    assert any("Bon-Nr begins again" in said for said in history.report.said)


def test_a_number_that_two_customers_have_by_a_slip_stays_one_order(tmp_path: Path) -> None:
    rows = [f"{number};{number:02}.01.2025;c{number % 3};10,00" for number in range(1, 20)]
    history = read(tmp_path, "Bon-Nr;Datum;Kundenkarte;Umsatz", *rows, "3;03.01.2025;c1;1,00", "4;05.01.2025;c1;1,00")

    assert len(bought(history)) == 20
    assert not any("begins again" in said for said in history.report.said)


def test_sums_of_months_and_notes_below_a_table_are_no_losses(tmp_path: Path) -> None:
    history = read(
        tmp_path, "Datum;Kunde;Betrag", "16.01.2025;a;9,50", "Summe 01/2025;;9,50", "17.02.2025;a;2,00", "Summe 02/2025;;2,00",
        "Alle Beträge inkl. MwSt.;;", "Erstellt am 28.02.2025 durch Admin;;",
    )  # fmt: skip

    assert [int(amount * 2) for _, _, amount in bought(history)] == [19, 4]
    assert (history.report.total_skipped, history.report.own_totals) == (0, [950, 200])


@pytest.mark.parametrize(
    ("rows", "line", "many"),
    [
        (("Order,Date,Item,Customer,Total", '1,2025-01-16,"Big mug,a,5.00', "2,2025-01-17,Mug,b,6.00", "3,2025-01-18,Mug,b,6.00"), 2, 2),
        (("Order,Date,Item,Customer,Total", "1,2025-01-16,Mug,a,5.00", '2,2025-01-17,"Big mug,b,6.00', '3,2025-01-18,"Nice",b,6.00'), 3, 1),
        (("customer_id,timestamp,amount,item", 'a,2025-01-16T20:29:00Z,5.00,"Mug', "b,2025-01-17T20:29:00Z,6.00,Mug"), 2, 1),
    ],
)  # fmt: skip
def test_a_quote_that_is_not_closed_is_named_with_its_line(
    tmp_path: Path, rows: Sequence[str], line: int, many: int
) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"line {line}: a quote .* {many} further rows would become a part of it"
    ):
        read(tmp_path, *rows)


@pytest.mark.parametrize(
    "note",
    [
        "two\nlines, of a note",
        "Hello,\nplease, ring, twice, or knock",
        "1: first,\n2: second, third, fourth, fifth",
        'a ""quoted"" word,\nand more',
    ],
)
def test_a_note_of_several_lines_is_none(tmp_path: Path, note: str) -> None:
    rows = ("Order,Date,Note,Customer,Total", f'1001,2025-01-16,"{note}",a,5.00', "1002,2025-01-17,,b,6.00")

    assert len(bought(read(tmp_path, *rows))) == 2
    assert swallowed(["1001", "2025-01-16", note, "a", "5.00"], ",", 5) == 0


@pytest.mark.parametrize(
    ("field", "name", "says"),
    [
        ("customer_id", "Hashed Client ID", True),
        ("customer_id", "KundenNr.", True),
        ("customer_id", "customerUuid", True),
        ("customer_id", "Client Type", False),
        ("customer_id", "Card Type", False),
        ("customer_id", "Name", False),
        ("timestamp", "Receipt Date", True),
        ("timestamp", "Due Date", False),
        ("timestamp", "Delivery date", False),
        ("timestamp", "Customer since (date)", False),
        ("amount", "POS total EUR", True),
        ("amount", "Tax amount", False),
        ("amount", "Discount total", False),
        ("amount", "USt-Betrag", False),
        ("amount", "Tip Amount", False),
        ("order_id", "Txn Ref", True),
        ("order_id", "Order", False),
        ("sku", "Order No", False),
    ],
)
def test_a_name_that_is_put_together_says_only_what_all_of_its_words_say(field: str, name: str, says: bool) -> None:
    assert says_together(field, name) is says


def test_the_currency_in_a_name_is_no_part_of_it_but_gross_is() -> None:
    assert [plain_name(without_money(name)) for name in ("Betrag CHF", "Сума, грн", "Gross Sales", "EUR")] == [
        "betrag", plain_name("Сума"), "grosssales", "eur",
    ]  # fmt: skip


def test_two_amounts_that_both_may_be_meant_are_asked_about() -> None:
    with pytest.raises(ConfigurationError, match=r"amount may be 'Total \(EUR\)' or 'Total \(USD\)'"):
        guessed(
            ["Date", "Customer", "Total (EUR)", "Total (USD)"],
            [["2025-01-16", "a", "1.50", "3.00"]],
            "t.csv",
            surveys=False,
        )


def test_a_log_of_how_orders_went_on_is_asked_about_and_not_added_up(tmp_path: Path) -> None:
    rows = [f"2025-01-{day + step:02} 10:00,{day},{state},c{day % 3},{day}.50"
            for day in range(1, 8) for step, state in enumerate(("processing", "shipped", "delivered"))]  # fmt: skip
    header = "date,order_id,status,customer,total"

    with pytest.raises(ConfigurationError, match="rows of one order_id repeat the same total"):
        read(tmp_path, header, *sorted(rows))
    columns = {"order_total": "total", "customer_id": "customer", "timestamp": "date", "order_id": "order_id"}
    assert sum(amount for _, _, amount in bought(read(tmp_path, header, *sorted(rows), columns=columns))) == Decimal(
        "31.50"
    )


def test_a_row_with_more_cells_than_columns_is_an_error_and_no_smaller_amount(tmp_path: Path) -> None:
    plain = [f"2025-02-{day:02},d,$1.00,x" for day in range(1, 9)]
    history = read(
        tmp_path,
        "Date,Customer,Amount,Note",
        *plain,
        "2025-01-16,a,$1,407.28,",
        "2025-01-17,a,$2.00,x",
        "2025-01-19,c,$1,000.50,y",
        "2025-01-18,b,$3.00,,",
    )

    assert [amount for _, _, amount in bought(history)] == [2, 3, *[1] * 8]
    assert history.report.skipped.most_common(1)[0][0].startswith("more cells than columns have names")
    with pytest.raises(ConfigurationError, match="more cells than columns have names"):
        read(tmp_path, "customer_id,timestamp,amount", "a,2025-01-16T10:00:00Z,1,407.28")


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (lambda n: ("Zoe", "Tim")[n % 2], "All 80 orders are of 2 customers by Customer: are they the customers"),
        (lambda n: f"{'abcdefghijklmnop'[n % 16]}***@x.org", "16 of 16 customers are masked in Customer, such as "),
    ],
)
def test_customers_that_may_be_no_persons_are_said(tmp_path: Path, who: Callable[[int], str], said: str) -> None:
    rows = [f"2025-01-{n % 28 + 1:02},{who(n)},{n}.50" for n in range(80)]

    assert any(one.startswith(said) for one in read(tmp_path, "Date,Customer,Amount", *rows).report.said)


def test_rows_that_stand_twice_with_a_clock_and_without_a_number_are_said(tmp_path: Path) -> None:
    rows = [f"2025-01-{n % 28 + 1:02} 10:00:{n % 59 + 1:02},c{n % 7},{n}.50" for n in range(60)]
    said = "20 rows stand twice, with the same customer, amount and second"

    assert any(one.startswith(said) for one in read(tmp_path, "Date,Customer,Amount", *rows, *rows[:20]).report.said)
    assert not any("stand twice" in one for one in read(tmp_path, "Date,Customer,Amount", *rows, *rows[:5]).report.said)


def test_whose_data_was_removed_is_nobody(tmp_path: Path) -> None:
    gone = ("[redacted]", "Deleted Customer", "anonymisiert", "[email protected]", "***")
    history = read(tmp_path, "Date,Customer,Amount", "2025-01-16,a,5.00", *(f"2025-01-17,{who},1.00" for who in gone))

    assert len(bought(history)) == 1
    assert history.report.nobodys_orders == len(gone)


@pytest.mark.parametrize(
    ("survey", "answers"),
    [
        ("csat", ("Bardzo niezadowolony/a", "Niezadowolony/a", "Ani zadowolony/a, ani niezadowolony/a", "Zadowolony/a", "Bardzo zadowolony/a")),
        ("csat", ("Hiç memnun değilim", "Memnun değilim", "Kararsızım", "Memnunum", "Çok memnunum")),
        ("csat", ("Sangat tidak puas", "Tidak puas", "Netral", "Puas", "Sangat puas")),
        ("csat", ("Дуже незадоволений", "Незадоволений", "Нейтрально", "Задоволений", "Дуже задоволений")),
        ("ces", ("Helt uenig", "Uenig", "Delvist uenig", "Hverken enig eller uenig", "Delvist enig", "Enig", "Helt enig")),
        ("ces", ("Täysin eri mieltä", "Eri mieltä", "Jokseenkin eri mieltä", "Ei samaa eikä eri mieltä", "Jokseenkin samaa mieltä", "Samaa mieltä", "Täysin samaa mieltä")),
    ],
)  # fmt: skip
def test_answers_in_words_are_scores_in_more_languages(survey: str, answers: Sequence[str]) -> None:
    assert [score_of(survey, answer) for answer in answers] == [*range(1, len(answers) + 1)]


def test_customers_that_differ_in_capitals_alone_are_said(tmp_path: Path) -> None:
    rows = (
        "Date,Customer ID,Amount",
        "2025-01-16,ab12,5.00",
        "2025-01-17,AB12,6.00",
        "2025-01-18,Ann@x.org,1.00",
        "2025-01-19,ann@X.org,1.00",
    )

    assert [one for one in read(tmp_path, *rows).report.said if "capitals" in one] == [
        "1 customers come in small letters and in capitals (ab12 and AB12): each counts as two people. If they are the same, write their ids in one way and give the file again."
    ]


@pytest.mark.parametrize("name", ["orders", "Purchases"])
def test_orders_that_stand_within_their_customers_are_rows(tmp_path: Path, name: str) -> None:
    people = [
        {"id": 7, "email": "a@x.org", name: [{"id": 1, "date": "2025-01-16T20:29:00Z", "total": 1234.5}, {"id": 2, "date": "2025-01-17T08:05:00Z", "total": 2}]},
        {"id": 8, "email": "b@x.org", name: [{"id": 3, "date": "2025-01-18T08:05:00Z", "total": 3}]},
        {"id": 9, "email": "c@x.org", name: []},
    ]  # fmt: skip
    history = read(tmp_path, json.dumps(people))

    assert [(who, amount) for who, _, amount in bought(history)] == [
        ("7", Decimal("1234.5")),
        ("7", 2),
        ("8", 3),
    ]


@pytest.mark.parametrize("money", ["zł", "Kč"])
def test_money_of_central_europe_says_the_encoding_where_the_names_are_of_all_the_world(
    tmp_path: Path, money: str
) -> None:
    names = ("José", "Jürgen", "András", "Łukasz")
    rows = "".join(f"{n + 1:02}.01.2025;{names[n % 4]};{n},50 {money}\n" for n in range(12))
    path = tmp_path / "t.csv"
    path.write_bytes(f"Datum;Kunde;Betrag\n{rows}".encode("cp1250"))
    history = open_history([path], calendar=UTC, minor_digits=2, wishes=Wishes())

    assert {who for who, _, _ in bought(history)} == set(names)
    assert sum(amount for _, _, amount in bought(history)) == 72


@pytest.mark.parametrize("other", ["Price", "Total"])
def test_an_amount_of_small_whole_numbers_beside_money_may_count_pieces_and_is_asked_about(
    tmp_path: Path, other: str
) -> None:
    rows = [f"2025-01-{day:02},c{day % 3},{day},{day}.50" for day in range(1, 8)]

    with pytest.raises(ConfigurationError, match=f"amount may be 'Amount' or '{other}'"):
        read(tmp_path, f"Date,Customer,Amount,{other}", *rows)
    assert len(bought(read(tmp_path, "Date,Customer,Amount,Note", *rows))) == 7


@pytest.mark.parametrize(
    "rows",
    [
        ("Datum;Kunde;Betrag;Zahlungsart", "16.01.2025;a;9,50;Rechnung", "17.01.2025;a;2,00;Gutschrift"),
        ("Datum;Kunde;Betrag;Kampagne", "16.01.2025;a;9,50;Test", "17.01.2025;a;2,00;Test"),
        ("Datum;Kunde;Betrag;Zeile", "16.01.2025;a;9,50;Test", "17.01.2025;a;2,00;Test"),
    ],
)
def test_words_that_are_those_of_states_by_chance_say_nothing(tmp_path: Path, rows: Sequence[str]) -> None:
    assert [amount for _, _, amount in bought(read(tmp_path, *rows))] == [Decimal("9.50"), 2]


@pytest.mark.parametrize(
    "cell",
    [
        "16 de janeiro de 2025 às 20:29", "torsdag 16 januari 2025 kl 20.29", "16. jan. 2025 kl. 20.29", "16. tammikuuta 2025 klo 20.29",
        "16 gennaio 2025 20.29", "16/1/2025 8:29 μ.μ.", "16 stycznia 2025 20:29", "16/01/2568 20:29",
    ],
)  # fmt: skip
def test_dates_are_read_as_people_write_them(tmp_path: Path, cell: str) -> None:
    assert [at for _, at, _ in bought(read(tmp_path, "Datum;Kunde;Betrag", f"{cell};a;1,50"))] == ["2025-01-16T20:29"]


@pytest.mark.parametrize("cell", ["S/ 1,234.50", "S/. 1,234.50", "Rs. 1,234.50"])
def test_amounts_are_read_with_the_signs_of_their_country(tmp_path: Path, cell: str) -> None:
    assert [amount for _, _, amount in bought(read(tmp_path, "Date;Customer;Total", f"2025-01-16;a;{cell}"))] == [
        Decimal("1234.50")
    ]
