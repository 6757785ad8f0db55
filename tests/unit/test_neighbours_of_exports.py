"""Neighbours of exports and tables that are known, in other languages and shapes: each was once wrong or refused."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.history.alphabets import encoding_by_letters
from service.history.dates import TimeColumn
from service.history.decimals import AmountColumn, code_in
from service.history.doubts import other_spellings, within
from service.history.people import person
from service.history.questions import all_questions_of, asked, scale_of, score_of
from service.history.zones import zone_elsewhere
from tests.support.histories import bought

UTC = Calendar(ZoneInfo("UTC"))


def read(tmp_path: Path, *rows: str, name: str = "t.csv", currency: str = "") -> History:
    path = tmp_path / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return open_history([path], calendar=UTC, minor_digits=2, wishes=Wishes(currency=currency))


A, B = ("a", "2025-01-16T20:29", Decimal("1234.50")), ("b", "2025-01-17T08:05", 2)


@pytest.mark.parametrize(
    "rows",
    [
        ["Order #,Purchased From (Store),Purchased On,Bill to Name,Ship to Name,G.T. (Base),G.T. (Purchased),Status",
         '1001,Main,"Jan 16, 2025 8:29:48 PM",a,a,"$1,234.50","$1,234.50",Complete', '1002,Main,"Jan 17, 2025 8:05:00 AM",b,b,$2.00,$2.00,Complete',
         '1003,Main,"Jan 18, 2025 8:05:00 AM",b,b,$2.00,$2.00,Canceled'],
        ["id,status,currency,type,total_amount,customer_id,billing_email,date_created_gmt,parent_order_id",
         "1,wc-completed,EUR,shop_order,1236.50000000,7,a,2025-01-16 20:29:48,0", "2,wc-completed,EUR,shop_order,2.00000000,8,b,2025-01-17 08:05:00,0",
         "3,wc-pending,EUR,shop_order,2.00000000,8,b,2025-01-17 08:05:00,0", "4,trash,EUR,shop_order,2.00000000,8,b,2025-01-17 08:05:00,0",
         "5,wc-completed,EUR,shop_order_refund,-2.00000000,0,,2025-01-18 09:00:00,1"],
        ["id,Customer,Customer Email,Amount Due,Amount Paid,Total,Currency,Status,Date (UTC),Finalized At (UTC)",
         "in_1,a,a@x.org,1234.50,1234.50,1234.50,eur,paid,2025-01-16 20:29,2025-01-16 20:29", "in_2,b,,2.00,2.00,2.00,eur,paid,2025-01-17 08:05,",
         "in_3,b,,2.00,0.00,2.00,eur,open,2025-01-17 08:05,", "in_4,b,,2.00,0.00,2.00,eur,void,2025-01-17 08:05,"],
        ["Bestellnr.;Erstellungsdatum;Uhrzeit;Kontakt-E-Mail;Rechnungsname;Liefermethode;Zahlungsstatus;Gesamt;Währung",
         "1;16.01.2025;20:29;a;A;Post;Bezahlt;1.234,50;EUR", "2;17.01.2025;08:05;b;B;Post;Bezahlt;2,00;EUR", "3;17.01.2025;08:05;b;B;Post;Nicht bezahlt;2,00;EUR"],
        ["Date,Heure,Fuseau horaire,Ventes brutes,Total perçu,Frais,Total net,ID de transaction,Identifiant client",
         '2025-01-16,15:29:48,Heure de l’Est (É.-U. et Canada),"1 234,50 $","1 234,50 $","-0,30 $","1 234,20 $",t1,a',
         '2025-01-17,03:05:00,Heure de l’Est (É.-U. et Canada),"2,00 $","2,00 $","-0,30 $","1,70 $",t2,b'],
        ["客户,下单时间,订单状态,金额", "a,2025-01-16 20:29,已完成,¥1234.50", "b,2025-01-17 08:05,已完成,¥2.00", "b,2025-01-18 08:05,已取消,¥9.00"],
        ["Klant;Datum;Totaal", "a;donderdag 16 januari 2025 om 20:29;1.234,50", "b;vrijdag 17 januari 2025 om 08:05;2,00"],
        ["Cliente;Data ordine;Totale", "a;giovedì 16 gennaio 2025 alle 20:29;1.234,50", "b;venerdì 17 gennaio 2025 alle ore 8:05;2,00"],
        ["مشتری,تاریخ,مبلغ", "a,۲۰۲۵/۰۱/۱۶ ۲۰:۲۹,۱۲۳۴٫۵۰", "b,۲۰۲۵/۰۱/۱۷ ۰۸:۰۵,۲"],
        ["Client;Date;Commission;Total net;Total perçu", "a;16/01/2025 20:29;0,35;1.234,15;1.234,50", "b;17/01/2025 08:05;0,35;1,65;2,00"],
        ["E-mail;Data;Status do Pagamento;Total", "a;16/01/2025 20:29;Confirmado;1.234,50", "b;17/01/2025 08:05;Confirmado;2,00", "b;18/01/2025 08:05;Recusado;9,00"],
        ["注文者メールアドレス,注文日時,ステータス,合計金額", "a,2025-01-16 20:29,発送済,1234.50", "b,2025-01-17 08:05,発送済,2.00", "b,2025-01-18 08:05,キャンセル確定,9.00"],
        ["Comprador;Fecha de venta;Total", "a;16 de enero de 2025 20:29 hs.;1.234,50", "b;17 de enero de 2025 08:05 hs.;2,00"],
        ["order_id,customer_id,created_at,paid_at,total", "1,a,2025-01-16 20:29,2025-01-18 20:29,1234.50", "2,b,2025-01-17 08:05,2025-01-19 08:05,2.00"],
        ["Kunde;Datum;Betrag", "a;Do, 16.01.2025, 20:29 Uhr;1234,50", "b;Fr, 17.01.2025, 08:05 Uhr;2,00", "Kunde;Fr, 17.01.2025, 09:05 Uhr;2,00"],
        ["ID;Klient;Data;Razem;Status", "1;a;2025-01-16 20:29:00;1 234,50 zł;Dostarczone", "2;b;2025-01-17 08:05:00;2,00 zł;Dostarczone",
         "3;b;2025-01-18 08:05:00;9,00 zł;Błąd płatności"],
        ["customer,date,amount,City", "a,2025-01-16 20:29,1234.50,Berlin", "b,2025-01-17 08:05,2.00,Tokyo"],
        ["customer,receipt_email,date,amount", "a,a@x.org,2025-01-16 20:29,1234.50", "b,a@x.org,2025-01-17 08:05,2.00"],
    ],
    ids=["Magento 1", "WooCommerce's table", "Stripe invoices", "Wix in German", "Square in French", "yuan", "Dutch days", "Italian days", "Persian",
         "net of fees beside what was paid", "Nuvemshop", "Rakuten", "Mercado Libre", "when it was paid", "commas in dates beside semicolons", "PrestaShop in Polish", "a column of cities", "an address is no number of an order"],
)  # fmt: skip
def test_a_neighbour_of_a_known_export_is_read(rows: list[str], tmp_path: Path) -> None:
    assert [one for one in bought(read(tmp_path, *rows)) if one[2] != -2] in (
        [A, B],
        [("a", A[1], Decimal("1236.50")), B],
    )


def test_a_refund_of_a_table_that_names_the_order_alone_is_its_customers(tmp_path: Path) -> None:
    header = "id,status,currency,type,total_amount,customer_id,billing_email,date_created_gmt,parent_order_id"
    sold = "1,wc-completed,EUR,shop_order,12.00,7,a,2025-01-16 20:29:48,0"
    back = "5,wc-completed,EUR,shop_order_refund,-2.00,0,,2025-01-18 09:00:00,1"
    assert bought(read(tmp_path, header, sold, back))[1] == ("a", "2025-01-18T09:00", -2)


def test_an_intent_to_pay_counts_what_came_in_in_its_own_smallest_unit(tmp_path: Path) -> None:
    def intent(number: int, state: str, got: int) -> dict[str, object]:
        return {"id": f"pi_{number}", "object": "payment_intent", "amount": 4200, "amount_received": got, "currency": "jpy", "livemode": True,
                "created": 1736155000 + number, "customer": "cus_1", "receipt_email": "a@x.org", "status": state}  # fmt: skip

    rows = [intent(1, "succeeded", 4200), intent(2, "succeeded", 4000), intent(3, "requires_payment_method", 0)]
    history = read(tmp_path, json.dumps({"object": "list", "data": rows}), name="t.json", currency="JPY")
    assert [int(one.amount_minor) for one in history.purchases()] == [420_000, 400_000]


def test_pages_of_an_answer_that_were_kept_one_after_the_other_are_one_table(tmp_path: Path) -> None:
    def row(who: str, day: int) -> dict[str, object]:
        return {"customer_id": who, "timestamp": f"2025-01-{day}T08:00:00Z", "amount": 2, "order_id": str(day)}

    pages = [{"data": [row("a", 11), row("b", 12)], "has_more": True}, {"data": [row("a", 13)], "has_more": False}]
    whole = json.dumps(pages)
    lines = "\n".join(json.dumps(page) for page in pages)
    for content in (whole, lines):
        assert [one[0] for one in bought(read(tmp_path, content, name="t.json"))] == ["a", "b", "a"]


def test_what_was_looked_at_is_no_order_where_orders_stand_beside(tmp_path: Path) -> None:
    rows = [
        json.dumps({"type": kind, "customer_id": "a", "timestamp": f"2025-01-{day}T08:00:00Z", "amount": 2})
        for day in (11, 12)
        for kind in ("order", "page_view", "add_to_cart")
    ]
    assert len(bought(read(tmp_path, *rows, name="t.jsonl"))) == 2


def test_a_batch_of_rows_without_a_date_is_left_out_and_counted(tmp_path: Path) -> None:
    days = {20_000 + day: 5 for day in range(60)}
    assert within(days | {0: 20}) == (20_000, 20_059)
    assert within(days | {0: 8, 47_000: 9}) == (20_000, 20_059)
    assert within(days | {0: 400}) is None, "most of all rows are no slip"
    assert within({0: 5} | {20_000 + day: 5 for day in range(9)}) is None, "nor is one of a few days"


@pytest.mark.parametrize("cell", ["4B166DBE-D99D-5091-ABDD-95B83330ED3A", "{4b166dbe-D99D-5091-abdd-95b83330ed3a}"])
def test_a_uuid_is_one_in_capitals_and_in_braces(cell: str) -> None:
    assert person(cell) == "4b166dbe-d99d-5091-abdd-95b83330ed3a"
    assert person("{ABC-12}") == "{ABC-12}"


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Kaya", "KAYA", "capitals"),
        ("C00１", "C001", "capitals"),
        ("ann@x.org", "ann+shop@x.org", "tag"),
        ("+491510001002", "0151/0001002", "telephone"),
        ("+491510001002", "0049 151 0001002", "telephone"),
    ],
)
def test_ids_that_may_be_one_person_are_said(one: str, other: str, how: str) -> None:
    orders = twice(one, other)
    assert how in " ".join(other_spellings(orders))
    assert other_spellings(twice("000000123456", "100000123456", "ann@x.org", "bob@x.org")) == []


def twice(*ids: str) -> Counter[str]:
    return Counter(dict.fromkeys(ids, 2))


def test_a_blank_between_the_digits_of_windows_is_no_letter_of_dos() -> None:
    assert encoding_by_letters("a;1\u00a0234,50\nb;12\u00a0234,50\n".encode("cp1252") * 5) == ""
    assert encoding_by_letters("käse;größe;löß;tür\n".encode("cp850") * 5) == "cp850"


def test_dates_of_cells_and_of_text_together_are_read_where_nothing_was_swapped() -> None:
    def column(*cells: str) -> TimeColumn:
        found = TimeColumn("Datum")
        for cell in cells:
            found.see(cell)
        return found

    good = column("2025-01-06T13:18:26", "2025-01-26T13:18:26", "06.01.2025 08:29", "26.01.2025 08:29")
    good.decide()
    assert good.clean("06.01.2025 08:29") == "2025-01-06T08:29"
    for swapped in (
        column("2025-06-01T13:18:26", "2025-07-01", "14/01/2025 08:29", "26/01/2025 08:29"),
        column("2025-06-01T13:18:26", "2025-07-21", "14/01/2025 08:29", "26/01/2025 08:29"),
    ):
        with pytest.raises(ConfigurationError, match="two ways"):
            swapped.decide()


def test_the_currency_is_what_the_name_or_the_sign_or_the_cents_say(tmp_path: Path) -> None:
    assert (code_in("Betrag CHF"), code_in("Total (€)"), code_in("Total (EUR/USD)"), code_in("Net sales")) == (
        "CHF",
        "EUR",
        "",
        "",
    )
    rows = ("Kunde;Datum;Betrag CHF", "a;16.01.2025;12,50", "b;17.01.2025;2,00")
    assert read(tmp_path, *rows, currency="EUR").report.currency == "CHF"
    rows = ("客户;日期;金额", "a;2025-01-16;￥12.50", "b;2025-01-17;￥2.00")
    assert read(tmp_path, *rows, currency="EUR").report.currency == "CNY"
    rows = ("Клиент;Дата;Сумма;Валюта", "a;16.01.2025;12,50;руб.", "b;17.01.2025;2,00;руб.")
    assert read(tmp_path, *rows, currency="EUR").report.currency == "RUB"
    rows = ("Customer;Date;Amount", "a;2025-01-16;12.50 Gld", "b;2025-01-17;2.00 Gld")
    assert "'Gld', which is no currency that is known" in " ".join(read(tmp_path, *rows, currency="EUR").report.said)


def test_a_currency_without_cents_in_a_column_of_its_own_says_that_commas_group() -> None:
    column = AmountColumn("合計")
    column.see("247,000")
    with pytest.raises(ConfigurationError):
        column.decide()
    column.decide(currencies=["JPY"])
    assert column.clean("247,000") == "247000"


def test_zones_have_names_in_other_languages() -> None:
    assert [str(zone_elsewhere(name)) for name in ("東京", "Heure de l’Est (É.-U. et Canada)", "hora de Europa central")] == [
        "Asia/Tokyo", "America/New_York", "Europe/Paris"]  # fmt: skip
    assert zone_elsewhere("nowhere") is None


def test_questions_are_known_in_more_languages() -> None:
    known = {survey: words.search for survey, words in asked().items()}
    assert known["nps"]("koliko je vjerojatno da ćete nas preporučiti?")
    assert known["csat"]("koliko ste zadovoljni?")
    assert not known["ces"]("success")
    assert known["nps"]("enps 2025")


def test_rows_without_an_amount_are_told(tmp_path: Path) -> None:
    said = " ".join(read(tmp_path, "Kunde;Datum;Betrag", "a;16.01.2025;12,50", "b;17.01.2025;").report.said)
    assert "1 of 2 rows have no Betrag: those of them that are orders are worth nothing" in said


def test_an_amount_of_which_something_was_taken_off_is_asked_about_beside_a_larger_one(tmp_path: Path) -> None:
    header = "Purchase Email,Buyer Name,Purchase Date,Sale Price ($),Net Total ($)"
    with pytest.raises(ConfigurationError, match="amount may be"):
        read(tmp_path, header, "a,A,2025-01-16 20:29,1234.50,1233.50", "b,A,2025-01-17 08:05,2.00,1.00")


def test_steps_beyond_very_make_the_others_finer() -> None:
    fine = ["Extremely difficult", "Very difficult", "Difficult", "Neither easy nor difficult", "Easy", "Very easy", "Extremely easy"]  # fmt: skip
    assert [score_of("ces", one, scale_of("ces", fine)) for one in fine] == [1, 2, 3, 4, 5, 6, 7]
    usual = ["Sehr schwierig", "Schwierig", "Weder noch", "Einfach", "Sehr einfach"]
    assert [score_of("ces", one, scale_of("ces", usual)) for one in usual] == [1, 2, 4, 6, 7]


def test_a_question_whose_groups_stand_beside_it_is_the_one_of_promoters() -> None:
    assert all_questions_of(["Q1_NPS_GROUP", "Q1", "Q2"], [["Promoter", "10", "1"], ["Detractor", "2", "3"]]) == {
        "nps": [1]
    }


@pytest.mark.parametrize(
    "cell", ["2025/01/10 10:00:00 AM OEZ", "10.01.2025 09:00 MEZ", "2025-01-10T08:00:00Z", "2025-01-10 08:00 Z"]
)
def test_a_zone_whose_letters_end_with_that_of_utc_is_one_of_its_own(cell: str) -> None:
    column = TimeColumn("t")
    column.see(cell)
    column.decide()
    assert datetime.fromisoformat(column.clean(cell)).astimezone(ZoneInfo("UTC")).hour == 8
