"""Files as they came out of real products and programs, with what each of them has of its own."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar, to_datetime
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.history.clocks import with_clock
from service.history.people import person
from tests.support.workbooks import xlsx

UTC = Calendar(ZoneInfo("UTC"))


def read(path: Path, content: str | bytes, *, surveys: str = "", columns: dict[str, str] | None = None) -> History:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    answers = [path.with_name("answers.csv")] if surveys else []
    for one in answers:
        one.write_text(surveys)
    return open_history(
        [path], answers, calendar=UTC, minor_digits=2, wishes=Wishes(currency="EUR", columns=columns or {})
    )


def bought(history: History) -> list[tuple[str, str, float]]:
    return [
        (
            one.customer_id,
            to_datetime(one.at_us).isoformat()[:16],
            (-one.amount_minor if one.refund else one.amount_minor) / 100,
        )
        for one in history.purchases()
    ]


SHOPIFY = [
    "Name,Email,Financial Status,Created at,Currency,Total,Notes,Lineitem name,Lineitem quantity,Lineitem price,Cancelled at",
    '#1,ann@x.org,paid,2025-01-06 10:00:00 +0000,EUR,20.50,"a note, of',
    'two ""lines""",Beans,1,1,',
    "#1,ann@x.org,,2025-01-06 10:00:00 +0000,,,,Filter,1,1,",
    "#2,bob@x.org,paid,2025-01-07 11:00:00 +0000,EUR,8.00,,Beans,1,1,",
]


@pytest.mark.parametrize("after", [";", "", ";;;"])
def test_a_file_whose_lines_a_spreadsheet_has_put_into_one_cell_each_is_read(tmp_path: Path, after: str) -> None:
    wrapped = [
        f'"{line.replace(chr(34), 2 * chr(34))}"{after}' if "," in line and place else f"{line}{after}"
        for place, line in enumerate(SHOPIFY)
    ]

    plain = sorted(bought(read(tmp_path / "plain.csv", "\n".join(SHOPIFY))))
    assert plain == [
        ("ann@x.org", "2025-01-06T10:00", 20.5),
        ("bob@x.org", "2025-01-07T11:00", 8.0),
    ]
    assert sorted(bought(read(tmp_path / "wrapped.csv", "\r\n".join(wrapped)))) == plain


def test_a_report_with_a_page_of_titles_and_a_moment_in_both_of_its_columns_is_known(tmp_path: Path) -> None:
    rows = [
        ["Transaktionsrapport"], [], ["Periode:", "", "01.01.2021 - 10.09.2021"], [], ["Betalingsmodtager:", "", "A bar"],
        ["", "", "A street"], ["", "", "37666521"], [], ["Betalingsformidlere:", "", "A bank"], ["", "", "A city"], [], [],
        ["Dato", "Tid", "Kvitteringsnummer", "Moms (25.0%)", "Total", "Netto", "Betalingsmetode", "Kortudsteder", "Sidste cifre", "Kunde"],
        ["44421.032503", "44421.032503", "4618", "2", "10", "9.72", "Contactless", "VISA", "1234", "ann"],
        ["44426.988652", "44426.988652", "4619", "20", "100", "97.2", "Chip", "VISA", "2345", "bob"],
    ]  # fmt: skip

    with pytest.raises(ConfigurationError, match=r"This looks like Zettle receipts, but it lacks customer_id"):
        read(tmp_path / "report.xlsx", xlsx(rows))
    assert bought(read(tmp_path / "report.xlsx", xlsx(rows), columns={"customer_id": "Kunde"})) == [
        ("ann", "2021-08-13T00:46", 10.0),
        ("bob", "2021-08-18T23:43", 100.0),
    ]


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        ("2021-08-13", "00:47:48", "2021-08-13 00:47:48"),
        ("2021-08-13T00:47:48.294000", "2021-08-13T00:47:48.294000", "2021-08-13 00:47:48.294000"),
        ("2021-08-13T00:00:00", "1899-12-31T14:05:00", "2021-08-13 14:05:00"),
        ("2021-08-13", "0.520833333333333", "2021-08-13 12:30:00"),
        ("13.08.2021", "14:05", "13.08.2021 14:05"),
        ("44421.0325", "44421.0325", "44421.0325 "),
        ("44421", "0.5", "44421.5 "),
        ("2021-08-13T14:05:00", "", "2021-08-13T14:05:00 "),
    ],
)
def test_a_day_and_its_time_are_put_together_however_a_workbook_holds_them(day: str, clock: str, moment: str) -> None:
    assert with_clock(day, clock) == moment


def test_payments_with_the_columns_that_somebody_chose_are_known_and_count_as_what_they_were_converted_to(
    tmp_path: Path,
) -> None:
    head = "Created date (UTC);Amount;Currency;Captured;Converted Amount;Converted Currency;Status;Customer ID\n"
    rows = "2024-06-07 02:38:54;15.00;usd;TRUE;14.00;eur;Paid;cus_1\n2024-06-06 21:29:22;9.00;eur;TRUE;9.00;eur;Paid;cus_2\n"

    history = read(tmp_path / "payments.csv", head + rows)
    said = next(one for one in history.report.said if "several currencies" in one)
    assert said.endswith("count as what the file says that they became.")
    columns = {"amount": "Converted Amount", "currency": "Converted Currency"}
    assert [one[2] for one in bought(history)] == [9.0, 14.0]
    assert [one[2] for one in bought(read(tmp_path / "payments.csv", head + rows, columns=columns))] == [9.0, 14.0]


def test_a_file_without_a_purchase_says_what_its_rows_are(tmp_path: Path) -> None:
    rows = "#1,,pending,2025-01-06 10:00:00 +0000,EUR,20.50,,,,,\n#2,,voided,2025-01-06 10:00:00 +0000,EUR,20.50,,,,,\n"

    with pytest.raises(ConfigurationError, match=r"no usable row: 1 pending, 1 voided, as the export itself says\.$"):
        read(tmp_path / "orders.csv", f"{SHOPIFY[0]}\n{rows}")
    with pytest.raises(
        ConfigurationError, match=r"1 voided, as the export itself says; no other row names a customer\.$"
    ):
        read(tmp_path / "orders.csv", f"{SHOPIFY[0]}\n{rows.replace('pending', 'paid')}")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Created (UTC),Customer,Total (EUR)", 9.5),
        ("Fecha,Cliente,Total venta", 9.5),
        ("Дата заказа,Клиент,Сумма", 9.5),
        ("Sipariş Tarihi,Müşteri No,Toplam Tutar", 9.5),
        ("下单时间,客户编号,订单金额", 9.5),
        ("注文日時,会員番号,合計金額", 9.5),
        ("Datum objednávky,Zákazník,Cena celkem", 9.5),
    ],
)
def test_columns_are_guessed_in_more_languages_and_with_what_they_are_in(
    tmp_path: Path, header: str, expected: float
) -> None:
    history = read(tmp_path / "sales.csv", f"{header}\n2025-01-06 10:00,ann,9.50\n2025-01-07 10:00,bob,3.25\n")

    assert [one[2] for one in bought(history)] == [expected, 3.25]


def test_a_column_of_places_is_not_told_as_states_of_orders(tmp_path: Path) -> None:
    places = "customer,date,total,State\nann,2025-01-06,9.50,California\nbob,2025-01-07,3.25,Texas\n"
    states = places.replace("Texas", "Cancelled").replace("California", "Done by hand")

    assert not any("California" in one for one in read(tmp_path / "p.csv", places).report.said)
    history = read(tmp_path / "s.csv", states)
    assert len(bought(history)) == 1
    assert any(
        "State: not known, and so counted as bought: Done by hand (1); not counted: Cancelled (1)." in one
        for one in history.report.said
    )


def test_answers_that_were_not_finished_are_no_losses(tmp_path: Path) -> None:
    surveys = (
        "#,How likely are you to recommend us?,email,Response Type,Start Date (UTC),Stage Date (UTC),Submit Date (UTC),Network ID,Tags\n"
        "a1,9,ann@x.org,completed,2025-01-06 10:00:00,,2025-01-06 10:02:00,n,\n"
        "a2,,bob@x.org,started,2025-01-06 10:00:00,2025-01-06 10:01:00,,n,\n"
    )
    history = read(tmp_path / "p.csv", "customer_id,timestamp,amount\nann,2025-01-01,1\n", surveys=surveys)

    assert [one.score for one in history.answers()] == [9]
    assert (history.report.total_skipped, history.report.aside) == (0, {"not finished": 1})


def test_an_apostrophe_that_keeps_a_spreadsheet_from_computing_is_no_part_of_an_id() -> None:
    assert [person(text) for text in ("'+41791234567", "'123", "O'Neill", "'t Hooft")] == [
        "+41791234567",
        "123",
        "O'Neill",
        "'t Hooft",
    ]


@pytest.mark.parametrize(("since_1904", "day"), [(False, "2020-03-10"), (True, "2024-03-11")])
def test_numbers_of_a_workbook_are_counted_from_the_day_that_it_says(
    tmp_path: Path, since_1904: bool, day: str
) -> None:
    rows = [["customer", "date", "total"], ["ann", "43900", "9.5"], ["bob", "43901.5", "3.25"]]
    history = read(tmp_path / "orders.xlsx", xlsx(rows, since_1904=since_1904))

    assert next(one[1][:10] for one in bought(history)) == day
    assert any("counted from 1900" in one for one in history.report.said) is not since_1904


@pytest.mark.parametrize(
    ("header", "survey"),
    [
        ("Marca temporal,Dirección de correo electrónico,¿Qué probabilidad hay de que nos recomiende?", "nps"),
        ("Sygnatura czasowa,Adres e-mail,Czy polecisz nas znajomym?", "nps"),
        ("Zaman damgası,E-posta adresi,Bizi tavsiye eder misiniz?", "nps"),
        ("Отметка времени,Адрес электронной почты,Порекомендуете ли вы нас?", "nps"),
        ("Tidstämpel,E-postadress,Hur nöjd är du?", "csat"),
        ("タイムスタンプ,メールアドレス,満足度", "csat"),
        ("Časové razítko,E-mailová adresa,Jak jste spokojeni?", "csat"),
        ("Marca temporal,Dirección de correo electrónico,¿Fue fácil comprar?", "ces"),
    ],
)
def test_answers_of_a_form_are_read_in_the_language_it_asks_in(tmp_path: Path, header: str, survey: str) -> None:
    surveys = f"{header}\n06.01.2025 10:00:00,ann@x.org,5\n16.01.2025 10:00:00,bob@x.org,3\n"
    history = read(tmp_path / "p.csv", "customer_id,timestamp,amount\nann,2025-01-01,1\n", surveys=surveys)

    assert [(one.survey.value, one.score) for one in history.answers()] == [(survey, 5), (survey, 3)]


@pytest.mark.parametrize(
    ("status", "bought_as", "cancelled", "back"),
    [
        ("Статус", "Выполнен", "Отменён", "Возвращен"),
        ("Sipariş Durumu", "Tamamlandı", "İptal edildi", "İade edildi"),
        ("Stav objednávky", "Vyřízeno", "Zrušeno", "Vráceno"),
        ("订单状态", "交易成功", "已取消", "已退款"),
        ("ステータス", "発送済み", "キャンセル", "返金済み"),
        ("상태", "배송완료", "취소", "환불완료"),
    ],
)
def test_what_was_cancelled_or_given_back_counts_as_such_in_more_languages(
    tmp_path: Path, status: str, bought_as: str, cancelled: str, back: str
) -> None:
    rows = f"ann,2025-01-06,9,{bought_as}\nbob,2025-01-07,3,{cancelled}\ncat,2025-01-08,5,{back}\n"
    history = read(tmp_path / "orders.csv", f"customer,date,total,{status}\n{rows}")

    assert [one[::2] for one in bought(history)] == [("ann", 9.0), ("cat", 0.0)]
    assert history.report.aside == {"cancelled": 1}
