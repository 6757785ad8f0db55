"""Exports of shops whose headers were found in public programs, people known by phone, and gift cards that are sold."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history
from service.history.gift_cards import is_gift_card
from service.history.people import phone_of
from service.profiles.words import read_words
from tests.support.histories import bought

UTC = Calendar(ZoneInfo("UTC"))
SQUARESPACE = """\
Order ID,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,Shipping,Taxes,Amount Refunded,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem variant,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Phone,Shipping Name,Cancelled at,Private Notes,Payment Method,Payment Reference
1,ann@x.org,PAID,7/25/2018 21:06,pending,,USD,20,10,0,0,30,,0,Flat rate,7/25/2018 21:06,1,Colombian,10,SQ1,200g,TRUE,TRUE,pending,Ann,,Ann,,,Stripe,ch_1
1,,,,,,,,,,,,,,,,1,Ethiopian,10,SQ2,200g,TRUE,TRUE,pending,,,,,,,
2,bob@x.org,refunded,7/25/2018 22:12,cancelled,,USD,10,10,0,20,20,,0,Flat rate,7/25/2018 22:12,1,Guatemalan,10,SQ3,200g,TRUE,TRUE,cancelled,Bob,,Bob,7/26/2018 12:32,,Stripe,ch_2
3,ann@x.org,PAID,8/4/2018 19:26,pending,,USD,240,0,0,0,240,,0,,8/4/2018 19:26,1,3 month subscription,240,SQ4,Weekly,FALSE,TRUE,pending,Ann,,Ann,,,Stripe,ch_3
"""
SHOPWARE = """\
id;order_number;sales_channel_id;customer_firstname;customer_lastname;customer_email;billing_address_street;amount_total;order_state_id;line_items;order_date_time
0a;10001;c1;Ann;Lee;ann@x.org;Weg 1;19.99;s1;1x Tee;2025-01-06T08:29:48+00:00
0b;10002;c1;Bob;Ray;bob@x.org;Weg 2;30;s1;2x Tee|1x Tasse;2025-01-13T09:00:00+00:00
"""
ECWID = """\
order_number;email;timestamp;payment_status;fulfillment_status;order_total;sku;name;price;quantity;total;bill_person_name;bill_person_phone;shipto_person_name;order_comments
2001;ann@x.org;2026-04-20 9:41 AM;Paid;Shipped;25.00;A;Mug;10;1;10;Ann;;Ann;
2001;ann@x.org;2026-04-20 9:41 AM;Paid;Shipped;25.00;B;Tea;7.50;2;15;Ann;;Ann;
2002;bob@x.org;2026-04-21 2:05 PM;Awaiting payment;New;40.00;C;Pot;40;1;40;Bob;;Bob;
2003;ann@x.org;2026-04-29 12:30 AM;Paid;New;8.00;A;Mug;8;1;8;Ann;;Ann;
"""
ETSY_ITEMS = """\
Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Discount Amount,Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,Listing ID,Date Paid,Date Shipped,Ship Name,Order ID,Variations,Payment Type,SKU
08/14/25,Fox Card,coolbuyer42,2,$5.00,,,$4.50,$0.62,$10.00,USD,4001,9001,08/14/25,08/15/25,Jane Doe,3001,Matte,online_cc,FOX-01
08/14/25,Fox Sticker,coolbuyer42,1,$3.00,,,$0.00,$0.00,$3.00,USD,4002,9002,08/14/25,08/15/25,Jane Doe,3001,,online_cc,FOX-ST
09/02/25,Bear Card,otherbuyer,1,$5.00,WELCOME10,$0.50,$4.50,$0.00,$5.00,USD,4003,9003,09/02/25,09/04/25,Bob Roe,3002,Matte,paypal,BEAR-01
"""


def read(path: Path, content: str, columns: dict[str, str] | None = None) -> History:
    path.write_text(content)
    return open_history([path], calendar=UTC, minor_digits=2, wishes=Wishes(currency="USD", columns=columns or {}))


@pytest.mark.parametrize(
    ("name", "content", "right"),
    [
        ("Squarespace orders", SQUARESPACE, [("ann@x.org", "2018-07-25T21:06", 30), ("ann@x.org", "2018-08-04T19:26", 240)]),
        ("Shopware 6 orders", SHOPWARE, [("ann@x.org", "2025-01-06T08:29", Decimal("19.99")), ("bob@x.org", "2025-01-13T09:00", 30)]),
        ("Ecwid (Lightspeed E-Series) orders", ECWID, [("ann@x.org", "2026-04-20T09:41", 25), ("ann@x.org", "2026-04-29T00:30", 8)]),
        ("Etsy order items", ETSY_ITEMS, [("coolbuyer42", "2025-08-14T00:00", 13), ("otherbuyer", "2025-09-02T00:00", 5)]),
    ],
)  # fmt: skip
def test_an_export_with_the_header_of_a_real_one_is_read_as_it_is(
    tmp_path: Path, name: str, content: str, right: list[tuple[str, str, Decimal]]
) -> None:
    history = read(tmp_path / "export.csv", content)

    assert bought(history) == right
    assert f"read as {name}" in "".join(history.report.said)
    assert history.report.total_skipped == 0


SHOPIFY = "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Refunded Amount,Billing Phone,Phone"


def order(
    number: int, who: str, total: str, lines: list[tuple[int, str, str]], *, back: str = "0.00", phone: str = ""
) -> str:
    at = f"2025-01-{number:02} 10:00:00 +0000"
    first, *others = [f"{pieces},{item},{price}" for pieces, item, price in lines]
    return "\n".join(
        [f"#{number},{who},paid,USD,{total},{at},{first},{back},,{phone}", *(f"#{number},{who},,,,{at},{line},,," for line in others)]
    )  # fmt: skip


def test_orders_of_shopify_with_a_phone_number_alone_are_nobodys_until_it_is_said_that_the_number_counts(
    tmp_path: Path,
) -> None:
    beans = [(1, "Beans", "10.00")]
    content = "\n".join(
        [
            SHOPIFY,
            order(1, "", "10.00", beans, phone="'+1 415-555-0101"),
            order(2, "ann@x.org", "11.00", beans, phone="+44 20 7946 0018"),
            order(3, "", "12.00", [*beans, (1, "Cake", "2.00")], phone="+442079460018"),
            order(4, "", "13.00", beans, phone="+14155550101"),
            order(5, "", "14.00", beans),
            order(6, "bob@x.org", "15.00", beans, phone="030 123456"),
            order(7, "cy@x.org", "16.00", beans, phone="030/123456"),
            order(8, "", "17.00", beans, phone="030-123456"),
        ]
    )
    plain = read(tmp_path / "orders.csv", content)
    by_phone = read(tmp_path / "orders.csv", content, {"contact": "Phone"})

    assert [(who, amount) for who, _, amount in bought(plain)] == [
        ("ann@x.org", 11),
        ("bob@x.org", 15),
        ("cy@x.org", 16),
    ]
    assert plain.report.nobodys_orders == 5
    assert any(
        said.startswith("4 orders name no Email and a phone number") and '--map contact="Phone"' in said
        for said in plain.report.said
    )
    assert [(who, amount) for who, _, amount in bought(by_phone)] == [
        ("+14155550101", 10), ("ann@x.org", 11), ("ann@x.org", 12), ("+14155550101", 13), ("bob@x.org", 15), ("cy@x.org", 16), ("030123456", 17),
    ]  # fmt: skip
    assert by_phone.report.nobodys_orders == 1


def test_a_shop_that_knows_all_customers_by_phone_alone_is_read_by_it(tmp_path: Path) -> None:
    rows = [order(day, "", "10.00", [(1, "Beans", "10.00")], phone=f"+4930{day % 2}00000") for day in range(1, 5)]
    history = read(tmp_path / "orders.csv", "\n".join([SHOPIFY, *rows]))

    assert [who for who, _, _ in bought(history)] == ["+49301 00000".replace(" ", ""), "+4930000000"] * 2


def test_a_shopify_file_without_the_totals_of_its_orders_is_refused(tmp_path: Path) -> None:
    content = "\n".join(
        line.replace(",Total", ",Worth") for line in [SHOPIFY, order(1, "a@x.org", "10.00", [(1, "Beans", "10.00")])]
    )

    with pytest.raises(ConfigurationError, match=r"lacks amount \(Total\)"):
        read(tmp_path / "orders.csv", content)


def test_a_gift_card_counts_when_it_is_used_and_not_when_it_is_sold(tmp_path: Path) -> None:
    card = (1, "Gift Card - $50.00", "50.00")
    history = read(
        tmp_path / "orders.csv",
        "\n".join(
            [
                SHOPIFY,
                order(1, "a@x.org", "50.00", [card]),
                order(2, "b@x.org", "70.00", [(2, "Beans", "10.00"), card]),
                order(3, "b@x.org", "120.00", [(2, "Gift Card - $50.00", "50.00"), (1, "Beans", "20.00")]),
                order(4, "c@x.org", "70.00", [(2, "Beans", "10.00"), card], back="70.00"),
                order(5, "c@x.org", "50.00", [card], back="50.00"),
                order(6, "c@x.org", "9.00", [(1, "Gift card holder", "9.00")]),
            ]
        ),
    )

    assert [(who, amount) for who, _, amount in bought(history)] == [
        ("a@x.org", 0), ("b@x.org", 20), ("b@x.org", 20), ("c@x.org", 0), ("c@x.org", 0), ("c@x.org", 9),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "is_one"),
    [
        ("Gift Card", True),
        ("E-Gift Card $100", True),
        ("Holly & Co Gift Card - £25.00", True),
        ("Geschenkgutschein - 50,00 €", True),
        ("Carte cadeau 30 €", True),
        ("Presentkort - 500 kr", True),
        ("Gift Card Box", False),
        ("Gift card holder - Red", False),
        ("Birthday gift card", False),
        ("Card - 50", False),
        ("", False),
    ],
)
def test_a_gift_card_is_told_by_its_name(item: str, is_one: bool) -> None:
    assert is_gift_card(item) is is_one


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("'+41 79 123 45 67", "+41791234567"),
        ("(415) 555-0101", "4155550101"),
        ("n/a", ""),
        ("000000", ""),
        ("12-34", ""),
    ],
)
def test_a_phone_number_has_one_spelling(text: str, number: str) -> None:
    assert phone_of(text) == number


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[names]\nger = ["gast"]', "code of a language"),
        ('[names]\nde = ["Gast"]', "small letters"),
        ('[names]\nde = ["gast", "gast"]', "twice"),
        ('names = ["gast"]', "cannot be used"),
        ("[names", "cannot be used"),
    ],
)
def test_a_mistake_in_a_file_of_words_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_words("gift_cards", text)
