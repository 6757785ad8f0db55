"""Every setting says what happens when it is changed under a living state, and a state that goes on under another
setting has written nothing twice and counts the same."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import pytest

from service.commands.show_config import in_words
from service.config import Settings
from service.config.changes import CHANGES, NAMED_EACH, Fate, on_change
from service.config.explain import settings_explained
from service.domain.calendar import DAY_US, HOUR_US
from service.domain.changelog import day_of_key
from service.domain.events import Profile, Purchase, Survey, SurveyAnswer
from service.domain.findings import Decision, Kind, Outcome
from service.streaming.job import PartitionJob
from tests.support.load import START_US, settings_for

KEYS = [each.key for each in settings_explained()]
BASE = settings_for("nowhere:9092").changed(
    time={"clock": "event"},
    outreach={
        "consent": "external",
        "messages_are_sent": True,
        "second_visit": True,
        "rungs": [{"name": "remind"}, {"name": "incentive", "strictness": 0.4, "offer": "coffee"}],
        "milestone": {"enabled": True, "every": 4},
        "follow_up": {"enabled": True},
        "service_recovery": {"enabled": True},
        "feedback_request": {"enabled": True},
        "delight": {"enabled": True, "share": 0.5, "min_visits": 3},
    },
)
"""Every kind of message."""


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_says_what_happens(key: str) -> None:
    change = on_change(key)

    assert change is not None, "say in service/config/changes.py what becomes of a state when this setting is changed"
    assert not change.text.endswith(".")


def test_every_entry_is_about_a_setting() -> None:
    for key in CHANGES:
        section = key.removesuffix("*")
        assert any(each.startswith(section) if key.endswith("*") else each == key for each in KEYS), key
        assert key.removesuffix(".*") not in NAMED_EACH


def test_the_command_that_explains_a_setting_says_it() -> None:
    assert "if changed  refused: visits, gaps and numbers lie on local days" in in_words("shop.timezone")
    assert "if changed  free: at the next decision" in in_words("outreach.quiet_hours")


# ---- a life in two halves, the second under another setting

OTHERWISE: dict[str, Any] = {
    "shop.rates": {"USD": "0.5"},
    "shop.regular_min_visits": 3,
    "shop.max_lifespan_years": 5.0,
    "shop.industry": "cafe",
    "shop.name": "Another name",
    "shop.address": "Elsewhere",
    "shop.url": "https://cafe.example/other",
    "shop.feedback_url": "https://cafe.example/opinion",
    "shop.locale": "fr",
    "shop.store_timezones": {"north": "Asia/Tokyo"},
    "time.clock": "wall",
    "time.grace_s": 60.0,
    "time.max_delay_days": 1.0,
    "time.max_jump_days": 3.0,
    "time.jump_confirmations": 1,
    "time.feed_silence_hours": 30.0,
    "outreach.measure": {"measure": "probability", "level": 0.2},
    "outreach.patience": {"measure": "patience", "patience": 6.0},
    "outreach.level": 12.0,
    "outreach.rungs": [{"name": "remind"}, {"name": "incentive"}, {"name": "last-call", "strictness": 0.1}],
    "outreach.rungs.name": [{"name": "hello"}, {"name": "gift", "strictness": 0.4}],
    "outreach.rungs.strictness": [{"name": "remind"}, {"name": "incentive", "strictness": 0.9}],
    "outreach.rungs.offer": [{"name": "remind"}, {"name": "incentive", "strictness": 0.4, "offer": "cake"}],
    "outreach.rungs.template": [{"name": "remind", "template": "win_back.hello"}, {"name": "incentive"}],
    "outreach.consent": "required",
    "outreach.shadow": True,
    "outreach.stale_after_days": 1.0,
    "outreach.overdue_per_hour": 1,
    "outreach.at_most_per_hour": 1,
    "outreach.attribution_days": 5.0,
    "outreach.expires_after_days": 3.0,
    "outreach.second_visit": False,
    "outreach.second_visit_offer": "cake",
    "outreach.volume_per_100_visits": 5.0,
    "outreach.volume_per_day": 1.0,
    "outreach.volume_for_loyal": {"volume_per_day": 5.0, "volume_for_loyal": 0.5},
    "outreach.messages_are_sent": False,
    "outreach.control_share": 0.5,
    "outreach.control_rotates": "quarter",
    "outreach.frequency_caps": [],
    "outreach.frequency_caps.messages": [{"messages": 2, "days": 14.0}],
    "outreach.frequency_caps.days": [{"messages": 1, "days": 2.0}],
    "outreach.cool_down_days": 0.0,
    "outreach.unhappy_days": 2.0,
    "outreach.unhappy_nps": 2,
    "outreach.unhappy_csat": 1,
    "outreach.unhappy_ces": 1,
    "outreach.min_value": "1000",
    "outreach.quiet_hours": "08:00-20:00",
    "outreach.quiet_days": ["monday", "tuesday"],
    "outreach.daily_limit": 1,
    "outreach.service_recovery.enabled": {"service_recovery": {"enabled": False}},
    "outreach.milestone.enabled": {"milestone": {"enabled": False}},
    "outreach.milestone.every": {"milestone": {"enabled": True, "every": 3}},
    "outreach.delight.share": {"delight": {"enabled": True, "share": 1.0, "min_visits": 2}},
    "outreach.follow_up.only_first": {"follow_up": {"enabled": True, "only_first": False, "days_between": 5}},
    "outreach.feedback_request.every_days": {"feedback_request": {"enabled": True, "every_days": 20.0}},
}
"""For each setting that may be changed another value than that of the life's first half."""


AT_ONCE = 9
"""So many lives try all of them, each every ninth: those that stand beside each other are about one thing."""


def changed(keys: list[str]) -> Settings:
    settings = BASE
    for key in keys:
        section, name, *_ = key.split(".")
        value = OTHERWISE[key]
        whole = isinstance(value, dict) and section == "outreach"
        settings = settings.changed(**{section: value if whole else {name: value}})
    return settings


def test_each_setting_that_may_be_changed_and_that_a_state_rests_on_is_tried() -> None:
    may = {key for key in KEYS if key.split(".")[0] in {"shop", "time", "outreach"}}
    may = {key for key in may if key in CHANGES and CHANGES[key].fate in {Fate.FREE, Fate.RECOUNTED}}

    assert may - OTHERWISE.keys() == {"shop.erasure_salt_file"}


class Lived(NamedTuple):
    """What came of a life."""

    decisions: list[Decision]
    numbers: dict[str, tuple[int, int, int]]
    """Customer → visits, orders, revenue."""
    days: dict[bytes, bytes | None]
    """The ledger's days, as the newest record of each says."""


DAYS, CUT = 190, 100


@cache
def events() -> list[Any]:
    """Of twelve customers: some come weekly throughout, some stay away from a day on, some of these come back."""
    made: list[tuple[int, Any]] = []
    for number in range(12):
        name, every, first = f"c{number}", 5 + number % 4, number
        away = range(95 - 3 * number, 120 + 5 * number) if number % 3 else range(0)
        profile = Profile(
            f"p{number}", name, START_US, first_name="Anna", email=f"{name}@x.example", marketing_consent=True
        )
        made.append((START_US, profile))
        for day in range(first, DAYS, every):
            if day not in away:
                at_us = START_US + day * DAY_US + (9 + number % 5) * HOUR_US
                made.append((at_us, Purchase(f"{name}-{day}", name, at_us, 500 + number)))
        at_us = START_US + (93 - number) * DAY_US
        made.append((at_us, SurveyAnswer(f"s{number}", name, at_us, Survey.NPS, 2 + number % 9)))
    made.sort(key=lambda row: row[0])
    return [event for _, event in made]


Kept = dict[tuple[str, bytes], bytes | None]


def went_on(kept: Kept, settings: Settings, batch: list[Any]) -> tuple[PartitionJob, list[Decision]]:
    """One life of a worker, from what was written to what it writes itself."""
    job = PartitionJob(settings, 0)
    for (topic, key), value in kept.items():
        job.restore(topic, key, value)
    job.restored()
    for event in batch:
        job.engine.apply(event)
        if settings.time.clock == "wall":
            job.engine.advance(event.at_us, event.at_us)
    written = job.drain(1)
    assert written is not None
    for place, records in written.records.items():
        if place.topic in {BASE.kafka.state_topic, BASE.kafka.ledger_topic}:
            kept.update(((place.topic, key), value) for key, value in records if key is not None)
    return job, written.decisions


@cache
def first_half() -> tuple[Kept, list[Decision], int]:
    kept: Kept = {}
    cut = sum(1 for event in events() if event.at_us < START_US + CUT * DAY_US)
    return kept, went_on(kept, BASE, events()[:cut])[1], cut


def lived(later: Settings) -> Lived:
    """Two lives of a worker, the second under other settings. Some of the input arrives again."""
    before, decisions, cut = first_half()
    kept = dict(before)
    job, more = went_on(kept, later, events()[cut - 20 :])
    numbers = {name: (who.visits, who.orders, who.revenue_minor) for name, who in job.engine.customers.items()}
    ledger = BASE.kafka.ledger_topic
    days = {key: value for (topic, key), value in kept.items() if topic == ledger and day_of_key(key) is not None}
    return Lived([*decisions, *more], numbers, days)


@cache
def unchanged() -> Lived:
    return lived(BASE)


def test_the_life_has_what_it_is_for() -> None:
    before = {made.kind.value for made in unchanged().decisions if made.outcome is Outcome.RELEASED}
    after = [made for made in unchanged().decisions if made.decided_us > START_US + CUT * DAY_US]

    assert before >= {"win_back", "milestone", "follow_up"}
    assert {made.outcome for made in after} >= {Outcome.RELEASED, Outcome.CONVERTED}
    assert unchanged().days


@pytest.mark.parametrize("place", range(AT_ONCE))
def test_nothing_is_written_twice_and_the_numbers_are_the_same(place: int) -> None:
    keys = list(OTHERWISE)[place::AT_ONCE]
    life, same = lived(changed(keys)), unchanged()
    released = Counter(made.decision_id for made in life.decisions if made.outcome is Outcome.RELEASED)
    known = {_about(made): made.decision_id for made in same.decisions if made.kind in ABOUT_ABSENCES}

    assert max(released.values()) == 1
    assert all(known.get(_about(made), made.decision_id) == made.decision_id for made in life.decisions)
    assert life.numbers == same.numbers
    assert life.days == same.days


ABOUT_ABSENCES = frozenset({Kind.WIN_BACK, Kind.SECOND_VISIT})


def _about(made: Decision) -> tuple[str, Kind, str, str]:
    return made.customer_id, made.kind, made.rung, made.episode_id
