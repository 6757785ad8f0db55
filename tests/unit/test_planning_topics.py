"""What `topics plan` says, without a broker: reasons, copies, access, and topics that a broker wants otherwise."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from kafka import errors
from typer.testing import CliRunner

from service.cli import app
from service.cluster.topic_copies import warnings_of
from service.cluster.topic_making import NoRightToCreateError, make
from service.cluster.topic_plan import topic_plan
from service.cluster.topic_problems import Existing, problems_of
from service.cluster.topic_reasons import SPARED, purpose_of, why
from service.cluster.topic_rights import Part, Resource, commands, missing, of_part, rights
from service.config import Settings
from service.errors import ConfigurationError

THRESHOLD = {"name": "any", "number": "nps", "limit": 0}
EVERYTHING = Settings().changed(
    notices={"thresholds": [THRESHOLD]}, deliver={"unsubscribe_secret": "a secret of tests"}
)


class Broker:
    """An admin client of a broker with a policy: which settings it refuses, and whether it says of which."""

    def __init__(self, refused: Mapping[str, set[str]], *, says: bool = False, error: int = 44) -> None:
        self._refused, self._says, self._error = refused, says, error
        self.made: dict[str, dict[str, str]] = {}
        self.asked = 0

    def create_topics(self, request: Any, *, raise_errors: bool, validate_only: bool = False) -> Any:
        assert not raise_errors
        self.asked += 1
        answers = []
        for name, wanted in request.items():
            bad = [key for key, value in wanted["configs"].items() if value in self._refused.get(key, set())]
            answers.append(
                {
                    "name": name,
                    "error_code": self._error if bad else 0,
                    "error_message": f"not {bad[0]}" if bad and self._says else None,
                }
            )
            if not bad and not validate_only:
                self.made[name] = wanted["configs"]
        return {"topics": answers}


def test_of_every_topic_and_every_setting_it_is_said_why() -> None:
    for copies in (None, 1, 3):
        for spec in topic_plan(EVERYTHING, 2, copies):
            assert purpose_of(EVERYTHING.kafka, spec)
            for key in spec.configs:
                assert len(why(spec, key)) > 20, f"{spec.name} {key}"


def test_three_copies_are_asked_for_with_two_that_must_have_a_record() -> None:
    def asked(copies: int | None) -> set[str | None]:
        return {spec.configs.get("min.insync.replicas") for spec in topic_plan(EVERYTHING, 2, copies)}

    assert (asked(None), asked(1), asked(2), asked(3)) == ({None}, {None}, {None}, {"2"})


def test_what_a_broker_takes_is_made_in_one_request() -> None:
    broker, plan = Broker({}), topic_plan(EVERYTHING, 2)

    assert make(broker, plan) == []
    assert broker.asked == 1
    assert broker.made == {spec.name: dict(spec.configs) for spec in plan}


@pytest.mark.parametrize("error", [44, 40, 42])
def test_what_a_managed_kafka_refuses_is_asked_for_as_near_as_it_allows_and_said(error: int) -> None:
    """Segments of at least 50 MiB, messages of at most 8 MiB, and no word about the lag."""
    broker = Broker(
        {
            "segment.bytes": {str(16 << 20)},
            "max.message.bytes": {str(16 << 20)},
            "max.compaction.lag.ms": {str(7 * 86_400_000), str(86_400_000)},
        },
        error=error,
    )
    plan = topic_plan(EVERYTHING, 2)

    said = make(broker, plan)

    for spec in plan:
        expected = dict(spec.configs)
        if expected.get("segment.bytes") == str(16 << 20):
            expected["segment.bytes"] = str(64 << 20)
        if expected.get("max.message.bytes") == str(16 << 20):
            expected["max.message.bytes"] = str(8 << 20)
        expected.pop("max.compaction.lag.ms", None)
        assert broker.made[spec.name] == expected
    assert any("churn-alert-state was created without max.compaction.lag.ms=604800000" in one for one in said)
    assert any("period-metrics was created with segment.bytes=67108864 instead of 16777216" in one for one in said)
    assert all(SPARED[key].cost in one for one in said for key in SPARED if f"without {key}=" in one)
    existing = {spec.name: Existing(spec.partitions, broker.made[spec.name]) for spec in plan}
    assert problems_of(EVERYTHING, existing) == [], "a worker runs on them"


def test_what_every_promise_hangs_on_is_not_left_out() -> None:
    plan = topic_plan(EVERYTHING, 2)
    broker = Broker({"retention.ms": {plan[0].configs["retention.ms"]}}, says=True)

    with pytest.raises(ConfigurationError, match=r"purchases could not be created \(not retention\.ms\)"):
        make(broker, plan)
    assert not {"purchases", "surveys"} & broker.made.keys()


def test_no_right_to_create_is_an_error_of_its_own() -> None:
    with pytest.raises(NoRightToCreateError, match="purchases"):
        make(
            Broker({"cleanup.policy": {"delete"}}, error=errors.TopicAuthorizationFailedError.errno),
            topic_plan(EVERYTHING, 2),
        )


@pytest.mark.parametrize(
    ("copies", "in_sync", "brokers", "told"),
    [
        (1, "1", 1, ["single copy", "three keep them", "--replication 3"]),
        (1, "1", 3, ["single copy", "topics create --replication 3", "kafka-reassign-partitions.sh"]),
        (2, "1", 3, ["two copies"]),
        (3, "1", 3, ["min.insync.replicas 1", "--add-config min.insync.replicas=2"]),
        (3, "3", 3, ["nothing can be written while one broker is away", "--add-config min.insync.replicas=2"]),
        (3, "2", 3, []),
        (5, "2", 0, []),
        (0, "1", 0, []),
    ],
)
def test_what_the_loss_of_a_broker_would_cost(copies: int, in_sync: str, brokers: int, told: list[str]) -> None:
    existing = {name: Existing(1, {"min.insync.replicas": in_sync}, copies) for name in ("a", "b", "c")}

    said = " ".join(warnings_of(existing, brokers))

    assert all(words in said for words in told)
    assert bool(said) is bool(told)
    assert not said or "Topics a, b and c have" in said


def test_settings_that_are_not_shown_are_no_problem() -> None:
    existing = {spec.name: Existing(spec.partitions, {}, 3, configs_seen=False) for spec in topic_plan(Settings(), 2)}

    assert problems_of(Settings(), existing) == []
    assert warnings_of(existing) == []


def test_the_access_list_names_every_topic_of_the_plan_and_nothing_else() -> None:
    everything = {spec.name for spec in topic_plan(EVERYTHING, 2)}
    named = {right.name for right in rights(EVERYTHING, 2) if right.resource is Resource.TOPIC}

    assert named == everything
    for part in Part:
        assert of_part(EVERYTHING, 2, part), part


def test_the_commands_can_be_pasted_and_give_what_the_table_says() -> None:
    given = of_part(EVERYTHING, 2, Part.WORKER)
    lines = commands(given, "User:CN=worker, O=Café", "kafka:9093")
    granted = set()
    for line in lines:
        words = shlex.split(line)
        assert words[words.index("--allow-principal") + 1] == "User:CN=worker, O=Café"
        pairs = list(pairwise(words))
        for kind in Resource:
            granted |= {
                (kind.value, name, operation)
                for option, name in pairs if option == f"--{kind}"
                for flag, operation in pairs if flag == "--operation"
            }  # fmt: skip

    assert granted == {(right.resource.value, right.name, each) for right in given for each in right.operations}


def test_what_is_missing_is_held_against_what_the_broker_says() -> None:
    given = of_part(EVERYTHING, 2, Part.DELIVER)
    told = {
        (Resource.TOPIC, "deliveries"): frozenset({"Read", "Describe"}),
        (Resource.TOPIC, "outreach"): frozenset({"Read"}),
        (Resource.GROUP, "churn-alert-deliver-webhook"): frozenset[str](),
    }

    said = [one.sentence("User:deliver", "kafka:9093") for one in missing(given, told)]

    assert len(said) == 2
    assert "does not allow Write on topic deliveries" in said[0]
    assert said[0].endswith("--allow-principal User:deliver --operation Write --topic deliveries`.")
    assert "does not allow Read on group churn-alert-deliver" in said[1]


def test_without_a_broker_the_plan_is_that_of_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_ALERT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")

    done = CliRunner().invoke(app, ["topics", "plan", "--json", "--partitions", "3", "--replication", "3"])

    plan = json.loads(done.stdout)
    assert done.exit_code != 0
    assert "No Kafka broker answers at 127.0.0.1:1" in plan["not_seen"][0]
    assert {each["partitions"] for each in plan["topics"]} == {1, 3}
    assert all(
        {"key": "min.insync.replicas", "value": "2"}.items() <= each["settings"][-1].items() for each in plan["topics"]
    )
