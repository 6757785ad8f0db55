"""The pages about persons: today, the list, one customer, and what can be done; closed to whoever may not see them."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from service.errors import ConfigurationError
from service.web.audit import Audit
from tests.support.made_up_people import FakePeople, a_few, client_of, detail_of
from tests.support.made_up_shop import SETTINGS, TOKEN

READER = "a-token-that-only-reads"
READING = SETTINGS.changed(
    web={"tokens": [{"name": "till", "token": SecretStr(READER), "scopes": ["numbers", "persons"]}]}
)
PAGES = ("/today", "/people", "/people.csv", "/people/one?id=c-1", "/people/one/preview?id=c-1")


async def signed_in(client: httpx.AsyncClient, token: str = TOKEN) -> None:
    assert (await client.post("/sign-in", data={"token": token})).status_code == 303


def told(response: httpx.Response) -> str:
    """What stands in the main part, blanks joined."""
    main = response.text.partition("<main>")[2]
    return (
        re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main))).replace("\u00a0", " ").replace("\u202f", " ")
    )


async def people_in(client: httpx.AsyncClient, address: str) -> list[str]:
    """Ids of the list, in its order."""
    page = await client.get(address)
    assert page.status_code == 200
    return re.findall(r'<th scope="row"[^>]*><a href="/people/one\?id=([^"&]+)', page.text)


def proof_in(page: httpx.Response) -> str:
    found: str = re.findall(r'name="proof" value="([^"]+)"', page.text)[0]
    return found


# ---- who may see them


@pytest.mark.parametrize("address", PAGES)
async def test_without_a_session_every_page_about_persons_leads_to_the_sign_in_and_back(address: str) -> None:
    async with client_of(a_few()) as client:
        closed = await client.get(address)
        assert closed.status_code == 303
        assert closed.headers["location"].startswith("/sign-in?to=%2F")
        back = await client.post(closed.headers["location"], data={"token": TOKEN, "to": address})

        assert back.headers["location"] == address
        assert (await client.get(address)).status_code == 200
    assert "Wilhelmina" not in closed.text


async def test_a_link_in_a_mail_finds_the_session_that_the_browser_has_kept_from_it() -> None:
    async with client_of(a_few()) as client:
        page = await client.get("/today", headers={"sec-fetch-site": "cross-site"})

    assert page.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in page.text
    assert "Wilhelmina" not in page.text


async def test_no_page_about_persons_is_kept_by_anybody() -> None:
    async with client_of(a_few()) as client:
        await signed_in(client)
        for address in PAGES:
            assert (await client.get(address)).headers["cache-control"] == "no-store", address


async def test_every_view_is_on_record_with_whom_and_by_whom_and_names_nobody() -> None:
    async with client_of(a_few(), READING) as client:
        await signed_in(client, READER)
        with capture_logs() as logged:
            for address in PAGES:
                await client.get(address)

    viewed = [line for line in logged if line["event"] == "persons viewed"]
    assert [line["path"] for line in viewed] == [
        "/today", "/people", "/people.csv", "/people/one", "/people/one/preview",
    ]  # fmt: skip
    assert {line["who"] for line in viewed} == {"till"}
    assert all(Audit(READING).hash_of("c-1") in line["customers"] for line in viewed)
    assert not re.search(r"c-\d|Wilhelmina", str(logged))


# ---- today


async def test_today_says_who_is_quiet_worth_how_much_and_what_was_done_about_it() -> None:
    async with client_of(a_few()) as client:
        await signed_in(client)
        page = await client.get("/today")

    assert "2 people quiet, worth €1,690 a year" in told(page)
    assert "€490 is at risk" in told(page)
    assert "People at risk (3)" in told(page)
    for news in ("2 newly found quiet", "1 asked back", "0 wait to be asked", "1 came back"):
        assert news in told(page)
    assert told(page).index("Wilhelmina") < told(page).index("c-2")


@pytest.mark.parametrize(
    ("tile", "shown"), [("asked back", ["c-1"]), ("came back", ["c-4"]), ("newly found quiet", ["c-1", "c-2"])]
)
async def test_each_number_of_today_leads_to_the_people_it_counts(tile: str, shown: list[str]) -> None:
    async with client_of(a_few()) as client:
        await signed_in(client)
        page = (await client.get("/today")).text
        address = html.unescape(re.findall(rf'<a href="([^"]+)"><strong>\d+</strong> {tile}<', page)[0])

        assert await people_in(client, address) == shown


# ---- the list


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["c-1", "c-3", "c-2"]),
        ("?sort=silence", ["c-2", "c-1", "c-3"]),
        ("?sort=health", ["c-2", "c-1", "c-3"]),
        ("?store=south", ["c-2"]),
        ("?store=nowhere", []),
        ("?segment=lost", ["c-5"]),
        ("?segment=all", ["c-5", "c-1", "c-3", "c-2", "c-4"]),
        ("?segment=all&outcome=converted", ["c-4"]),
        ("?kind=win_back&outcome=suppressed", ["c-2"]),
        ("?kind=milestone", []),
        ("?q=WILHELM", ["c-1"]),
        ("?q=c-3", ["c-3"]),
        ("?segment=nothing&sort=nothing&kind=nothing&within=x", ["c-1", "c-3", "c-2"]),
    ],
)
async def test_the_list_is_sorted_and_filtered(query: str, shown: list[str]) -> None:
    async with client_of(a_few()) as client:
        await signed_in(client)

        assert await people_in(client, f"/people{query}") == shown


async def test_each_line_has_the_reason_in_one_sentence_and_a_drawing_that_is_told() -> None:
    async with client_of(a_few()) as client:
        await signed_in(client)
        english, french = await client.get("/people"), await client.get("/people?lang=fr")

    assert "Comes every 6 days, silent for 20 days: longer than 98.0% of such pauses." in told(english)
    assert "Vient tous les 6 jours, absent depuis 20 jours : 98,0 % de ses pauses sont plus courtes." in told(french)
    assert english.text.count('<svg class="timeline"') == 3
    assert 'aria-label="12 visits since April 14, 2026, the last on June 19, 2026"' in english.text


async def test_a_long_list_is_paged_by_links() -> None:
    people = FakePeople()
    for number in range(120):
        people.scores(f"c-{number:03}", value_at_risk=f"{1000 - number}.00")
    seen, address = [], "/people?sort=value"
    async with client_of(people) as client:
        await signed_in(client)
        while address:
            seen.append(await people_in(client, address))
            following = re.findall(r'href="([^"]+)" rel="next"', (await client.get(address)).text)
            address = html.unescape(following[0]) if following else ""

    assert [len(page) for page in seen] == [50, 50, 20]
    assert [each for page in seen for each in page] == [f"c-{number:03}" for number in range(120)]


async def test_the_csv_is_the_whole_list_that_is_shown_and_nothing_in_it_is_a_formula() -> None:
    people = FakePeople()
    for number in range(60):
        people.scores(f"c-{number:03}", value_at_risk=f"{1000 - number}.00", store="south" if number % 2 else "north")
    people.scores("=1+1", value_at_risk="2000.00")
    people.decided("=1+1", first_name="@SUM(A1)")
    async with client_of(people) as client:
        await signed_in(client)
        answer = await client.get("/people.csv?store=north")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="people.csv"'
    assert len(rows) == 31
    assert (rows[0]["customer_id"], rows[0]["first_name"]) == ("'=1+1", "'@SUM(A1)")
    assert [row["value_at_risk"] for row in rows[1:3]] == ["1000.00", "998.00"]
    assert rows[1]["silence_days"] == "20.0"


async def test_what_somebody_is_called_cannot_become_part_of_the_page() -> None:
    people = FakePeople()
    people.scores('"><script>alert(1)</script>', store="<b>north</b>")
    people.decided('"><script>alert(1)</script>', first_name="<img src=x>")
    async with client_of(people) as client:
        await signed_in(client)
        listed = await client.get("/people?q=%22%3E%3Cscript%3E")
        one = await client.get(html.unescape(re.findall(r'href="(/people/one[^"]+)"', listed.text)[0]))

    assert one.status_code == 200
    for page in (listed, one):
        assert not re.search(r"<script>|<img|<b>north", page.text)
        assert "&lt;img src=x&gt;" in page.text


# ---- one customer


async def test_one_customer_has_rhythm_decisions_score_and_answers_in_words() -> None:
    people = a_few()
    people.details["c-1"] = detail_of([date(2026, 6, 1), date(2026, 6, 13), date(2026, 6, 19)])
    async with client_of(people) as client:
        await signed_in(client)
        page = told(await client.get("/people/one?id=c-1"))

    assert "A message (We miss you) was asked for on 7/8/26, 2:00 PM." in page
    assert "3 visits since June 1, 2026, the last on June 19, 2026" in page
    assert "31 of 100 · At risk" in page
    assert "Recency 20.0 of 62.0" in page
    assert "Would recommend (0–10) 9 on" in page
    assert "waiting quiet hours where they are" in page
    assert "“incentive” comes due 7/14/26" in page
    assert "Next visit expected" not in page  # it lies behind
    assert "20.0 days · today" in page
    assert "Not known here" not in page


async def test_one_customer_stands_as_today_where_their_worker_says_how() -> None:
    """The record was written when a segment last changed: beside today's curve it would contradict itself."""
    people = a_few()
    people.details["c-1"] = detail_of([date(2026, 6, 19)]) | {
        "scores": {
            "as_of_us": 1_783_598_400_000_000, "segment": "lost", "health": 7.0, "band": "at_risk",
            "health_parts": [{"name": "recency", "points": 0.0, "of": 62.0}], "usual_gap_days": 6.0, "gap_spread": 0.3,
            "tail_probability": 0.004, "churn_risk": 0.87, "expected_purchases_365d": 4.0,
            "expected_value_365d_minor": 1900, "value_at_risk_minor": 12700,
        }
    }  # fmt: skip
    async with client_of(people) as client:
        await signed_in(client)
        page = await client.get("/people/one?id=c-1")

    for said in (
        "Chance of having left 87% (high)",
        "Expected in a year €19",
        "At risk in a year €127",
        "7 of 100 · At risk",
        "99.6%",
    ):
        assert said in told(page), said
    assert "c-1 · Lost" in page.text


async def test_a_decision_of_a_silence_that_is_over_is_said_to_be_of_before() -> None:
    """Of a backlog that was read at once: the decision is of today, and the visit lies before it."""
    people = FakePeople()
    people.scores("c-1", silent_days=2.0)
    people.decided("c-1", 0.0, outcome="deferred", reason="release_rate")
    async with client_of(people) as client:
        await signed_in(client)

        waited = told(await client.get("/people/one?id=c-1"))
        people.decided("c-1", 0.0, outcome="suppressed", reason="stale")
        refused = told(await client.get("/people/one?id=c-1"))

    assert "The message (We miss you) was withdrawn on 7/7/26, 2:00 PM: visited." in waited
    assert "No message (We miss you): it was too late by then." in refused
    assert "in the present silence nothing has been decided" in refused


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        ("suppressed", "no_consent", "No message (We miss you): no consent."),
        ("withheld", "control", "No message, on purpose"),
        ("deferred", "quiet_hours", "Not yet: the message (We miss you) has waited since"),
        ("cancelled", "returned", "was withdrawn on"),
        ("expired", "stale", "was no longer valid on"),
        ("a_later_code", "of_a_later_release", "a later code (of a later release)"),
    ],
)
async def test_why_somebody_got_no_message_is_said_in_words(outcome: str, reason: str, said: str) -> None:
    people = FakePeople()
    people.scores("c-1")
    people.decided("c-1", outcome=outcome, reason=reason)
    async with client_of(people) as client:
        await signed_in(client)

        assert said in told(await client.get("/people/one?id=c-1"))


async def test_what_is_not_known_here_is_said() -> None:
    people = a_few()
    people.failure = TimeoutError()
    async with client_of(people) as client:
        await signed_in(client)
        page = told(await client.get("/people/one?id=c-4"))
        unknown = await client.get("/people/one?id=nobody")

    assert "another worker holds this customer" in page
    assert "The days of the visits" in page
    assert "their topic cannot be read just now" in page
    assert unknown.status_code == 404


async def test_a_decision_of_before_the_last_visit_is_none_of_the_present_silence() -> None:
    people = FakePeople()
    people.scores("c-1", silent_days=3.0, segment="regular")
    people.decided("c-1", 10.0)
    async with client_of(people) as client:
        await signed_in(client)

        assert "That was before the last visit" in told(await client.get("/people/one?id=c-1"))


# ---- what can be done


@pytest.mark.parametrize("action", ["do-not-contact", "forget", "export"])
async def test_what_changes_something_needs_the_scope_the_proof_and_our_own_page(action: str) -> None:
    people = a_few()
    address, given = f"/people/one/{action}", {"id": "c-1", "sure": "yes"}
    async with client_of(people, READING) as client:
        await signed_in(client, READER)
        page = await client.get("/people/one?id=c-1")
        lacking = await client.post(address, data={**given, "proof": proof_in(page)})
        assert (lacking.status_code, "What can be done" in page.text) == (403, False)
    async with client_of(people, READING) as client:
        nobody = await client.post(address, data=given)
        await signed_in(client)
        proof = proof_in(await client.get("/people/one?id=c-1"))
        forged = await client.post(address, data={**given, "proof": "guessed"})
        elsewhere = await client.post(
            address, data={**given, "proof": proof}, headers={"origin": "https://evil.example"}
        )
        assert (nobody.status_code, forged.status_code, elsewhere.status_code) == (303, 403, 403)
        assert people.said == []
        with capture_logs() as logged:
            done = await client.post(address, data={**given, "proof": proof})

    assert people.said == [(action.replace("-", "_"), "c-1")]
    assert done.status_code == (200 if action == "export" else 303)
    assert [(line["event"], line["action"]) for line in logged] == [("person changed", action.replace("-", "_"))]
    assert "c-1" not in str(logged)


async def test_who_is_not_sure_forgets_nobody() -> None:
    people = a_few()
    async with client_of(people) as client:
        await signed_in(client)
        proof = proof_in(await client.get("/people/one?id=c-1"))
        answer = await client.post("/people/one/forget", data={"id": "c-1", "proof": proof})

    assert (answer.status_code, answer.headers["location"]) == (303, "/people/one?id=c-1")
    assert people.said == []


@pytest.mark.parametrize(
    ("failure", "said"),
    [(ConfigurationError("shop.erasure_salt is not set."), "erasure_salt"), (TimeoutError(), "did not work just now")],
)
async def test_what_could_not_be_done_is_said_and_not_on_record(failure: Exception, said: str) -> None:
    people = a_few()
    async with client_of(people) as client:
        await signed_in(client)
        proof = proof_in(await client.get("/people/one?id=c-1"))
        people.failure = failure
        with capture_logs() as logged:
            answer = await client.post("/people/one/forget", data={"id": "c-1", "proof": proof, "sure": "yes"})

    assert answer.status_code == 503
    assert said in told(answer)
    assert not [line for line in logged if line["event"] == "person changed"]
