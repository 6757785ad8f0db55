"""Topics that name people are kept for the time the settings say, and a topic that is kept otherwise is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.config import Settings
from service.streaming.topic_plan import DAY_MS, topic_plan
from service.streaming.topic_problems import Existing, kept_otherwise, problems_of

SETTINGS = Settings()


def existing(settings: Settings = SETTINGS) -> dict[str, Existing]:
    return {spec.name: Existing(spec.partitions, dict(spec.configs)) for spec in topic_plan(settings, 2)}


def test_as_created_nothing_is_said() -> None:
    assert kept_otherwise(SETTINGS, existing()) == []


def test_what_is_kept_is_what_the_settings_say() -> None:
    settings = SETTINGS.changed(kafka={"outreach_retention_days": 7, "compaction_lag_days": 2})
    plan = {spec.name: spec.configs for spec in topic_plan(settings, 2)}

    assert plan["outreach"]["retention.ms"] == str(7 * DAY_MS)
    assert plan["outreach-decisions"]["retention.ms"] == str(400 * DAY_MS)
    assert plan["dead-letters"]["retention.ms"] == str(365 * DAY_MS)
    assert {name for name, configs in plan.items() if configs.get("max.compaction.lag.ms") == str(2 * DAY_MS)} == {
        "customer-scores", "churn-alert-state",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "key", "value", "told"),
    [
        ("outreach", "retention.ms", "-1", "keeps its records for ever instead of 30 days"),
        ("outreach", "retention.ms", str(DAY_MS), "keeps its records 1 day instead of 30 days"),
        ("outreach-decisions", "retention.ms", str(500 * DAY_MS), "keeps its records 500 days instead of 400 days"),
        ("dead-letters", "retention.ms", "-1", "keeps its records for ever instead of 365 days"),
        (
            "customer-scores", "max.compaction.lag.ms", str((1 << 63) - 1),
            "may keep what was erased or replaced for ever instead of 7 days",
        ),
        (
            "churn-alert-state", "max.compaction.lag.ms", str(30 * DAY_MS),
            "may keep what was erased or replaced 30 days instead of 7 days",
        ),
        (
            "outreach", "segment.ms", str(7 * DAY_MS),
            "may keep its records beyond their time by 7 days instead of 1 day",
        ),
        ("deliveries", "max.compaction.lag.ms", str(9 * DAY_MS), "may keep what was erased or replaced 9 days instead of 1 day"),
    ],
)  # fmt: skip
def test_who_keeps_it_otherwise_is_named_with_the_cure(topic: str, key: str, value: str, told: str) -> None:
    topics = existing()
    topics[topic] = replace(topics[topic], configs={**topics[topic].configs, key: value})

    (sentence,) = kept_otherwise(SETTINGS, topics)

    assert sentence.startswith(f"Topic {topic} {told}, as the settings say")
    assert f"--entity-name {topic} --add-config {key}=" in sentence
    assert problems_of(SETTINGS, topics) == []  # a worker runs on it


@pytest.mark.parametrize(("topic", "days"), [("outreach", 30), ("outreach-decisions", 400), ("dead-letters", 365)])
def test_what_names_people_is_gone_a_thirtieth_of_its_time_later_at_most(topic: str, days: int) -> None:
    (spec,) = [each for each in topic_plan(SETTINGS, 2) if each.name == topic]

    assert int(spec.configs["segment.ms"]) == days * DAY_MS // 30


def test_segments_that_close_sooner_are_as_good() -> None:
    topics = existing()
    topics["dead-letters"] = replace(
        topics["dead-letters"], configs={**topics["dead-letters"].configs, "segment.ms": str(DAY_MS)}
    )

    assert kept_otherwise(SETTINGS, topics) == []


def test_a_compacted_topic_has_a_lag_and_not_a_time() -> None:
    topics = existing()
    topics["period-metrics"] = replace(
        topics["period-metrics"], configs={**topics["period-metrics"].configs, "segment.ms": str(9 * DAY_MS)}
    )

    assert kept_otherwise(SETTINGS, topics) == []


def test_inputs_are_the_shops_own() -> None:
    topics = existing()
    topics["purchases"] = replace(topics["purchases"], configs={"retention.ms": "-1", "cleanup.policy": "delete"})

    assert kept_otherwise(SETTINGS, topics) == []
