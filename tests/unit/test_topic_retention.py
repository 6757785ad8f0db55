"""Topics that name people are kept for the time the settings say, and a topic that is kept otherwise is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.cluster.topic_plan import DAY_MS, topic_plan
from service.cluster.topic_problems import Existing, kept_otherwise, problems_of
from service.config import Settings

SETTINGS = Settings()


def existing(settings: Settings = SETTINGS) -> dict[str, Existing]:
    return {spec.name: Existing(spec.partitions, dict(spec.configs)) for spec in topic_plan(settings, 2)}


def test_as_created_nothing_is_said() -> None:
    assert kept_otherwise(SETTINGS, existing()) == []


def test_what_is_kept_is_what_the_settings_say() -> None:
    settings = SETTINGS.changed(
        kafka={"outreach_retention_days": 7, "compaction_lag_days": 2, "inputs_retention_days": 60}
    )
    plan = {spec.name: spec.configs for spec in topic_plan(settings, 2)}

    assert plan["outreach"]["retention.ms"] == str(7 * DAY_MS)
    for name in ("purchases", "surveys", "customers", "churn-alert-carried"):
        assert plan[name]["retention.ms"] == str(60 * DAY_MS)
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
        ("purchases", "retention.ms", "-1", "keeps its records for ever instead of 90 days"),
        ("customers", "retention.ms", str(91 * DAY_MS), "keeps its records 91 days instead of 90 days"),
        ("surveys", "segment.ms", str(30 * DAY_MS), "may keep its records beyond their time by 30 days instead of 3 days"),
        ("churn-alert-carried", "retention.ms", str(DAY_MS), "keeps its records 1 day instead of 90 days"),
        (
            "customer-scores", "delete.retention.ms", str(40 * DAY_MS),
            "keeps the ids of those who were erased 40 days instead of 1 day",
        ),
    ],
)  # fmt: skip
def test_who_keeps_it_otherwise_is_named_with_the_cure(topic: str, key: str, value: str, told: str) -> None:
    topics = existing()
    topics[topic] = replace(topics[topic], configs={**topics[topic].configs, key: value})

    (sentence,) = kept_otherwise(SETTINGS, topics)

    assert sentence.startswith(f"Topic {topic} {told}, as the settings say")
    assert f"--entity-name {topic} --add-config {key}=" in sentence
    assert problems_of(SETTINGS, topics) == []  # a worker runs on it


@pytest.mark.parametrize(
    ("topic", "days"),
    [
        ("outreach", 30),
        ("outreach-decisions", 400),
        ("dead-letters", 365),
        ("purchases", 90),
        ("churn-alert-carried", 90),
    ],
)
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


@pytest.mark.parametrize(
    "configs", [{"retention.ms": str(DAY_MS)}, {"retention.ms": str(7 * DAY_MS), "segment.ms": str(7 * DAY_MS)}, {}]
)
def test_an_input_that_the_shop_keeps_shorter_or_as_its_broker_does_is_its_own_affair(configs: dict[str, str]) -> None:
    topics = existing()
    topics["purchases"] = replace(topics["purchases"], configs={"cleanup.policy": "delete", **configs})

    assert kept_otherwise(SETTINGS, topics) == []


def test_every_topic_that_names_people_is_bounded_and_looked_at() -> None:
    """All but two: what has been counted over periods names nobody."""
    bounds = {"retention.ms", "max.compaction.lag.ms"}
    for spec in topic_plan(SETTINGS, 2):
        (bound,) = bounds & set(spec.configs) or {""}
        if spec.name in {"period-metrics", "churn-alert-ledger"}:
            assert not bound
            continue
        topics = existing()
        topics[spec.name] = replace(topics[spec.name], configs={**topics[spec.name].configs, bound: str((1 << 63) - 1)})

        assert len(kept_otherwise(SETTINGS, topics)) == 1, spec.name
