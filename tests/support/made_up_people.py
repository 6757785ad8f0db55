"""Made-up customers behind the pages and the API about persons: records of both topics in, answers out, no broker."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import httpx
import msgspec

from service.config import Settings
from service.streaming.metrics import Metrics
from service.web.access import Access
from service.web.app import create_app
from service.web.coming import Coming, Due
from service.web.limits import Limits
from service.web.people.roll import Detail, Roll
from service.web.protection import Protection
from tests.support.made_up_shop import SETTINGS, TOKEN, FakeFacts

NOW: Final = datetime(2026, 7, 9, 12, tzinfo=UTC)
SIGNED: Final = {"authorization": f"Bearer {TOKEN}"}


def wire(at: datetime) -> str:
    """As the topics have a time."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def scored(customer_id: str, *, silent_days: float = 20.0, usual: float = 6.0, **changes: Any) -> bytes:
    """A record of `customer-scores`: a quiet regular of the north, unless told otherwise."""
    last = NOW - timedelta(days=silent_days)
    data: dict[str, Any] = {
        "customer_id": customer_id,
        "as_of": wire(NOW),
        "segment": "quiet",
        "health": 31.4,
        "band": "at_risk",
        "health_parts": [
            {"name": "recency", "points": 20.0, "of": 62.0},
            {"name": "satisfaction", "points": 11.4, "of": 15.0},
        ],
        "visits": 20,
        "orders": 21,
        "currency": "EUR",
        "revenue": "412.50",
        "first_visit_at": wire(last - timedelta(days=120)),
        "last_visit_at": wire(last),
        "usual_gap_days": usual,
        "gap_spread": 0.3,
        "expected_visit_at": wire(last + timedelta(days=usual)),
        "tail_probability": 0.02,
        "churn_risk": 0.4,
        "churn_risk_band": "medium",
        "expected_purchases_365d": 30.0,
        "expected_value_365d": "600.00",
        "value_at_risk": "400.00",
        "latest_nps": 9,
        "latest_csat": None,
        "latest_ces": None,
        "answers": [{"survey": "nps", "score": 9, "answered_at": wire(last), "order_id": None}],
        "marketing_consent": True,
        "store": "north",
        "visit_days": [(last.date() - timedelta(days=usual * n)).isoformat() for n in range(11, -1, -1)],
    } | changes
    return json.dumps({"specversion": "1.0", "type": "customer.scored", "data": data}).encode()


def decision(customer_id: str, days_ago: float = 1.0, **changes: Any) -> bytes:
    """A record of `outreach-decisions`: a message that was asked for."""
    at = NOW - timedelta(days=days_ago)
    data: dict[str, Any] = {
        "decision_id": f"{customer_id}.{days_ago}",
        "customer_id": customer_id,
        "first_name": "Wilhelmina",
        "episode_id": "2026-06-19",
        "kind": "win_back",
        "rung": "remind",
        "detected_at": wire(at),
        "decided_at": wire(at),
        "quiet_since": wire(NOW - timedelta(days=20)),
        "outcome": "released",
        "reason": "due",
        "visits": 20,
        "orders": 21,
        "usual_gap_days": 6.0,
        "current_gap_days": 19.0,
        "tail_probability": 0.02,
        "churn_risk": 0.4,
        "expected_visit_at": wire(NOW - timedelta(days=14)),
        "customer_since": wire(NOW - timedelta(days=140)),
        "currency": "EUR",
        "lifetime_value": "412.50",
        "value_at_risk": "400.00",
        "favourite_items": ["Flat white"],
        "last_items": [],
        "latest_nps": None,
        "latest_csat": None,
        "locale": "en",
        "offer": "",
        "template": "win_back.remind",
        "expires_at": wire(NOW + timedelta(days=7)),
        "sentence": "Wilhelmina usually comes every 6 days.",
        "arm": "treated",
        "returned_at": None,
        "revenue": None,
    } | changes
    return json.dumps({"specversion": "1.0", "type": "outreach.decided", "data": data}).encode()


class FakePeople:
    """A shop whose topics are lists."""

    def __init__(self) -> None:
        self.roll = Roll(wall_clock=False)
        self.written: list[bytes] = []
        self.details: dict[str, Detail] = {}
        self.said: list[tuple[str, str]] = []
        self.failure: Exception | None = None
        self.ahead: Coming | None = None
        self.roll.complete()

    def scores(self, customer_id: str, **changes: Any) -> None:
        self.roll.take_scores(customer_id.encode(), scored(customer_id, **changes))

    def decided(self, customer_id: str, days_ago: float = 1.0, **changes: Any) -> None:
        value = decision(customer_id, days_ago, **changes)
        self.roll.take_decision(0, len(self.written), value)
        self.written.append(value)

    async def decisions(self, customer_id: str) -> list[msgspec.Raw]:
        if self.failure is not None:
            raise self.failure
        values = [json.loads(self.written[offset])["data"] for _, offset in self.roll.places_of(customer_id)]
        return [msgspec.Raw(msgspec.json.encode(each)) for each in reversed(values)]

    async def detail(self, customer_id: str) -> Detail | None:
        return self.details.get(customer_id)

    async def coming(self) -> Coming | None:
        return self.ahead

    async def do_not_contact(self, customer_id: str) -> None:
        self._say("do_not_contact", customer_id)

    async def forget(self, customer_id: str) -> None:
        self._say("forget", customer_id)

    async def export(self, customer_id: str) -> Detail:
        self._say("export", customer_id)
        return {"customer_id": customer_id, "purchases": []}

    def _say(self, what: str, customer_id: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.said.append((what, customer_id))


def a_few() -> FakePeople:
    """Three at risk, of whom one is slowing, one who is well, and one who is lost."""
    people = FakePeople()
    people.scores("c-1", silent_days=20.0, value_at_risk="400.00")
    people.scores("c-2", silent_days=45.0, value_at_risk="90.00", health=12.0, store="south")
    people.scores("c-3", silent_days=9.0, segment="slowing", health=55.0, band="watch", value_at_risk="150.00")
    people.scores(
        "c-4", silent_days=2.0, segment="vip", health=92.0, band="healthy", visit_days=[], value_at_risk="5.00"
    )
    people.scores("c-5", silent_days=300.0, segment="lost", health=1.0, value_at_risk="900.00")
    people.decided("c-1", 3.0, outcome="deferred", reason="quiet_hours")
    people.decided("c-1", 1.0)
    people.decided("c-2", 2.0, outcome="suppressed", reason="no_consent", first_name=None)
    people.decided("c-4", 2.5, outcome="converted", reason="returned", first_name="Bob")
    people.decided("c-5", 100.0, first_name="Otto")
    return people


def coming_of_tonight() -> Coming:
    """Two come due, one of them at 22:00 in Paris, and one waits until the morning."""
    return Coming(
        NOW,
        NOW + timedelta(days=1),
        (
            Due("c-3", NOW + timedelta(hours=1), "remind"),
            Due("c-2", NOW + timedelta(hours=8, minutes=5), "incentive"),
            Due("c-1", NOW + timedelta(hours=19), "remind", "quiet_hours"),
        ),
        whole=True,
        partitions=1,
        of_partitions=2,
    )


def detail_of(days: list[date]) -> Detail:
    """As the worker that holds somebody tells of them."""
    return {
        "partition": 0,
        "now": NOW.isoformat(),
        "visit_days": [day.isoformat() for day in days],
        "dates": [
            {"what": "expected visit", "when": (NOW - timedelta(days=14)).isoformat()},
            {"what": "alert: incentive", "when": (NOW + timedelta(days=5)).isoformat()},
            {"what": "counted as lost", "when": (NOW + timedelta(days=25)).isoformat()},
        ],
        "curve": [
            {
                "silence_days": 6.0,
                "when": (NOW - timedelta(days=14)).isoformat(),
                "tail_probability": 0.5,
                "churn_risk": 0.1,
            },
            {"silence_days": 20.0, "when": NOW.isoformat(), "tail_probability": 0.02, "churn_risk": 0.4},
        ],
    }


def client_of(
    people: FakePeople, settings: Settings = SETTINGS, headers: dict[str, str] | None = None
) -> httpx.AsyncClient:
    """To the application behind what every request passes."""
    access = Access(settings.web)
    app: Any = create_app(settings, Metrics().registry, FakeFacts(), access, people=people)
    app = Protection(app, Limits.of(settings.web, "shop"), access)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", headers=headers)
