"""What a browser is told to allow, by every route: own files, no inline script or style, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr

from service.commands.serving_page import add_unsubscribing
from service.config import Settings
from service.delivery.customers import CustomersWriter
from service.delivery.links import Links
from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.freshness import is_the_same, tag_of
from service.web.renderings import Renderings
from service.web.responses import SECURITY_HEADERS
from service.web.styles_allowed import policy_for
from tests.support.made_up_shop import SETTINGS, TOKEN, FakeFacts

SECRET = SecretStr("a secret of the tests, long enough")
SENDING = SETTINGS.changed(
    deliver={"unsubscribe_secret": SECRET, "public_url": "https://anna.example"}, shop={"name": "Café Anna"}
)
LINK = Links("https://anna.example", SECRET).url("c1", "en").removeprefix("https://anna.example")


def the_app(settings: Settings = SENDING) -> FastAPI:
    app = create_app(settings, Metrics().registry, FakeFacts())
    add_unsubscribing(app, settings, CustomersWriter(settings))
    return app


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")


def addresses(app: FastAPI) -> Iterator[str]:
    """One of every route that GET reaches, with what has to be given."""
    given = {"/unsubscribe": LINK, "/static/{name}": "/static/page.css", "/live": ""}
    for route in app.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            yield given.get(route.path, route.path)
    yield from (
        "/openapi.json",
        "/nothing",
        "/static/nothing",
        "/api/v1/periods?limit=0",
        "/outreach/sample?kind=nothing",
    )


@pytest.mark.parametrize("signed", [False, True])
async def test_every_route_says_what_a_browser_may_do_and_allows_nothing_inline(signed: bool) -> None:
    app, seen = the_app(), []
    async with client_of(app) as client:
        for address in filter(None, addresses(app)):
            response = await client.get(address, headers={"authorization": f"Bearer {TOKEN}"} if signed else {})
            policy = response.headers["content-security-policy"]
            seen.append(address)

            assert "'unsafe-inline'" not in policy, address
            assert "'unsafe-eval'" not in policy, address
            assert "*" not in policy, address
            assert "http" not in policy, address
            assert policy.startswith("default-src 'none'; "), address
            for needed in ("base-uri 'none'", "frame-ancestors 'none'", "form-action "):
                assert needed in policy, address
            others = {name for name in SECURITY_HEADERS if name != "Content-Security-Policy"}
            assert {name: response.headers[name] for name in others} == {
                name: SECURITY_HEADERS[name] for name in others
            }
            assert response.headers["cache-control"]
    assert {"/", "/metrics", "/api/v1/periods", "/api/v1/decisions", "/outreach/sample", LINK, "/nothing"} <= set(seen)


async def test_the_pages_load_from_their_own_server_alone() -> None:
    async with client_of(the_app()) as client:
        for address in ("/", "/?period=year&lang=fr", LINK):
            text = (await client.get(address)).text

            assert not re.findall(r"(?:src|action)=\"(?!/)", text)
            assert not re.findall(r"<link[^>]+href=\"(?!/)", text)
            assert not re.findall(r"\son[a-z]+=\"|javascript:|<script(?! src=\"/static/)", text)
        sheet = (await client.get("/static/page.css")).text
    assert "url(" not in sheet
    assert "@import" not in sheet


async def test_files_of_the_page_are_kept_for_ever_under_the_address_that_tells_their_content() -> None:
    async with client_of(the_app()) as client:
        page = (await client.get("/")).text
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            whole = await client.get(asset)
            again = await client.get(asset, headers={"if-none-match": whole.headers["etag"]})
            bare = await client.get(asset.partition("?")[0])
            stale = await client.get(asset.partition("?")[0] + "?v=0123456789abcdef")

            assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == whole.headers["etag"]
            assert bare.headers["cache-control"] == stale.headers["cache-control"] == "no-cache"
            assert bare.content == stale.content == whole.content


def test_a_document_may_have_the_styles_that_it_brings_and_no_others() -> None:
    html = '<style>a { color: red; }</style><p style="color: &quot;blue&quot;">x</p><p style="top:0">y</p>'

    policy = policy_for(html)

    # openssl dgst -sha256 -binary | base64, of: a { color: red; }
    assert "'sha256-oorGWggqQKdAOamst0YRa4dopIT4X8ufm2ydpEk0M7o='" in policy
    assert policy.count("'sha256-") == 3
    assert "'unsafe-hashes'" in policy
    assert policy_for("<p>x</p>").count("style-src 'none'") == 1
    assert "'unsafe-hashes'" not in policy_for("<style>a{}</style>")


# ---- who has the answer already


async def nothing() -> None:
    pass


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/periods", "/api/v1/promises", "/api/v1/outreach/brought", "/openapi.json"]
)
async def test_who_has_the_answer_already_is_told_so(path: str) -> None:
    app = Renderings(create_app(SETTINGS, Metrics().registry, FakeFacts()), nothing)
    async with client_of(app) as client:
        whole = await client.get(path)
        tag = whole.headers["etag"]
        same = [
            await client.get(path, headers={"if-none-match": each})
            for each in (tag, f"W/{tag}", f'"other", {tag}', "*")
        ]
        other = await client.get(path, headers={"if-none-match": '"other"'})

    assert whole.status_code == 200
    assert [(each.status_code, each.content) for each in same] == [(304, b"")] * 4
    assert {each.headers["etag"] for each in same} == {tag}
    assert (other.status_code, other.content) == (200, whole.content)
    assert whole.headers["cache-control"] == same[0].headers["cache-control"] == "private, no-cache"
    assert same[0].headers["content-security-policy"] == whole.headers["content-security-policy"]
    assert same[0].headers.get("vary") == whole.headers.get("vary")


async def test_what_changes_and_another_language_have_another_tag() -> None:
    facts = FakeFacts()
    tags = []
    for rows in (facts.rows, facts.rows[1:]):
        app = Renderings(create_app(SETTINGS, Metrics().registry, FakeFacts(rows=rows)), nothing)
        async with client_of(app) as client:
            tags += [
                (await client.get("/", headers={"accept-language": each})).headers["etag"] for each in ("en", "fr")
            ]

    assert len(set(tags)) == 4


async def test_refusals_have_no_tag_and_neither_they_nor_persons_are_kept() -> None:
    app = Renderings(create_app(SETTINGS, Metrics().registry, FakeFacts(known=False)), nothing)
    signed = {"authorization": f"Bearer {TOKEN}"}
    async with client_of(app) as client:
        refused = await client.get("/api/v1/periods", headers=signed)
        persons = await client.get("/api/v1/decisions", headers=signed)

    assert (refused.status_code, persons.status_code) == (503, 200)
    assert "etag" not in refused.headers
    for each in (refused, persons):
        assert each.headers["cache-control"] == "no-store"


async def test_of_persons_nothing_is_stored_but_a_program_is_told_when_nothing_has_changed() -> None:
    app = Renderings(create_app(SETTINGS, Metrics().registry, FakeFacts()), nothing)
    signed = {"authorization": f"Bearer {TOKEN}"}
    async with client_of(app) as client:
        whole = await client.get("/api/v1/decisions", headers=signed)
        again = await client.get("/api/v1/decisions", headers=signed | {"if-none-match": whole.headers["etag"]})
        stranger = await client.get("/api/v1/decisions", headers={"if-none-match": whole.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == whole.headers["cache-control"] == "no-store"
    assert stranger.status_code == 401


async def test_numbers_behind_the_token_are_not_kept_by_a_browser() -> None:
    app = Renderings(create_app(SETTINGS, Metrics().registry, FakeFacts()), nothing, stored=False)
    async with client_of(app) as client:
        assert (await client.get("/")).headers["cache-control"] == "no-store"


def test_tags_differ_where_parts_are_cut_elsewhere() -> None:
    assert tag_of(b"fr", b"x") != tag_of(b"f", b"rx")
    assert not is_the_same(None, '"a"')
    assert not is_the_same("*", "")
    assert not is_the_same("a", '"a"')
