"""Files with the whole header that each system writes: what they are read as, people, orders, revenue and nobody's."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar, to_datetime
from service.domain.events import SurveyAnswer
from service.errors import ConfigurationError
from service.history import History, Wishes, open_history

EXPORTS = Path(__file__).parents[1] / "fixtures" / "exports"
SHOP = Calendar(ZoneInfo("America/New_York"))


class Shop(NamedTuple):
    """What a file says of the shop; money in minor units."""

    profile: str
    people: int
    orders: int
    revenue: int
    nobodys: int = 0
    aside: int = 0
    skipped: int = 0


def read(name: str, *, currency: str = "EUR", columns: dict[str, str] | None = None) -> History:
    wishes = Wishes(currency=currency, columns=columns or {})
    return open_history([EXPORTS / name], calendar=SHOP, minor_digits=2, wishes=wishes)


def shop_of(history: History) -> Shop:
    events = list(history.purchases())
    report = history.report
    return Shop(
        next((said.partition("read as ")[2].partition(";")[0] for said in report.said if "read as " in said), ""),
        len({one.customer_id for one in events}),
        sum(not one.refund for one in events),
        sum(-one.amount_minor if one.refund else one.amount_minor for one in events),
        report.nobodys_orders,
        report.aside.total(),
        report.total_skipped,
    )


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("shopify.csv", Shop("Shopify orders", 1, 1, 70_00, nobodys=1, aside=2, skipped=1)),
        ("square_transactions.csv", Shop("Square transactions", 2, 2, 1000_00, nobodys=1)),
        ("square_items.csv", Shop("Square items", 1, 1, 40_00)),
        ("stripe_payments.csv", Shop("Stripe payments", 3, 3, 1168_00, aside=1)),
        ("stripe_charges.csv", Shop("Stripe charges or payments", 2, 2, 49_00, aside=1)),
        ("paypal.csv", Shop("PayPal activity", 1, 1, 1000_00, aside=8, skipped=1)),
        ("paypal_de.csv", Shop("PayPal activity", 1, 1, 1020_00, aside=3)),
        ("paypal_fr.csv", Shop("PayPal activity", 2, 2, 1045_00, aside=2)),
        ("woocommerce_analytics.csv", Shop("WooCommerce Analytics orders", 1, 1, 1060_00, aside=1)),
        ("woocommerce_advanced.csv", Shop("WooCommerce orders (Advanced Order Export For WooCommerce)", 2, 2, 58_00, aside=1)),
        ("woocommerce_customer_order_export.csv",
         Shop("WooCommerce orders (Customer/Order CSV Export, Advanced Order Export, core)", 1, 1, 20_00, nobodys=1)),
        ("woocommerce_webtoffee.csv", Shop("WooCommerce orders (Customer/Order CSV Export, Advanced Order Export, core)", 1, 1, 68_00)),
        ("magento.csv", Shop("Magento (Adobe Commerce) orders", 2, 3, 66_39, aside=1)),
        ("toast_checks.csv", Shop("Toast checks", 1, 1, 45_50, nobodys=1)),
        ("lightspeed_x.csv", Shop("Lightspeed Retail sales", 1, 2, 15_50, nobodys=1, aside=1)),
        ("online_retail_2.csv", Shop("Online Retail (UCI) and its like", 2, 1, 129_00, nobodys=1)),
        ("prestashop.csv", Shop("PrestaShop orders", 1, 1, 1014_90, aside=1)),
        ("klaviyo_api.jsonl", Shop("Klaviyo events (API, JSON)", 1, 1, 12_50)),
        ("segment.jsonl", Shop("Segment Order Completed", 1, 1, 57_00, nobodys=1, aside=1)),
        ("clover_payments.csv", Shop("Clover payments", 1, 2, 41_50, nobodys=1, aside=1)),
        ("shopware5.csv", Shop("Shopware 5 orders", 1, 2, 1200_42, aside=2)),
        ("odoo_sales.csv", Shop("Odoo sales orders", 2, 2, 4687_50, aside=1)),
        ("klaviyo_upload.csv", Shop("Klaviyo historical orders", 2, 2, 39_90)),
        ("own_events.jsonl", Shop("Events of the topic purchases", 1, 2, 72_00)),
    ],
)  # fmt: skip
def test_what_a_system_exports_is_read_as_it_stands(name: str, right: Shop) -> None:
    assert shop_of(read(name, currency="USD" if name in {"paypal.csv", "square_transactions.csv"} else "EUR")) == right


@pytest.mark.parametrize("name", ["toast_orders.csv", "toast_items.csv", "sumup_sales.csv", "stripe_balance.csv"])
def test_exports_that_name_no_customers_are_known_and_said_to_name_none(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"it names no (guests|customers)"):
        read(name)


def test_what_an_export_lacks_may_be_said_and_the_rest_stays_known() -> None:
    assert shop_of(read("toast_orders.csv", columns={"customer_id": "Tab Names"}))[1:] == (1, 1, 45_50, 0, 1, 0)


def test_a_refund_that_the_shop_pays_is_the_customers_who_gets_it_and_the_shop_is_no_customer() -> None:
    events = [(one.customer_id, one.amount_minor, one.refund) for one in read("paypal.csv", currency="USD").purchases()]

    assert events == [("buyer@x.com", 1020_00, False), ("buyer@x.com", 20_00, True)]


def test_times_are_of_the_zone_that_their_row_names() -> None:
    moments = [
        to_datetime(one.at_us).isoformat() for one in read("square_transactions.csv", currency="USD").purchases()
    ]

    assert moments == ["2025-11-11T07:50:48+00:00", "2025-11-12T18:50:48+00:00", "2025-11-13T15:50:48+00:00"]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("typeform.csv", ["2025-01-13T08:05 nps 9"]),
        ("google_forms.csv", ["2025-01-13T13:05 nps 10", "2025-01-13T13:05 csat 4", "2025-01-14T19:05 nps 0", "2025-01-14T19:05 csat 5"]),
        ("google_forms_fr.csv", ["2025-01-13T13:05 nps 10", "2025-01-14T13:05 nps 7"]),
        ("qualtrics.csv", ["2025-01-13T13:05 nps 9", "2025-01-13T13:05 csat 4"]),
        ("qualtrics_clean.csv", ["2025-01-13T13:05 nps 9", "2025-01-13T13:05 nps 3"]),
        ("surveymonkey.csv", ["2025-01-13T13:05 nps 10", "2025-01-13T13:05 ces 7", "2025-01-14T13:05 nps 3", "2025-01-14T13:05 ces 3"]),
        ("delighted.csv", ["2025-01-13T13:05 nps 9"]),
        ("delighted_api.json", ["2024-04-18T05:34 nps 0", "2024-04-18T05:51 csat 4"]),
    ],
)  # fmt: skip
def test_what_a_survey_tool_exports_is_read_as_it_stands(tmp_path: Path, name: str, answers: list[str]) -> None:
    purchases = tmp_path / "p.csv"
    purchases.write_text("customer_id,timestamp,amount\na@example.com,2025-01-01,1\n")
    history = open_history([purchases], [EXPORTS / name], calendar=SHOP, minor_digits=2)

    found = [one for one in history.events() if isinstance(one, SurveyAnswer)]
    told = [f"{to_datetime(one.at_us).isoformat()[:16]} {one.survey.value} {one.score}" for one in found]
    assert told == answers
    assert history.report.total_skipped == 0
