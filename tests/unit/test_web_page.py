"""The page against made-up facts: every language, every period, and nothing about a person."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service import web
from service.web.negotiation import best_catalogue
from service.web.recent import read_decision
from service.web.shop_view import CustomerCounts, Readiness
from service.web.view import GRANULARITIES
from service.wording.figures import bar, sparkline
from service.wording.languages import LANGUAGES
from tests.support.made_up_shop import (
    HEALTHY,
    MONTHS,
    SETTINGS,
    TOKEN,
    WINDOWS,
    FakeFacts,
    get,
    visible,
    windows,
    written,
)
from tests.support.plain import plain


async def test_the_page_shows_the_last_complete_month_its_change_its_trend_and_the_running_month() -> None:
    text = visible(await get("/", accept_language="en-GB,en;q=0.8"))

    assert "June 2026 Do they come back? Retention 63.0% 63 of 100 came back" in text
    assert "+3.0 points on the month before" in text
    assert plain("Month by month, May 2026 – Jun 2026: 60.0% to 63.0%") in plain(text)
    assert "July 2026 so far 20.0% 20 of 100 back so far" in text
    assert "whoever has not come yet counts as lost until they do" in text
    assert "as of 10 July 2026" in text
    assert "1,251 regulars · 17 of them quiet now" in text
    assert "Customers on 1 of 2 partitions" in text
    assert "Up to date" in text


async def test_every_number_stands_beside_what_it_rests_on() -> None:
    text = visible(await get("/", accept_language="en-GB"))

    assert "Churn 37.0% 37 of 100 not back" in text
    assert "July 2026 so far 80.0% 80 of 100 not back yet" in text
    assert "Repeat purchases 40.0% 48 of 120 customers" in text
    assert "Lifetime value €84 a customer in 365 days" in text
    assert "Together: €84,500 from 1,000 customers." in text
    assert "Revenue €1,875.00 from 250 orders" in text
    assert "Average order €7.50 2.1 orders per customer" in text
    assert "NPS 45 ± 14 points, from 100 answers" in text
    assert "Satisfaction (CSAT) 88.0% 44 of 50 answers" in text
    assert "Ease (CES) 5.5 85.0% favourable, from 20 answers" in text


@pytest.mark.parametrize(
    ("period", "shown", "compared"),
    [
        ("year", "2025 Purchases are known only from 10 January 2024 on", "no change on the year before"),
        ("rolling_7", "3–9 Jul 2026 Do they", "no change on the 7 days before"),
        ("rolling_30", "10 Jun–9 Jul 2026 Do they", "no change on the 30 days before"),
        ("rolling_365", "10 Jul 2025–9 Jul 2026 ", "no change on the 365 days before"),
    ],
)
async def test_another_length_of_period_is_a_link_away(period: str, shown: str, compared: str) -> None:
    start = await get("/", accept_language="en-GB")
    response = await get(f"/?period={period}", accept_language="en-GB")

    assert f'<a href="/?period={period}">' in start.text
    text = plain(visible(response))
    assert plain(shown) in text
    assert compared in text
    chosen = re.findall(r'<a href="([^"]+)" aria-current="page">', response.text)
    assert chosen == [f"/?period={period}"]
    assert f"/api/v1/periods?granularity={period}" in response.text


async def test_windows_are_compared_with_the_window_that_ends_where_they_begin() -> None:
    better = [
        msgspec.structs.replace(each, retention_rate=80.0) if each.end > date(2026, 6, 10) else each
        for each in windows(30)
    ]

    text = visible(await get("/?period=rolling_30", FakeFacts(rows=[*windows(7), *better])))

    assert "+10.0 points on the 30 days before" in text
    assert "Day by day" in text
    assert "Today included" in text


@pytest.mark.parametrize("period", GRANULARITIES)
@pytest.mark.parametrize("language", list(LANGUAGES))
async def test_every_length_of_period_reads_well_in_every_language(period: str, language: str) -> None:
    facts = FakeFacts()
    facts.rows = [msgspec.structs.replace(each, granularity="week") for each in MONTHS] + [
        msgspec.structs.replace(each, granularity=name) for each in MONTHS for name in ("month", "quarter", "year")
    ]
    facts.rows += WINDOWS

    response = await get(f"/?period={period}&lang={language}", facts)

    assert response.status_code == 200
    assert f'<html lang="{language}">' in response.text
    said = re.sub(r"https?:\S+", "", visible(response))
    assert not re.findall(r"\b(?:before|basis|explain|period|step|column|group|unknown|yardstick)\.[a-z_]+", said)
    assert not re.findall(r"[{}]", said)


async def test_the_language_can_be_chosen_and_stays_chosen() -> None:
    response = await get("/?period=year&lang=fr", accept_language="en-GB")

    assert response.headers["content-language"] == "fr"
    assert "/?period=month" not in response.text
    assert 'href="/?period=rolling_30&amp;lang=fr"' in response.text
    assert '<a href="/?period=year&amp;lang=en" lang="en" hreflang="en">English</a>' in response.text


async def test_the_page_renews_itself_until_it_is_held_still() -> None:
    live, held = await get("/?period=year"), await get("/?period=year&live=no")

    assert re.search(r'<script src="/static/live\.js\?v=[0-9a-f]{16}" defer></script>', live.text)
    assert re.search(r'<noscript>.*<a href="/\?period=year">Show it as it is now</a>', live.text)
    assert 'href="/?period=year&amp;live=no">Hold it still' in live.text
    assert "http-equiv" not in live.text
    assert "<script" not in held.text
    assert 'href="/?period=year">Let it renew itself' in held.text


@pytest.mark.parametrize("query", ["period=fortnight", "lang=de", "live=maybe"])
async def test_a_choice_that_does_not_exist_is_refused(query: str) -> None:
    assert (await get(f"/?{query}")).status_code == 422


async def test_all_industries_stand_beside_the_last_365_days_where_none_is_set() -> None:
    text = visible(await get("/?period=rolling_365", accept_language="en"))

    assert "Your shop, last 365 days 70.0%" in text
    for line in ("Retail about 63%", "Restaurants and cafés about 55%", "Professional services about 84%"):
        assert line in text
    assert "rules of thumb" in text
    assert "Source: Exploding Topics" in text
    assert "points above the rule of thumb" not in text


@pytest.mark.parametrize(
    ("industry", "usual", "verdict"),
    [
        ("retail", "Retail about 63%", "On a level with the rule of thumb."),
        ("cafe", "Restaurants and cafés about 55%", "15.0 points above the rule of thumb."),
        ("professional_services", "Professional services about 84%", "14.0 points below the rule of thumb."),
    ],
)
async def test_the_shops_own_industry_stands_alone_and_is_compared_with_the_year(
    industry: str, usual: str, verdict: str
) -> None:
    settings = SETTINGS.changed(shop={"industry": industry})

    year = visible(await get("/?period=rolling_365", settings=settings))

    assert verdict in year
    assert year.count(" about ") == 2
    assert f"Rule of thumb: {usual}" in year


@pytest.mark.parametrize("period", ["week", "month", "quarter", "rolling_7", "rolling_30", "rolling_90"])
async def test_a_period_shorter_than_a_year_has_no_yardstick(period: str) -> None:
    settings = SETTINGS.changed(shop={"industry": "cafe"})

    text = visible(await get(f"/?period={period}", settings=settings))

    assert "rule of thumb" not in text.lower()
    assert "55%" not in text


async def test_a_young_shop_has_no_yearly_rate_and_one_of_18_months_is_cautioned() -> None:
    settings = SETTINGS.changed(shop={"industry": "cafe"})
    young = [msgspec.structs.replace(each, retention_rate=None) for each in windows(365)]
    begun = date(2025, 1, 10)
    older = [*windows(7, first_day=begun), *windows(365, first_day=begun)]
    year = "/?period=rolling_365"

    text = visible(await get(year, FakeFacts(rows=[*MONTHS, *windows(7), *young]), settings))
    cautioned = visible(await get(year, FakeFacts(rows=[*MONTHS, *older]), settings))

    assert "Your shop, last 365 days not enough data" in text
    assert "Your own rate needs purchases from more than a year ago." in text
    assert "points above" not in text
    assert "Purchases are known only from January 10, 2025 on, in the course of the 365 days before" in cautioned


async def test_few_answers_change_by_chance_and_that_is_said() -> None:
    few = msgspec.structs.replace(MONTHS[1], nps=65.0, csat=96.0, csat_satisfied=48, ces=6.5)

    response = await get("/", FakeFacts(rows=[MONTHS[0], few, *WINDOWS]))

    text = visible(response)
    assert "+20.0 points on the month before, within chance" in text
    assert "+8.0 points on the month before, within chance" in text
    assert "+1.0 points on the month before" in text
    say = response.text.partition('id="group-say"')[2].partition("</section>")[0]
    assert re.findall(r'class="change (\w+)"', say) == ["flat", "flat", "flat"]


async def test_the_table_has_headers_adds_up_and_shows_a_dash_for_the_unknown() -> None:
    first = msgspec.structs.replace(MONTHS[0], retention_rate=None, churn_rate=None)

    text = (await get("/", FakeFacts(rows=[first, *MONTHS[1:], *WINDOWS]))).text

    figures = text.partition('<table class="figures">')[2].partition("</table>")[0]
    assert figures.count('<th scope="col">') == 15
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', figures)
    links = [re.fullmatch(r'<a href="(.*?)">(.*?)</a>', name) for name, _ in rows]
    assert [link and link[2] for link in links] == ["July 2026 so far", "June 2026", "May 2026"]
    assert links[1] is not None
    assert links[1][1] == "/?from=2026-06-01&amp;to=2026-06-30"  # a click shows that month large
    june = re.findall(r"<td>(.*?)</td>", rows[1][1])
    assert june[:6] == ["100", "63", "37", "30", "27", "120"]
    assert re.findall(r"<td>(.*?)</td>", rows[2][1])[6:8] == ["–", "–"]


async def test_windows_in_the_table_do_not_overlap_but_for_the_one_of_today() -> None:
    text = (await get("/?period=rolling_7", accept_language="en-GB")).text

    figures = text.partition('<table class="figures">')[2].partition("</table>")[0]
    names = [plain(name) for name in re.findall(r'<th scope="row">(.*?)</th>', figures)]
    names = [re.sub(r"<[^>]+>", "", name) for name in names]
    assert names[:3] == ["Today included", plain("3–9 Jul 2026"), plain("26 Jun – 2 Jul 2026")]


async def test_customers_without_a_health_are_counted_so_that_the_bands_add_up() -> None:
    text = visible(await get("/"))

    assert re.search(r"By health Health Customers Healthy 900 To watch 0 At risk 40 Not judged yet 311", text)


def test_text_stands_out_from_its_ground_in_light_and_dark() -> None:
    css = (Path(web.__file__).parent / "static" / "page.css").read_text()
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root {(.*?)}", css.partition("@media print")[0], re.DOTALL)
    )

    for colours in (light, dark):
        for text in ("ink", "soft", "accent", "good", "bad", "warn"):
            assert min(contrast(colours[text], colours[ground]) for ground in ("paper", "card")) >= 4.5
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert contrast(colours["warn"], colours["warn-paper"]) >= 4.5
        for drawn in ("accent", "amber", "bad", "calm"):
            assert contrast(colours[drawn], colours["card"]) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


async def test_the_page_is_french_for_french_readers() -> None:
    response = await get("/", accept_language="de;q=0.9, fr-CA, en;q=0.5")

    text = visible(response)
    assert response.headers["content-language"] == "fr"
    assert "Accept-Language" in response.headers["vary"]
    assert '<html lang="fr-CA">' in response.text
    assert "juin 2026 Reviennent-ils ? Fidélité 63,0 % 63 sur 100 sont revenus" in text
    assert "+3,0 points sur un mois" in text
    assert "80 sur 100 pas encore revenus" in text
    assert "1 251 habitués · 17 d’entre eux absents" in text
    assert "12 visites, absente depuis 19 jours, d’habitude là tous les 6 jours" in text


async def test_alerts_on_the_page_say_what_happened_and_never_to_whom() -> None:
    response = await get("/", authorization=f"Bearer {TOKEN}")

    text = visible(response)
    assert "A regular of 12 visits, quiet for 19 days, usually every 6 days" in text
    assert "asked back due" not in text, "a reason that says nothing more is left out"
    assert "Of the last 2: 1 asked back 1 came back " in text
    assert "c-4711" not in response.text
    assert "Wilhelmina" not in response.text


async def test_a_message_withdrawn_because_the_customer_came_back_is_counted_and_not_told_twice() -> None:
    cancelled, alone = (
        read_decision(written(outcome="cancelled", reason="returned", decision_id=each)) for each in ("d1", "d2")
    )
    converted = read_decision(written(outcome="converted", reason="returned"))

    response = await get("/", FakeFacts(decided=[cancelled, converted, alone]))

    assert "2 withdrawn (visited)" in visible(response)
    assert response.text.count("<b>withdrawn</b>") == 1


async def test_a_code_newer_than_the_page_is_shown_as_it_is_and_escaped() -> None:
    facts = FakeFacts(decided=[read_decision(written(reason="quiet_hours", outcome="<b>odd</b>"))])

    response = await get("/", facts)

    assert "quiet hours" in response.text
    assert "<b>odd</b>" not in response.text


@pytest.mark.parametrize(
    ("lacking", "english", "french"),
    [
        ("recovered", "Starting", "Démarrage"),
        ("caught_up", "Catching up", "Rattrapage"),
        ("feed_alive", "The feed has fallen silent", "Plus rien n’arrive"),
        ("held", "Held: far more regulars", "Alertes suspendues : bien plus d’habitués"),
        ("silent_sources", "Nothing arrives from harbour", "Rien n’arrive de harbour"),
        ("lacks_consents", "a consent of which nobody knows", "un consentement inconnu"),
    ],
)
async def test_the_page_says_what_has_to_be_known_before_reading_it(lacking: str, english: str, french: str) -> None:
    change: dict[str, Any] = {
        lacking: {"held": "alerts are held", "lacks_consents": True, "silent_sources": ["harbour"]}.get(lacking, False)
    }
    facts = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY, 1: replace(HEALTHY, **change)}))

    assert english in visible(await get("/", facts))
    assert french in visible(await get("/", facts, accept_language="fr"))


async def test_the_page_says_in_red_that_no_broker_answers() -> None:
    facts = FakeFacts(ready=Readiness(assigned=True, partitions={0: HEALTHY}, unreachable_since_s=1_700_000_000.0))
    english, french = await get("/", facts), await get("/", facts, accept_language="fr")

    assert 'class="condition unreachable"' in english.text
    assert "Kafka cannot be reached" in visible(english)
    assert "Kafka est injoignable" in visible(french)


async def test_a_shop_without_purchases_gets_a_page_that_says_so() -> None:
    facts = FakeFacts(rows=[], decided=[], counts=CustomerCounts({}, {}, 0, 0, None))

    text = visible(await get("/", facts))

    assert "No purchases yet" in text
    assert "Nobody has gone quiet so far" in text


async def test_a_first_running_month_is_shown_as_such_and_unknown_is_not_zero() -> None:
    unknown = dict.fromkeys(
        ("retention_rate", "churn_rate", "customer_lifetime_value", "nps", "nps_margin", "csat", "ces")
    )
    first = msgspec.structs.replace(MONTHS[2], **unknown)

    text = visible(await get("/", FakeFacts(rows=[first, *windows(7, first_day=date(2026, 7, 2))])))

    assert "July 2026 so far Do they come back? Retention not enough data" in text
    assert "Churn not enough data no buyers in the course of the month before" in text
    assert "NPS not enough data no answers in this period" in text
    assert "CSAT) not enough data" in text
    assert "CES) not enough data" in text


async def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    response = await get("/?live=no")

    assert not re.findall(r"(?:src|href)=\"(?!/)", response.text)
    assert "<script" not in response.text
    assert "style=" not in response.text
    for asset in re.findall(r'href="(/static/[^"]+)"', response.text):
        assert (await get(asset)).status_code == 200


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"),
        ("", "en"),
        ("de, ja;q=0.5", "en"),
        ("fr", "fr"),
        ("fr-CH, en;q=0.9", "fr_CH"),
        ("en;q=0.4, fr;q=0.8", "fr"),
        ("fr;q=0, en-GB", "en_GB"),
        ("fr-ZZZZZ", "fr"),
        ("fr;q=nonsense", "en"),
        ("*", "en"),
        ("enm, fr;q=0.1", "fr"),
    ],
)
def test_the_best_language_that_ships_is_spoken(header: str | None, locale: str) -> None:
    assert str(best_catalogue(header).locale) == locale


# ---- drawings


def test_a_sparkline_begins_at_zero_and_leaves_gaps() -> None:
    drawn = sparkline([10.0, None, 20.0, 15.0], 'a "trend" <b>')

    assert "M3.0 18.0M105.7 3.0L157.0 10.5" in drawn
    assert 'class="zero" d="M0 33.0h160"' in drawn
    assert "&lt;b&gt;" in drawn
    assert sparkline([None, 5.0], "one") == ""
    assert "M3.0 3.0L157.0 3.0" in sparkline([5.0, 5.0], "level")


def test_a_small_change_looks_small_and_what_is_below_zero_hangs_below_the_line() -> None:
    heights = re.findall(r"[ML][\d.]+ ([\d.]+)", sparkline([60.0, 63.0], "retention").partition('<path d="')[2])
    below = sparkline([-10.0, 10.0], "NPS")

    assert abs(float(heights[0]) - float(heights[1])) < 2.0
    assert 'class="zero" d="M0 18.0h160"' in below
    assert "M3.0 33.0L157.0 3.0" in below


def test_a_bar_of_nothing_is_empty() -> None:
    assert 'width="0.0"' in bar(0, 0)
    assert 'width="25.0"' in bar(1, 4)
