"""The page of numbers asked for days, targets and last year, and the same for programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import msgspec
import pytest
from pydantic import ValidationError

from service.config import Settings, TargetSettings
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FreeRow, Span
from service.web.shop_view import Expected, Readiness
from tests.support.made_up_shop import HEALTHY, MONTHS, SETTINGS, TODAY, WINDOWS, FakeFacts, get, row, visible
from tests.support.plain import plain
from tests.unit.test_brought_on_every_surface import shop

API = "/api/v1/numbers"
LAST_JUNE = row("month", date(2025, 6, 1), date(2025, 7, 1), today=TODAY, retained=40)


def many(each: PeriodRow, factor: int = 100) -> PeriodRow:
    """The same month of a shop that is so many times as large."""
    names = ("retained", "lost", "customers_at_start", "customers_at_end", "repeat_customers")
    return msgspec.structs.replace(each, **{name: factor * getattr(each, name) for name in names})


# ---- last year, and beyond chance


async def test_the_same_month_of_last_year_stands_beside_the_month_before() -> None:
    text = visible(await get("/", FakeFacts(rows=[LAST_JUNE, *MONTHS, *WINDOWS]), accept_language="en-GB"))

    assert "+3.0 points on the month before, within chance" in text
    assert plain("+23.0 points on Jun 2025") in plain(text)
    assert plain("+23.0 points on Jun 2025, within chance") not in plain(text)


async def test_only_what_is_beyond_chance_is_green_or_red() -> None:
    rows = [LAST_JUNE, *MONTHS, *WINDOWS]
    small = (await get("/", FakeFacts(rows=rows))).text.partition("<h3>Churn")[0]
    large = (await get("/", FakeFacts(rows=[*map(many, rows[:4]), *WINDOWS]))).text.partition("<h3>Churn")[0]

    assert ('class="change flat"' in small, 'class="change good"' in small) == (True, True)
    assert 'class="change flat"' not in large
    assert large.count('class="change good"') == 2


async def test_how_it_was_judged_is_a_click_away() -> None:
    response = await get("/", FakeFacts(rows=[LAST_JUNE, *MONTHS, *WINDOWS]))

    card = response.text.partition("<h3>Retention")[2].partition("</article>")[0]
    hidden = card.partition("<details>")[2]
    assert "95% interval" in hidden
    assert "Newcombe" in hidden
    assert "Newcombe" not in card.partition("<details>")[0]


# ---- one lifetime value


async def test_the_lifetime_value_shown_large_is_the_models_and_the_formula_stays_in_the_table() -> None:
    response = await get("/")
    text = visible(response)

    assert text.count("Lifetime value €84 a customer") == 1
    cards, _, table = response.text.partition('<table class="figures">')
    assert ">€42<" not in cards
    assert ">€42<" in table
    assert '<th scope="col">Lifetime value by formula</th>' in table


async def test_without_scores_there_is_no_lifetime_value() -> None:
    text = visible(await get("/", FakeFacts(outlook=None)))

    assert "Lifetime value not enough data" in text


# ---- targets


async def test_a_target_stands_beside_its_number_for_the_length_it_is_meant_for() -> None:
    settings = SETTINGS.changed(targets={"retention_rate": 80, "nps": 30, "lifetime_value": 80, "churn_rate": 20})
    month = await get("/", settings=settings)
    week = visible(await get("/?period=rolling_7", settings=settings))

    text = visible(month)
    assert "Target 80.0% missed" in text
    assert "Target 20.0% missed" in text
    assert "Target 30 reached" in text
    assert "Target €80 reached" in text
    assert 'class="target bad"' in month.text
    assert "Target 80.0%" not in week
    assert "Target 30 reached" in week


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"retention_rate": 101}, "retention_rate"),
        ({"nps": -101}, "nps"),
        ({"ces": 8}, "ces"),
        ({"revenue": -1}, "revenue"),
        ({"lifetime_value": "NaN"}, "lifetime_value"),
        ({"period": "fortnight"}, "period"),
        ({"retention": 60}, "retention"),
        ({"retention_rate": 60, "churn_rate": 30}, "do not add up to 100"),
    ],
)
def test_a_target_that_cannot_be_is_refused_by_its_name(given: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings(targets=given)
    assert TargetSettings().retention_rate is None


# ---- any run of days


async def test_a_run_of_days_takes_the_place_of_the_period() -> None:
    response = await get("/?from=2026-05-04&to=2026-06-10", accept_language="en-GB")

    text = plain(visible(response))
    assert plain("4 May – 10 Jun 2026 Do they come back?") in text
    assert "+0.0" not in text
    assert "no change on as many days before" in text
    assert 'name="from" value="2026-05-04"' in response.text
    assert '<details class="free" open>' in response.text
    assert "aria-current" not in response.text
    assert 'href="/?from=2026-05-04&amp;to=2026-06-10&amp;lang=fr"' in response.text


async def test_a_run_that_is_a_month_is_that_month_and_an_open_one_ends_today() -> None:
    june = visible(await get("/?from=2026-06-01&to=2026-06-30", accept_language="en-GB"))
    since = visible(await get("/?from=2026-07-02", accept_language="en-GB"))

    assert "June 2026 Do they come back? Retention 63.0%" in june
    assert plain("2–10 Jul 2026 so far") in plain(since)


@pytest.mark.parametrize(
    ("query", "english", "reason"),
    [
        ("from=2026-08-01&to=2026-08-02", "These days are still to come. The newest day is 10 July 2026.", "to come"),
        ("from=2026-06-10&to=2026-06-01", "The last day lies before the first.", "lies before"),
        ("from=2020-01-01&to=2020-02-01", "the first purchase is of 10 January 2024", "Nothing is known"),
        ("from=0001-01-01&to=2026-02-01", "There are no such days.", "century"),
    ],
)
async def test_days_of_which_nothing_can_be_told_are_refused_with_the_reason(
    query: str, english: str, reason: str
) -> None:
    page, answer = await get(f"/?{query}", accept_language="en-GB"), await get(f"{API}?{query}")

    assert page.status_code == 200
    assert english in visible(page)
    assert 'class="cards"' not in page.text
    assert answer.status_code == 422
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-06-01", "from=2026-02-30", "from=2026-06-01&to=x"])
async def test_what_is_no_date_is_refused(query: str) -> None:
    for path in ("/", API):
        assert (await get(f"{path}?{query}")).status_code == 422


async def test_an_empty_form_is_no_question() -> None:
    assert "June 2026" in visible(await get("/?from=&to="))


async def test_what_cannot_be_told_of_so_many_days_is_said_and_null() -> None:
    class Long(FakeFacts):
        def free(self, span: Span) -> FreeRow | None:
            told = super().free(span)
            assert told is not None
            return replace(told, unknown=frozenset({"retention_rate", "churn_rate", "retained", "lost"}))

    query = "from=2025-01-01&to=2026-06-10"
    text = visible(await get(f"/?{query}", Long()))
    answer = (await get(f"{API}?{query}", Long())).json()

    assert "Retention not enough data cannot be told exactly for so many days" in text
    assert answer["unknown"] == ["churn_rate", "lost", "retained", "retention_rate"]
    assert answer["period"]["retention_rate"] is answer["period"]["retained"] is None
    assert answer["period"]["revenue"] == "1875.00"


# ---- for programs


async def test_programs_get_period_comparisons_targets_and_the_lifetime_value() -> None:
    settings = SETTINGS.changed(targets={"retention_rate": 65, "nps": 40, "revenue": "2000.50"})
    facts = FakeFacts(rows=[LAST_JUNE, *MONTHS, *WINDOWS])

    answer = (await get(API, facts, settings)).json()
    week = (await get(f"{API}?granularity=rolling_7", facts, settings)).json()

    assert (answer["period"]["start"], answer["before"]["start"]) == ("2026-06-01", "2026-05-01")
    assert answer["last_year"]["start"] == "2025-06-01"
    retention = answer["changes"]["last_year"]["retention_rate"]
    assert (retention["change"], retention["unit"], retention["beyond_chance"]) == (pytest.approx(23.0), "points", True)
    assert retention["low"] < 23.0 < retention["high"]
    assert answer["changes"]["before"]["revenue"]["unit"] == "percent"
    assert answer["targets"] == {"retention_rate": 65.0, "nps": 40.0, "revenue": "2000.50"}
    assert week["targets"] == {"nps": 40.0}
    assert answer["lifetime_value"] == {
        "days": 365,
        "currency": "EUR",
        "per_customer": "84.50",
        "of_all": "84500.00",
        "customers": 1_000,
    }


async def test_before_the_first_purchase_and_while_adding_up_programs_are_told_so() -> None:
    assert (await get(API, FakeFacts(rows=[]))).status_code == 404
    waiting = await get(API, FakeFacts(known=False))
    assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "1")
    assert (await get(API, FakeFacts(outlook=Expected(0, 0)))).json()["lifetime_value"] is None


# ---- banners


async def test_everything_that_is_wrong_is_said_at_once_each_with_what_to_do() -> None:
    worse = replace(HEALTHY, feed_alive=False, held="far more than usual", lacks_consents=True, silent_sources=["quay"])
    facts = FakeFacts(
        ready=Readiness(assigned=True, partitions={0: worse}), unread={"marketingconsent": "marketing_consent"}
    )

    response = await get("/", facts)

    text = visible(response)
    for said in (
        "The feed has fallen silent.", "Check the source.",
        "Held: far more regulars", "outreach resume",
        "Nothing arrives from quay", "Check the till",
        "a consent of which nobody knows", "outreach.consent",
        "fields that are not read: marketingconsent", "marketingconsent → marketing_consent",
    ):  # fmt: skip
        assert said in text
    assert "Up to date" not in text
    assert response.text.count('role="status"') == 1


async def test_a_misspelt_field_alone_takes_the_place_of_up_to_date() -> None:
    for path in ("/", "/brought"):
        response = await get(path, FakeFacts(unread={"firstname": "first_name"}), accept_language="fr")

        assert 'class="condition misspelt"' in response.text
        assert 'class="condition live"' not in response.text
        assert "firstname → first_name" in visible(response)


@pytest.mark.parametrize(
    ("outreach", "why", "cure"),
    [
        ({"control_share": 0.0}, "nobody is in a control group", "Set outreach.control_share"),
        ({"control_share": 0.1}, "The first numbers appear", "nothing has to be done"),
        ({"shadow": True}, "Trial run", "outreach.shadow = false"),
    ],
)
async def test_where_nothing_can_be_known_yet_it_says_why_and_what_to_do(
    outreach: dict[str, object], why: str, cure: str
) -> None:
    text = visible(await get("/brought", settings=SETTINGS.changed(outreach=outreach)))

    assert why in text
    assert cure in text


async def test_what_was_brought_is_told_by_kind_and_month_in_both_languages() -> None:
    facts = FakeFacts(messages=shop((False, 70, 56), (True, 80, 48)))
    english, french = await get("/brought", facts), await get("/brought", facts, accept_language="fr")

    assert "Since the beginning 70 80.0% 80 60.0% 20 (6 to 34) 14 (4 to 24)" in visible(english)
    assert "March 2026 70 80.0%" in visible(english)
    assert "Depuis le début 70 80,0 % 80 60,0 % 20 (6 à 34) 14 (4 à 24)" in visible(french)
    assert '<a href="/brought?lang=fr"' in english.text
    assert 'href="/?lang=fr"' not in english.text
    assert (await get("/brought?lang=de")).status_code == 422


async def test_fewer_or_as_many_visits_are_not_told_as_a_gain() -> None:
    fewer = visible(await get("/", FakeFacts(messages=shop((False, 400, 200), (True, 400, 300)))))
    alike = visible(await get("/", FakeFacts(messages=shop((False, 900, 450), (True, 900, 450)))))

    assert "fewer of the 400 people" in fewer
    assert "−" in fewer.partition("fewer of the 400 people")[2][:90]
    assert "which may be chance" in alike
    for text in (fewer, alike):
        assert "would not have come by themselves" not in text


def test_every_word_of_the_legend_is_said_somewhere_else_on_the_page() -> None:
    from service.web.legend import legend
    from service.wording.catalogue import catalogue_in
    from service.wording.formats import Formats
    from service.wording.languages import LANGUAGES

    for language in LANGUAGES.values():
        formats = Formats(SETTINGS.shop, catalogue_in(language))
        elsewhere = " ".join(
            text for key, text in language.catalogue.items() if not key.startswith(("term.", "meaning."))
        )
        missing = [term.word for term in legend(formats) if term.word.lower().rstrip("s") not in elsewhere.lower()]
        assert missing == []


async def test_the_month_has_an_address_of_its_own_and_today_is_a_link() -> None:
    response = await get("/?period=week")

    assert 'href="/?period=month"' in response.text, "the bare address leads who has signed in to today"
    assert response.text.count('href="/today"') == 1


async def test_beside_a_period_of_which_only_a_part_is_known_nothing_is_green_or_red() -> None:
    year = msgspec.structs.replace(many(row("year", date(2025, 1, 1), date(2026, 1, 1), today=TODAY)), retained=9_000)
    before = row("year", date(2024, 1, 1), date(2025, 1, 1), today=TODAY)
    better = msgspec.structs.replace(year, retention_rate=90.0)

    response = await get("/?period=year", FakeFacts(rows=[many(before), better, *WINDOWS]))

    assert "+30.0 points on the year before" in visible(response)
    assert 'class="change good"' not in response.text
