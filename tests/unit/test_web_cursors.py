"""Cursors of the API: stable, of their own question alone, and made by nobody else."""

from __future__ import annotations

from datetime import date

import httpx
import pytest
from fastapi import HTTPException

from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.cursors import Cursors
from service.web.recent import read_decision
from tests.support.made_up_shop import SETTINGS, TOKEN, FakeFacts, get, written

CURSORS = Cursors(b"key")


def test_a_cursor_gives_the_place_back_to_the_same_question() -> None:
    cursor = CURSORS.at((12.5, "c-4711"), "customers", None, "quiet")

    assert CURSORS.read(cursor, tuple[float, str], "customers", None, "quiet") == (12.5, "c-4711")


@pytest.mark.parametrize(
    "question", [("customers", None, "lost"), ("customers", "", "quiet"), ("customers", None), ("decisions",)]
)
def test_of_another_question_it_is_refused(question: tuple[object, ...]) -> None:
    cursor = CURSORS.at((12.5, "c-4711"), "customers", None, "quiet")

    with pytest.raises(HTTPException) as refused:
        CURSORS.read(cursor, tuple[float, str], *question)
    assert refused.value.status_code == 422


@pytest.mark.parametrize("cursor", ["", "x", "é", "=" * 9, "AAAA", "A" * 900, "\x00"])
def test_what_nobody_has_made_is_refused(cursor: str) -> None:
    with pytest.raises(HTTPException):
        CURSORS.read(cursor, date, "periods")


def test_no_letter_of_it_can_be_changed_nor_can_another_shops_be_used() -> None:
    cursor = CURSORS.at(date(2026, 7, 1), "periods")
    for place in range(len(cursor) - 1):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(HTTPException):
            CURSORS.read(changed, date, "periods")
    with pytest.raises(HTTPException):
        Cursors(b"another").read(cursor, date, "periods")


async def test_periods_are_paged_from_the_newest_back() -> None:
    first = (await get("/api/v1/periods?granularity=month&limit=2")).json()
    second = (await get(f"/api/v1/periods?granularity=month&limit=2&cursor={first['next']}")).json()
    other = await get(f"/api/v1/periods?granularity=year&limit=2&cursor={first['next']}")

    assert [each["start"] for each in first["periods"]] == ["2026-06-01", "2026-07-01"]
    assert [each["start"] for each in second["periods"]] == ["2026-05-01"]
    assert second["next"] is None
    assert other.status_code == 422
    assert other.json()["detail"].startswith("cursor: ")


async def test_decisions_are_paged_and_what_is_decided_meanwhile_moves_none_of_them() -> None:
    decided = [read_decision(written(f"2026-07-{day:02}T10:00:00Z", decision_id=f"d{day}")) for day in range(9, 2, -1)]
    facts = FakeFacts(decided=decided)
    signed = {"authorization": f"Bearer {TOKEN}"}
    seen: list[str] = []
    app = create_app(SETTINGS, Metrics().registry, facts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        cursor = ""
        while cursor is not None:
            query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
            answer = (await client.get(f"/api/v1/decisions{query}", headers=signed)).json()
            seen += [each["decision_id"] for each in answer["decisions"]]
            cursor = answer["next"]
            facts.decided = [read_decision(written("2026-07-20T10:00:00Z", decision_id="later")), *facts.decided]

    assert seen == [f"d{day}" for day in range(9, 2, -1)]


@pytest.mark.parametrize("path", ["/periods", "/promises", "/outreach/brought", "/decisions"])
async def test_the_addresses_of_before_lead_to_those_of_the_first_version(path: str) -> None:
    answer = await get(f"/api{path}?limit=1")

    assert (answer.status_code, answer.headers["location"]) == (308, f"/api/v1{path}?limit=1")
