"""A message can be looked at in the browser, and tells nothing of anybody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from service.config import Settings
from service.web.recent import RecentDecisions, read_decision
from tests.support.made_up_shop import SETTINGS, FakeFacts, get, visible, written

NAMED = SETTINGS.changed(shop={"name": "Café Anna", "url": "https://cafe.example"})
REPLAYED = NAMED.changed(time={"clock": "event"})
FIRST = written(
    episode_id="2026-06-01", favourite_items=["Rye bread"], last_items=[], customer_since="2019-03-04T10:00:00Z", locale="en",
    offer="", template="win_back.remind",
)  # fmt: skip


def sample(query: str = "", facts: FakeFacts | None = None, settings: Settings = NAMED) -> httpx.Response:
    return asyncio.run(get(f"/outreach/sample{query}", facts, settings))


def test_in_a_live_shop_it_is_a_made_up_customers() -> None:
    page = sample()

    assert page.status_code == 200
    text = visible(page)
    assert "Hello Anna," in text
    assert "This is a sample" in text
    assert "Everyone at Café Anna" in text
    assert "Wilhelmina" not in page.text
    assert "c-4711" not in page.text


def test_another_kind_rung_or_language_can_be_asked_for() -> None:
    assert "votre 50e visite" in visible(sample("?kind=milestone&lang=fr"))
    assert "to have you back" in visible(sample("?kind=win_back&rung=incentive"))


@pytest.mark.parametrize("query", ["?kind=nothing", "?lang=xx", "?rung=a/b"])
def test_what_there_is_not_is_refused(query: str) -> None:
    assert sample(query).status_code == 422


def test_of_a_replay_it_is_the_first_that_was_decided_without_the_name() -> None:
    page = sample(facts=FakeFacts(decided=[read_decision(FIRST)]), settings=REPLAYED)

    text = visible(page)
    assert "Rye bread" in text
    assert "since March 2019" in text
    assert "Hello," in text
    assert "Wilhelmina" not in page.text
    assert "c-4711" not in page.text
    assert "Hello Anna," in visible(sample(facts=FakeFacts(decided=[]), settings=REPLAYED))


def test_it_may_bring_its_style_and_nothing_else() -> None:
    policy = sample().headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-hashes' 'sha256-" in policy
    assert "'unsafe-inline'" not in policy
    assert "script" not in policy


def test_a_template_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "win_back.en.html").write_text("{{ nobody }}")

    page = sample(settings=NAMED.changed(deliver={"templates": tmp_path}))

    assert page.status_code == 503
    assert "win_back.en.html, line 1" in page.json()["detail"]


def test_the_first_that_was_asked_is_kept_however_many_follow() -> None:
    recent = RecentDecisions(SETTINGS.kafka)

    recent.take(written(decision_id="no", outcome="suppressed"))
    recent.take(written(decision_id="other", kind="delight"))
    for number in range(300):
        recent.take(written(decision_id=f"d{number}"))

    assert recent.first_asked is not None
    assert recent.first_asked.decision_id == "d0"
