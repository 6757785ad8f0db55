"""Tokens with scopes, and the session that a token is exchanged for on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from starlette.datastructures import Headers
from structlog.testing import capture_logs

from service.config import Settings, WebSettings
from service.streaming.metrics import Metrics
from service.web.access import Access, Scope
from service.web.app import create_app
from service.web.limits import Limits
from service.web.people.frame import where_to
from service.web.protection import Protection
from service.web.sessions import COOKIE, Sessions, came_by_https, from_our_own_page
from tests.support.made_up_shop import SETTINGS, TOKEN, FakeFacts

TILL: Final = "the-token-of-the-till"
BOOKS: Final = "the-token-of-the-books"
SEVERAL: Final = SETTINGS.changed(
    web={
        "tokens": [
            {"name": "till", "token": SecretStr(TILL), "scopes": ["persons"]},
            {"name": "books", "token": SecretStr(BOOKS), "scopes": ["numbers"]},
        ]
    }
)


def a_shop(settings: Settings = SEVERAL) -> Any:
    """The application behind what every request passes."""
    access = Access(settings.web)
    app: FastAPI = create_app(settings, Metrics().registry, FakeFacts(), access)
    return Protection(app, Limits.of(settings.web, "shop"), access)


def client_of(app: Any, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", headers=headers)


async def signed_in(client: httpx.AsyncClient, token: str, to: str = "") -> httpx.Response:
    return await client.post("/sign-in", data={"token": token, "to": to})


# ---- tokens and scopes


async def test_each_token_opens_its_own_scopes_and_no_other() -> None:
    async with client_of(a_shop()) as client:
        statuses = {
            token: (await client.get("/api/v1/decisions", headers={"authorization": f"Bearer {token}"})).status_code
            for token in (TOKEN, TILL, BOOKS)
        }
        refused = await client.get("/api/v1/decisions", headers={"authorization": f"Bearer {BOOKS}"})

    assert statuses == {TOKEN: 200, TILL: 200, BOOKS: 403}
    assert "scope persons" in refused.json()["detail"]
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


async def test_numbers_behind_a_token_open_to_who_may_see_numbers() -> None:
    async with client_of(a_shop(SEVERAL.changed(web={"numbers": "token"}))) as client:
        statuses = {
            token: (await client.get("/api/v1/periods", headers={"authorization": f"Bearer {token}"})).status_code
            for token in (TOKEN, TILL, BOOKS)
        }

    assert statuses == {TOKEN: 200, TILL: 403, BOOKS: 200}


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ([{"name": "a", "token": TOKEN}], "two tokens are the same"),
        ([{"name": "a", "token": TILL}, {"name": "a", "token": BOOKS}], "the same name"),
        ([{"name": "a", "token": "short"}], "16 characters"),
        ([{"name": "a", "token": TILL, "scopes": []}], "at least 1"),
        ([{"name": "a", "token": TILL, "scopes": ["all"]}], "'numbers', 'persons' or 'write'"),
    ],
)
def test_tokens_that_cannot_be_told_apart_or_guessed_are_refused(tokens: list[dict[str, object]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WebSettings.model_validate({"token": TOKEN, "tokens": tokens})


def test_numbers_behind_a_token_need_one_that_opens_them() -> None:
    with pytest.raises(ValidationError, match="scope numbers"):
        WebSettings.model_validate({"numbers": "token", "tokens": [{"name": "a", "token": TILL, "scopes": ["write"]}]})


# ---- signing in


async def test_a_token_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends() -> None:
    async with client_of(a_shop()) as client:
        answer = await signed_in(client, TILL)
        cookie = answer.headers["set-cookie"]

        assert (answer.status_code, answer.headers["location"]) == (303, "/today")
        assert re.fullmatch(
            rf"{COOKIE}=[0-9a-f]{{8}}\.\d+\.[0-9a-f]{{32}}\.[\w-]{{43}}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict",
            cookie,
        )
        assert TILL not in cookie
        assert (await client.get("/api/v1/decisions")).status_code == 200
        assert (await client.get("/")).headers["location"] == "/today"
        assert (await client.get("/?period=month")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({}, False),
        ({"x-forwarded-proto": "https"}, True),
        ({"origin": "https://shop"}, True),
        ({"x-forwarded-proto": "http, https"}, False),
    ],
)
def test_the_cookie_is_for_https_alone_where_the_browser_came_by_it(headers: dict[str, str], secure: bool) -> None:
    came = came_by_https(Headers(headers), "http")

    assert came is secure
    held = next(iter(Access(SEVERAL.web)._holders))[1]
    assert ("; Secure" in Sessions(1.0).begin(held, secure=came)) is secure


async def test_who_may_not_see_persons_is_led_to_the_numbers() -> None:
    async with client_of(a_shop()) as client:
        answer = await signed_in(client, BOOKS)
        page = await client.get("/")
        closed = await client.get("/api/v1/decisions")

    assert answer.headers["location"] == "/?period=month"
    assert page.status_code == 200
    assert closed.status_code == 403


async def test_one_is_led_back_to_where_one_came_from_and_nowhere_else() -> None:
    async with client_of(a_shop()) as client:
        inside = await signed_in(client, TILL, "/people?sort=silence")
        outside = await signed_in(client, TILL, "https://evil.example/")

    assert inside.headers["location"] == "/people?sort=silence"
    assert outside.headers["location"] == "/today"


@pytest.mark.parametrize(
    "given", ["//evil.example", "/\\evil.example", "https://evil.example", "", "people", "/a\r\nSet-Cookie: x", "/" * 3]
)
def test_what_leads_to_another_server_is_not_followed(given: str) -> None:
    assert where_to(given, "/today") == "/today"


async def test_guessing_is_slowed_for_form_and_header_together() -> None:
    async with client_of(a_shop(SEVERAL.changed(web={"token_failures": 3}))) as client:
        wrong = [await signed_in(client, f"{n:020}") for n in range(2)]
        wrong.append(await client.get("/api/v1/decisions", headers={"authorization": "Bearer 00000000000000000000"}))
        right = await signed_in(client, TILL)

    assert [each.status_code for each in wrong] == [401, 401, 401]
    assert right.status_code == 429
    assert 0 < int(right.headers["retry-after"]) <= 60
    assert "set-cookie" not in right.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_another_sites_form_signs_nobody_in(headers: dict[str, str]) -> None:
    async with client_of(a_shop(), **headers) as client:
        answer = await signed_in(client, TILL)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"host": "shop"}, True),
        ({"host": "shop:8088", "origin": "http://shop:8088"}, True),
        ({"host": "shop:8088", "origin": "http://shop"}, False),
        ({"host": "shop", "origin": "http://shop.evil"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
    ],
)
def test_a_page_of_ours_is_told_by_what_no_page_can_forge(headers: Mapping[str, str], ours: bool) -> None:
    assert from_our_own_page(Headers(headers)) is ours


async def test_signing_out_needs_the_pages_own_proof() -> None:
    async with client_of(a_shop()) as client:
        await signed_in(client, TILL)
        forged = await client.post("/sign-out", data={"proof": "guessed"})
        still = await client.get("/api/v1/decisions")

    assert (forged.status_code, still.status_code) == (403, 200)


async def test_a_session_ends_when_its_time_is_over_or_its_token_is_another() -> None:
    holder = Access(SEVERAL.web).holder_of("c", TILL.encode())
    assert holder is not None
    known, now_s = {holder.fingerprint: holder}, [1_000_000.0]
    sessions = Sessions(2.0, lambda: now_s[0])
    cookie = sessions.begin(holder, secure=False).partition(";")[0]

    assert sessions.read(cookie, known) is not None
    now_s[0] += 7_199
    found = sessions.read(f"other=1; {cookie}", known)
    assert found is not None
    assert found[0].name == "till"
    now_s[0] += 1
    assert sessions.read(cookie, known) is None
    other = Access(SETTINGS.changed(web={"token": SecretStr("another-token-entirely")}).web)
    assert other.session_of(cookie) is None


def test_no_byte_of_a_session_can_be_changed() -> None:
    access = Access(SEVERAL.web)
    holder = access.holder_of("c", TILL.encode())
    assert holder is not None
    cookie = access.sessions.begin(holder, secure=False).partition(";")[0]

    for place in range(len(COOKIE) + 1, len(cookie) - 1):
        changed = cookie[:place] + ("0" if cookie[place] != "0" else "1") + cookie[place + 1 :]
        assert access.session_of(changed) is None, place
    for wrong in ("", COOKIE, f"{COOKIE}=", f"{COOKIE}=..", f"{COOKIE}=a.b.c.d", "\x00", f"{COOKIE}=" + "9" * 5_000):
        assert access.session_of(wrong) is None


async def test_a_session_that_was_signed_out_is_let_in_no_more() -> None:
    access = Access(SEVERAL.web)
    holder = access.holder_of("c", TILL.encode())
    assert holder is not None
    cookie = access.sessions.begin(holder, secure=False).partition(";")[0]
    found = access.session_of(cookie)
    assert found is not None

    access.sessions.end(found[1], secure=True)

    assert access.session_of(cookie) is None


async def test_the_page_says_it_where_no_token_is_configured() -> None:
    async with client_of(a_shop(SETTINGS.changed(web={"token": None}))) as client:
        page = await client.get("/sign-in")

    assert page.status_code == 403
    assert "web.token" in page.text
    assert "<form" not in page.text


async def test_a_browser_without_a_session_is_led_to_the_sign_in_and_a_program_is_refused() -> None:
    async with client_of(a_shop(SEVERAL.changed(web={"numbers": "token"}))) as client:
        browser = await client.get("/?period=year", headers={"accept": "text/html,*/*;q=0.8"})
        program = await client.get("/?period=year")
        sheet = await client.get("/static/page.css")

    assert (browser.status_code, browser.headers["location"]) == (303, "/sign-in?to=%2F%3Fperiod%3Dyear")
    assert program.status_code == 401
    assert sheet.status_code == 200


async def test_no_log_line_of_a_sign_in_holds_the_token() -> None:
    with capture_logs() as logged:
        async with client_of(a_shop()) as client:
            await signed_in(client, TILL)
            await signed_in(client, "a-wrong-token-of-somebody")

    assert [line["event"] for line in logged] == ["signed in"]
    assert logged[0]["who"] == "till"
    assert TILL not in str(logged)
    assert Access(SEVERAL.web).anybody(Scope.WRITE)
