"""One made-up shop of eighteen months as five systems export it, with all their columns, and what is right for each.

What is right is added up from the sales, in another way than any reader would.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from io import StringIO
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
CENT: Final = Decimal("0.01")
_FIRST: Final = datetime(2025, 5, 1, 9, tzinfo=PARIS)
_DAYS: Final = 548
_THINGS: Final = (
    ("CAFE-250", 'Café "Yirgacheffe", 250 g', Decimal("12.90")),
    ("CAFE-1000", "Café Brésil, 1 kg", Decimal("39.50")),
    ("FILTRE", "Filtres n° 4", Decimal("4.20")),
    ("MOULIN", "Moulin à café", Decimal("1149.00")),
)


class Right(NamedTuple):
    """What the owner knows; revenue after what was given back. Orders of nobody are beside the others."""

    people: int
    orders: int
    revenue: Decimal
    nobodys: int = 0
    nobodys_revenue: Decimal = Decimal(0)


@dataclass(frozen=True)
class Sale:
    number: int
    person: int | None
    at: datetime
    lines: tuple[tuple[str, str, int, Decimal], ...]
    fate: str = "paid"
    """paid, part back, back, cancelled, pending, failed, test, lost (a dispute), card (a gift card that was sold),
    by card (paid with one)."""
    currency: str = "EUR"

    @property
    def total(self) -> Decimal:
        return sum((count * price for _, _, count, price in self.lines), Decimal(0))

    @property
    def back(self) -> Decimal:
        """What was given back of it."""
        if self.fate == "part back":
            return (self.total / 4).quantize(CENT)
        return self.total if self.fate in {"back", "lost"} else Decimal(0)

    @property
    def counts(self) -> bool:
        return self.fate not in {"cancelled", "pending", "failed", "test"}

    @property
    def email(self) -> str:
        return "" if self.person is None else f"client{self.person}@exemple.fr"

    @property
    def name(self) -> str:
        return "" if self.person is None else f"Zoë Dupré {self.person}"


def the_shop(*, fates: Sequence[str], currencies: Sequence[str] = ("EUR",)) -> list[Sale]:
    """Several hundred sales of forty regulars, of people who come once, and of nobody; `fates` befall one in twelve."""
    dice = random.Random(17)
    moments: list[tuple[datetime, int | None]] = []
    for person in range(40):
        gap = dice.choice((14, 21, 30, 45))
        day = dice.uniform(0, gap)
        while day < (_DAYS if person % 8 else _DAYS - 150):
            moments.append((_FIRST + timedelta(days=day, minutes=dice.randrange(540)), person))
            day += gap * dice.uniform(0.75, 1.25)
    moments += [
        (_FIRST + timedelta(days=dice.uniform(0, _DAYS)), None if stranger % 3 else 100 + stranger)
        for stranger in range(60)
    ]
    sales = []
    for number, (at, who) in enumerate(sorted(moments, key=lambda one: one[0]), 1001):
        chosen = dice.sample(_THINGS, dice.choices((1, 2, 3), (5, 3, 1))[0])
        lines = tuple((sku, name, dice.choice((1, 1, 2)), price) for sku, name, price in chosen)
        fate = dice.choice(fates) if dice.random() < 1 / 12 and who is not None else "paid"
        currency = dice.choice(currencies[1:]) if len(currencies) > 1 and dice.random() < 0.1 else currencies[0]
        sales.append(Sale(number, who, at.replace(microsecond=0), lines, fate, currency))
    return sales


def right_of(sales: Iterable[Sale], worth: Callable[[Sale], Decimal] = lambda one: one.total - one.back) -> Right:
    counted = [one for one in sales if one.counts]
    known = [one for one in counted if one.person is not None]
    nobodys = [one for one in counted if one.person is None]
    return Right(
        len({one.person for one in known}),
        len(known),
        sum(map(worth, known), Decimal(0)),
        len(nobodys),
        sum(map(worth, nobodys), Decimal(0)),
    )


def table(
    header: str, rows: Iterable[dict[str, object]], *, delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    """A file with all columns of the header, of which the rows fill some."""
    names = header.split(",")
    text = StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]  # the stubs know literals only
    writer.writerow(names)
    for row in rows:
        assert row.keys() <= set(names), row.keys() - set(names)
        writer.writerow([row.get(name, "") for name in names])
    return text.getvalue()


SHOPIFY: Final = "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,Payment Terms Name,Next Payment Due At,Payment References"


@cache
def shopify() -> tuple[str, Right]:
    """The newest order first, a row a line, what holds for the order in its first row only."""
    sales = the_shop(fates=("part back", "back", "cancelled", "pending", "test"))
    status = {"part back": "partially_refunded", "back": "refunded", "cancelled": "voided", "pending": "pending"}

    def rows() -> Iterable[dict[str, object]]:
        for one in reversed(sales):
            at = one.at.strftime("%Y-%m-%d %H:%M:%S %z")
            till = one.person is None
            for place, (sku, name, count, price) in enumerate(one.lines):
                row: dict[str, object] = {
                    "Name": f"#{one.number}", "Email": one.email, "Created at": at, "Lineitem quantity": count,
                    "Lineitem name": name, "Lineitem price": price, "Lineitem sku": sku, "Vendor": "Torréfaction",
                    "Lineitem requires shipping": "true", "Lineitem taxable": "true", "Lineitem discount": "0.00",
                    "Lineitem fulfillment status": "fulfilled",
                }  # fmt: skip
                if place == 0:
                    row |= {
                        "Financial Status": status.get(one.fate, "paid"), "Paid at": "" if one.fate == "pending" else at,
                        "Fulfillment Status": "fulfilled", "Accepts Marketing": "no", "Currency": "EUR",
                        "Subtotal": one.total, "Shipping": "0.00", "Taxes": (one.total / 11).quantize(CENT),
                        "Total": one.total, "Discount Amount": "0.00", "Billing Name": one.name,
                        "Notes": "sans mouture,\nmerci" if one.number % 5 == 0 else "",
                        "Cancelled at": at if one.fate == "cancelled" else "", "Refunded Amount": one.back,
                        "Payment Method": "bogus" if one.fate == "test" else "Cash" if till else "Shopify Payments",
                        "Outstanding Balance": "0.00", "Location": "Boutique" if till else "", "Id": 5_000_000_000 + one.number,
                        "Risk Level": "Low", "Source": "pos" if till else "web", "Tax 1 Name": "FR TVA 10%",
                    }  # fmt: skip
                yield row

    return table(SHOPIFY, rows()), right_of(sales)


WOOCOMMERCE: Final = "order_id,order_number,order_number_formatted,date,status,shipping_total,shipping_tax_total,fee_total,fee_tax_total,tax_total,discount_total,order_total,refunded_total,order_currency,payment_method,shipping_method,customer_id,billing_first_name,billing_last_name,billing_company,billing_email,billing_phone,billing_address_1,billing_address_2,billing_postcode,billing_city,billing_state,billing_country,shipping_first_name,shipping_last_name,customer_note,item_id,item_product_id,item_name,item_sku,item_quantity,item_subtotal,item_total,item_total_tax,item_refunded,item_refunded_qty,order_notes,download_permissions"


@cache
def woocommerce() -> tuple[str, Right]:
    """A row an item, all of the order in each; whoever has no account is customer 0."""
    sales = the_shop(fates=("part back", "back", "cancelled", "pending", "failed"))
    status = {"back": "refunded", "cancelled": "cancelled", "pending": "pending", "failed": "failed"}

    def rows() -> Iterable[dict[str, object]]:
        for one in sales:
            for place, (sku, name, count, price) in enumerate(one.lines):
                yield {
                    "order_id": one.number, "order_number": one.number, "order_number_formatted": one.number,
                    "date": one.at.strftime("%Y-%m-%d %H:%M:%S"), "status": status.get(one.fate, "completed"),
                    "shipping_total": "0.00", "tax_total": "0.00", "discount_total": "0.00", "order_total": one.total,
                    "refunded_total": one.back, "order_currency": "EUR", "payment_method": "stripe",
                    "customer_id": 0 if one.person is None else 40 + one.person, "billing_first_name": "Zoë",
                    "billing_last_name": "Dupré", "billing_email": one.email or f"passage{one.number}@exemple.fr",
                    "billing_phone": "0612345678", "billing_country": "FR", "item_id": one.number * 10 + place,
                    "item_name": name, "item_sku": sku, "item_quantity": count, "item_total": count * price,
                    "item_refunded": "0.00", "customer_note": "laisser\nau gardien" if one.number % 7 == 0 else "",
                }  # fmt: skip

    return table(WOOCOMMERCE, rows()), right_of(sales)


SQUARE: Final = "Date,Time,Time Zone,Gross Sales,Discounts,Service Charges,Net Sales,Gift Card Sales,Tax,Tip,Partial Refunds,Total Collected,Source,Card,Card Entry Methods,Cash,Square Gift Card,Other Tender,Other Tender Type,Tender Note,Fees,Net Total,Transaction ID,Payment ID,Card Brand,PAN Suffix,Device Name,Staff Name,Staff ID,Details,Description,Event Type,Location,Dining Option,Customer ID,Customer Name,Customer Reference ID,Device Nickname,Third Party Fees,Deposit ID,Deposit Date,Deposit Details,Fee Percentage Rate,Fee Fixed Rate,Refund Reason,Discount Name,Transaction Status,Cash App,Order Reference ID,Fulfillment Note,Free Processing Applied,Channel,Unattributed Tips,Table Info,International Fee"
SQUARE_ITEMS: Final = "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,Customer ID,Customer Name,Customer Reference ID,Unit,Count,Itemization Type,Fulfillment Note,Channel,Token,Card Brand,PAN Suffix"


def _dollars(value: Decimal) -> str:
    return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"


@cache
def _square_shop() -> list[Sale]:
    sales = the_shop(fates=("part back", "back", "card", "by card"), currencies=("USD",))
    return [one for one in sales if one.fate != "card" or one.total < 500]


@cache
def square() -> tuple[str, Right]:
    """By the clock of New York; what is given back is a row of its own, a gift card is sold and later paid with."""
    sales = _square_shop()
    zone = ZoneInfo("America/New_York")

    def row(one: Sale, at: datetime, value: Decimal, kind: str) -> dict[str, object]:
        sold = value if one.fate == "card" else Decimal(0)
        at = at.astimezone(zone)
        return {
            "Date": at.strftime("%Y-%m-%d"), "Time": at.strftime("%H:%M:%S"), "Time Zone": "Eastern Time (US & Canada)",
            "Gross Sales": _dollars(value - sold), "Discounts": "$0.00", "Service Charges": "$0.00",
            "Net Sales": _dollars(value - sold), "Gift Card Sales": _dollars(sold), "Tax": "$0.00", "Tip": "$0.00",
            "Partial Refunds": "$0.00", "Total Collected": _dollars(value), "Source": "Point of Sale",
            "Card": _dollars(value if one.fate != "by card" else Decimal(0)), "Cash": "$0.00",
            "Square Gift Card": _dollars(value if one.fate == "by card" else Decimal(0)), "Other Tender": "$0.00",
            "Fees": "$0.00", "Net Total": _dollars(value), "Transaction ID": f"T{one.number}{kind[0]}",
            "Payment ID": f"P{one.number}{kind[0]}", "Event Type": kind, "Location": "Main St",
            "Customer ID": "" if one.person is None else f"CUST{one.person}", "Customer Name": one.name,
            "Transaction Status": "Complete", "Channel": "Main St", "Description": ", ".join(line[1] for line in one.lines),
        }  # fmt: skip

    rows = [row(one, one.at, one.total, "Payment") for one in sales]
    rows += [row(one, one.at + timedelta(days=2), -one.back, "Refund") for one in sales if one.back]
    return table(SQUARE, rows), right_of(sales, lambda one: Decimal(0) if one.fate == "card" else one.total - one.back)


@cache
def square_items() -> tuple[str, Right]:
    """The same, a row an item."""
    sales = _square_shop()
    zone = ZoneInfo("America/New_York")

    def rows() -> Iterable[dict[str, object]]:
        for one in sales:
            at = one.at.astimezone(zone)
            for sku, name, count, price in one.lines:
                card = one.fate == "card"
                whole = _dollars(count * price)
                yield {
                    "Date": at.strftime("%Y-%m-%d"), "Time": at.strftime("%H:%M:%S"), "Time Zone": "Eastern Time (US & Canada)",
                    "Category": "" if card else "Coffee", "Item": "Gift Card" if card else name, "Qty": f"{count}.0",
                    "SKU": "" if card else sku, "Gross Sales": whole, "Discounts": "$0.00", "Net Sales": whole, "Tax": "$0.00",
                    "Transaction ID": f"T{one.number}", "Payment ID": f"P{one.number}", "Event Type": "Payment", "Location": "Main St",
                    "Customer ID": "" if one.person is None else f"CUST{one.person}", "Customer Name": one.name, "Unit": "ea",
                    "Count": count, "Itemization Type": "Gift Card" if card else "Physical Good",
                }  # fmt: skip
            if one.back:
                at += timedelta(days=2)
                yield {
                    "Date": at.strftime("%Y-%m-%d"), "Time": at.strftime("%H:%M:%S"), "Time Zone": "Eastern Time (US & Canada)",
                    "Item": one.lines[0][1], "Qty": "-1.0", "Gross Sales": _dollars(-one.back), "Discounts": "$0.00",
                    "Net Sales": _dollars(-one.back), "Tax": "$0.00", "Transaction ID": f"T{one.number}R", "Event Type": "Refund",
                    "Location": "Main St", "Customer ID": f"CUST{one.person}", "Customer Name": one.name, "Itemization Type": "Physical Good",
                }  # fmt: skip

    return table(SQUARE_ITEMS, rows()), right_of(
        sales, lambda one: Decimal(0) if one.fate == "card" else one.total - one.back
    )


STRIPE: Final = "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,Converted Amount Refunded,Converted Currency,Decline Reason,Description,Fee,Refunded date (UTC),Statement Descriptor,Status,Seller Message,Taxes On Fee,Card ID,Card Last4,Card Brand,Card Funding,Card Exp Month,Card Exp Year,Card Name,Card Address Line1,Card Address Country,Card Issue Country,Card Fingerprint,Card CVC Status,Card AVS Zip Status,Card AVS Line1 Status,Customer ID,Customer Description,Customer Email,Disputed Amount,Dispute Date (UTC),Dispute Evidence Due (UTC),Dispute Reason,Dispute Status,Invoice ID,Invoice Number,Checkout Session ID,Client Reference ID,Payment Source Type,PaymentIntent ID,Mode,Transfer,Transfer Group,UTM Campaign,UTM Source"
DOLLAR: Final = Decimal("0.88")
"""Euros, in all of the eighteen months."""


def _euros(one: Sale, value: Decimal) -> Decimal:
    return value if one.currency == "EUR" else (value * DOLLAR).quantize(CENT)


@cache
def stripe() -> tuple[str, Right]:
    """In UTC, of two currencies of which the account is in one; disputes that were lost and others that were won."""
    sales = the_shop(fates=("part back", "back", "failed", "lost", "won"), currencies=("EUR", "USD"))

    def rows() -> Iterable[dict[str, object]]:
        for one in reversed(sales):
            if one.person is None:
                continue
            at = one.at.astimezone(UTC)
            later = (at + timedelta(days=9)).strftime("%Y-%m-%d %H:%M:%S")
            given = one.back if one.fate != "lost" else Decimal(0)
            status = {"failed": "Failed", "back": "Refunded"}.get(one.fate, "Paid")
            row: dict[str, object] = {
                "id": f"ch_{one.number}", "Created date (UTC)": at.strftime("%Y-%m-%d %H:%M:%S"), "Amount": one.total,
                "Amount Refunded": given, "Currency": one.currency.lower(), "Captured": str(one.fate != "failed").lower(),
                "Converted Amount": _euros(one, one.total), "Converted Amount Refunded": _euros(one, given),
                "Converted Currency": "eur", "Description": "Café", "Fee": "1.20", "Status": status,
                "Refunded date (UTC)": later if given else "", "Seller Message": "Payment complete.",
                "Customer ID": f"cus_{one.person}", "Customer Email": one.email, "Mode": "Live", "Payment Source Type": "card",
            }  # fmt: skip
            if one.fate in {"lost", "won"}:
                row |= {
                    "Disputed Amount": one.total,
                    "Dispute Date (UTC)": later,
                    "Dispute Reason": "fraudulent",
                    "Dispute Status": one.fate,
                }
            yield row
            if one.number % 40 == 0:
                yield row | {"id": f"ch_test{one.number}", "Mode": "Test"}

    known = [one for one in sales if one.person is not None]
    return table(STRIPE, rows()), right_of(known, lambda one: _euros(one, one.total) - _euros(one, one.back))


PAYPAL: Final = "Date,Time,TimeZone,Name,Type,Status,Currency,Gross,Fee,Net,From Email Address,To Email Address,Transaction ID,Shipping Address,Address Status,Item Title,Item ID,Shipping and Handling Amount,Insurance Amount,Sales Tax,Option 1 Name,Option 1 Value,Reference Txn ID,Invoice Number,Custom Number,Quantity,Receipt ID,Balance,Address Line 1,Town/City,Country,Contact Phone Number,Subject,Note,Country Code,Balance Impact"


@cache
def paypal() -> tuple[str, Right]:
    """All that the account does: sales, dollars that become euros at once, refunds, fees, what goes to the bank."""
    sales = the_shop(fates=("part back", "back", "pending"), currencies=("EUR", "USD"))

    def rows() -> Iterable[dict[str, object]]:
        for one in sales:
            if one.person is None:
                continue
            yield from of(one, one.at, "Express Checkout Payment", one.total, f"T{one.number}", "")
            if one.back:
                yield from of(
                    one, one.at + timedelta(days=3), "Payment Refund", -one.back, f"R{one.number}", f"T{one.number}"
                )
            if one.number % 50 == 0:
                yield base(one.at, "General Withdrawal", "EUR", Decimal(-900), Decimal(0)) | {
                    "Transaction ID": f"W{one.number}"
                }

    def base(at: datetime, kind: str, currency: str, gross: Decimal, fee: Decimal) -> dict[str, object]:
        return {
            "Date": at.strftime("%d/%m/%Y"), "Time": at.strftime("%H:%M:%S"), "TimeZone": at.strftime("%Z"), "Type": kind,
            "Status": "Completed", "Currency": currency, "Gross": f"{gross:,.2f}", "Fee": f"{fee:,.2f}", "Net": f"{gross + fee:,.2f}",
            "Balance": "1,234.50", "Balance Impact": "Credit" if gross > 0 else "Debit",
        }  # fmt: skip

    def of(one: Sale, at: datetime, kind: str, gross: Decimal, code: str, to: str) -> Iterable[dict[str, object]]:
        fee = -(gross * Decimal("0.034")).quantize(CENT) if gross > 0 else Decimal(0)
        ends = ("shop@exemple.fr", one.email) if gross < 0 else (one.email, "shop@exemple.fr")
        yield base(at, kind, one.currency, gross, fee) | {
            "Name": one.name, "From Email Address": ends[0], "To Email Address": ends[1], "Transaction ID": code,
            "Reference Txn ID": to, "Status": "Pending" if one.fate == "pending" else "Completed", "Item Title": "Café",
        }  # fmt: skip
        if one.currency != "EUR" and one.fate != "pending":
            net = gross + fee
            for currency, value in ((one.currency, -net), ("EUR", (net * DOLLAR).quantize(CENT))):
                yield base(at, "General Currency Conversion", currency, value, Decimal(0)) | {
                    "Transaction ID": f"C{currency}{code}", "Reference Txn ID": code, "From Email Address": ends[0],
                }  # fmt: skip

    known = [one for one in sales if one.person is not None]
    return table(PAYPAL, rows(), quoting=csv.QUOTE_ALL), right_of(
        known, lambda one: _euros(one, one.total) - _euros(one, one.back)
    )


LIGHTSPEED: Final = "Date,Receipt Number,Line Type,Customer Code,Customer Name,Note,Quantity,Subtotal,Sales Tax,Discount,Loyalty,Total,Paid,Details,Register,User,Status,Sku,AccountCodeSale,AccountCodePurchase"


@cache
def lightspeed() -> tuple[str, Right]:
    """A row of the sale, rows of its lines and of how it was paid; what comes back is a sale below zero."""
    sales = the_shop(fates=("part back", "back", "cancelled", "pending"))
    status = {"cancelled": "VOIDED", "pending": "SAVED"}

    def rows() -> Iterable[dict[str, object]]:
        for one in sales:
            at = one.at.strftime("%Y-%m-%d %H:%M:%S")
            who = {
                "Customer Code": "WALKIN" if one.person is None else f"Dupre-{one.person:03}",
                "Customer Name": one.name,
            }
            head = {
                "Date": at,
                "Receipt Number": one.number,
                "Register": "Caisse 1",
                "User": "Léa",
                "Status": status.get(one.fate, "CLOSED"),
            }
            yield (
                head
                | who
                | {
                    "Line Type": "Sale",
                    "Quantity": len(one.lines),
                    "Subtotal": one.total,
                    "Total": one.total,
                    "Paid": one.total,
                    "Discount": "0",
                    "Loyalty": "0",
                }
            )
            for sku, name, count, price in one.lines:
                yield {
                    "Date": at,
                    "Receipt Number": one.number,
                    "Line Type": "Sale Line",
                    "Quantity": count,
                    "Total": count * price,
                    "Details": name,
                    "Sku": sku,
                }
            yield {
                "Date": at,
                "Receipt Number": one.number,
                "Line Type": "Payment",
                "Paid": one.total,
                "Details": "Carte",
            }
            if one.back:
                at = (one.at + timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S")
                yield (
                    head
                    | who
                    | {
                        "Date": at,
                        "Receipt Number": f"{one.number}R",
                        "Line Type": "Sale",
                        "Subtotal": -one.back,
                        "Total": -one.back,
                        "Paid": -one.back,
                        "Note": "retour",
                    }
                )

    return table(LIGHTSPEED, rows()), right_of(sales)


SYSTEMS: Final[dict[str, Callable[[], tuple[str, Right]]]] = {
    "orders_export.csv": shopify,
    "orders-export-2026.csv": woocommerce,
    "transactions-2025-05-01.csv": square,
    "items-2025-05-01.csv": square_items,
    "unified_payments.csv": stripe,
    "Download.CSV": paypal,
    "vend-sales_history.csv": lightspeed,
}
