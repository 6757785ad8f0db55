"""One customer for a person: what an alert of this moment would say, names as they are written."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from service.config import Settings
from service.domain.events import Event, Item, Profile, Purchase, Survey, SurveyAnswer
from service.domain.policy import OutreachPolicy
from service.inspect import sheet as customer_sheet
from service.inspect.lookup import Inspection, as_json, inspection_of
from tests.support.engines import OPEN_HOUSE, apply_all, at, make_engine, purchase, weekly

SETTINGS = Settings()


def inspected(name: str, *events: Event, policy: OutreachPolicy = OPEN_HOUSE) -> Inspection:
    engine = make_engine(policy)
    apply_all(engine, sorted(events, key=lambda event: event.at_us))
    return inspection_of(SETTINGS, engine, 0, name)


def test_who_is_overdue_is_told_about_as_in_an_alert_in_their_own_language_and_to_programs_in_every_language() -> None:
    anna = Profile("p", "anna", at(1), first_name="Anna", locale="fr-FR")

    found = inspected("anna", *weekly("anna", 6), anna, purchase("other", 55.5))

    told = found.in_words()
    assert told is not None
    assert re.match("Anna passe d’habitude tous les \\d+\u00a0jours et ne donne plus signe depuis 20\u00a0jours", told)
    words = json.loads(as_json(found))["in_words"]
    assert words["fr"] == told
    assert re.match(r"Anna usually comes every \d+ days and has not been seen for 20 days;", words["en"])


@pytest.mark.parametrize(("visits", "days_later"), [(6, 5.0), (3, 40.0)], ids=["not overdue", "no regular"])
def test_who_is_not_overdue_or_no_regular_is_not_told_about(visits: int, days_later: float) -> None:
    found = inspected("anna", *weekly("anna", visits), purchase("other", 7 * (visits - 1) + days_later))

    assert found.in_words() is None
    assert json.loads(as_json(found))["in_words"] == {"en": None, "fr": None}


def test_brackets_in_names_and_items_are_printed_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    cake = (Item("1", "cake [/b]"),)
    bought = [Purchase(f"e{week}", "[/b]", at(7 * week), 500, items=cake) for week in range(5)]
    found = inspected("[/b]", *bought, purchase("other", 60.0))
    monkeypatch.setattr(customer_sheet, "inspect_customer", lambda *_: found)
    said = io.StringIO()

    customer_sheet.show_customer(SETTINGS, "[/b]", Console(file=said, width=200, markup=False), as_json=False)

    title, *_ = said.getvalue().splitlines()
    assert title.strip() == "Customer [/b]"
    assert "cake [/b]" in said.getvalue()
    assert re.search(r"Customer \[/b\] usually comes every \d+ days and has not been seen for 32 days", said.getvalue())


@pytest.mark.parametrize(("currency", "revenue"), [("EUR", "30.00 EUR"), ("JPY", "3,000 JPY")])
def test_amounts_have_the_digits_of_the_shops_currency(
    currency: str, revenue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = [Purchase(f"e{week}", "anna", at(7 * week), 600, order_id=f"o{week}") for week in range(5)]
    found = inspected("anna", *bought, SurveyAnswer("s", "anna", at(29), Survey.NPS, 9, "o4"))
    monkeypatch.setattr(customer_sheet, "inspect_customer", lambda *_: found)
    said = io.StringIO()

    shop = SETTINGS.changed(shop={"currency": currency})
    customer_sheet.show_customer(shop, "anna", Console(file=said, width=200, markup=False), as_json=False)

    told = re.sub(r"[\s│|]+", " ", said.getvalue())
    assert f"revenue {revenue}" in told
    assert re.search(rf"about order o4 of [-\d]+ [:\d]+, {'6.00 EUR' if currency == 'EUR' else '600 JPY'}", told)


LIMITED = OutreachPolicy(consent=OPEN_HOUSE.consent, volume_per_100_visits=0.001)


@pytest.mark.parametrize(
    ("policy", "day", "said"),
    [
        (OPEN_HOUSE, 42.0, "decided in it nothing yet"),
        (OPEN_HOUSE, 120.0, r"decided in it remind asked for on 2020-1\d-\d\d"),
        (
            OutreachPolicy(),
            120.0,
            r"decided in it came due on 2020-1\d-\d\d \d\d:\d\d, nothing sent; outreach-decisions says why",
        ),
        (LIMITED, 42.0, r"alert: remind \(if chosen under the volume\)"),
        (LIMITED, 120.0, "decided in it came due, nothing sent; outreach-decisions says why"),
    ],
    ids=["not due", "sent", "no consent", "limited", "left out"],
)
def test_what_the_silence_has_led_to_and_may_lead_to_is_told(
    policy: OutreachPolicy, day: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = weekly("first", 5)  # who gets the only message there is
    found = inspected("anna", *first, *weekly("anna", 6), purchase("other", day), policy=policy)
    monkeypatch.setattr(customer_sheet, "inspect_customer", lambda *_: found)
    written = io.StringIO()

    customer_sheet.show_customer(SETTINGS, "anna", Console(file=written, width=200, markup=False), as_json=False)

    assert re.search(said, re.sub(r"[\s│|]+", " ", written.getvalue()))
