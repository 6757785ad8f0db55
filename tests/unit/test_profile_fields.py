"""A profile is its fields: good ones are taken, each bad one is a dead letter, and a deletion withdraws them all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from schemas.outputs import DeadLetter
from service.config import Settings
from service.domain.profile import ProfileState
from service.streaming.job import PartitionJob, Written

TOPIC = "customers"
SAID = {"event_id": "p1", "customer_id": "ann", "occurred_at": "2025-03-01T10:00:00Z"}
NOON_MS = 1_740_830_400_000
"""2025-03-01T12:00:00Z."""


def record(offset: int, value: bytes | None, key: bytes | None = b"ann", at_ms: int = NOON_MS) -> ConsumerRecord:
    return ConsumerRecord(TOPIC, 0, offset, at_ms, 0, key, value, None, len(key or b""), len(value or b""), ())


def profile(**fields: Any) -> bytes:
    return json.dumps({**SAID, **fields}).encode()


def written(values: Iterable[bytes | None], key: bytes | None = b"ann") -> tuple[PartitionJob, Written]:
    job = PartitionJob(Settings(time={"clock": "event"}), 0)
    source = job.sources.index(TOPIC)
    job.inbox.put(source, [record(offset, value, key) for offset, value in enumerate(values)])
    taken = job.inbox.take(lambda _: True, 1_000)
    job.apply(taken)
    turn = job.drain(len(taken))
    assert turn is not None
    assert job.positions[TOPIC] == len(taken)
    return job, turn


def known(job: PartitionJob) -> ProfileState:
    state = job.engine.customers["ann"].profile
    assert state is not None
    return state


def letters(turn: Written) -> list[DeadLetter]:
    (found,) = [records for to, records in turn.records.items() if to.topic == "dead-letters"] or [[]]
    return [DeadLetter.model_validate(json.loads(value or b"{}")) for _, value in found]


def codes(turn: Written) -> list[tuple[str, str]]:
    return [(letter.error_code, letter.error_message.split(":")[0]) for letter in letters(turn)]


def test_one_bad_zone_does_not_cost_the_consent_beside_it() -> None:
    job, turn = written([profile(timezone="Mars/Base", marketing_consent="yes", first_name="Ann", locale="fr")])

    assert codes(turn) == [("invalid_value", "timezone")]
    state = known(job)
    assert (state.timezone, state.consent, state.first_name, state.locale) == (None, True, "Ann", "fr")


def test_each_bad_field_is_a_letter_of_its_own_with_the_whole_record() -> None:
    value = profile(
        timezone=7, marketing_consent="maybe", locale="!!", first_name=["Ann"],
        contact={"email": "no address", "phone": "+33 1 23", "crm_id": 9},
    )  # fmt: skip
    job, turn = written([value])

    assert sorted(codes(turn)) == [
        ("invalid_value", "contact.email"),
        ("invalid_value", "locale"),
        ("wrong_type", "contact.crm_id"),
        ("wrong_type", "first_name"),
        ("wrong_type", "marketing_consent"),
        ("wrong_type", "timezone"),
    ]
    assert turn.dead_letters == {"invalid_value": 2, "wrong_type": 4}
    assert known(job).phone == "+33 1 23"
    assert known(job).consent is None


def test_what_every_event_needs_is_needed_here_too() -> None:
    event = {**SAID, "marketing_consent": True, "timezone": "Mars"}
    for name in SAID:
        job, turn = written([json.dumps({k: v for k, v in event.items() if k != name}).encode()])
        assert codes(turn) == [("missing_field", name)]
        assert job.engine.customers == {}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *(
            (word, True)
            for word in (True, "true", "TRUE", " Yes ", 1, "1", "granted", "opt_in", "Opt-In", "subscribed", 1.0)
        ),
        *(
            (word, False)
            for word in (False, "false", "No", 0, "0", "denied", "opt_out", "opted out", "UNSUBSCRIBED", "revoked")
        ),
    ],
)
def test_consent_is_understood_as_people_spell_it(said: object, meant: bool) -> None:
    job, turn = written([profile(marketing_consent=said)])

    assert known(job).consent is meant
    assert letters(turn) == []


@pytest.mark.parametrize("said", ["maybe", "pending", 2, -1, [True], {"email": True}, "yes!?no"])
def test_any_other_word_changes_nothing_and_is_a_letter(said: object) -> None:
    second = json.dumps({**SAID, "event_id": "p2", "occurred_at": "2025-03-02T10:00:00Z", "marketing_consent": said})
    job, turn = written([profile(marketing_consent=True), second.encode()])

    assert [name for _, name in codes(turn)] == ["marketing_consent"]
    assert known(job).consent is True


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_a_blank_field_says_nothing(blank: str | None) -> None:
    job, turn = written(
        [profile(first_name=blank, locale=blank, timezone=blank, marketing_consent=blank, contact=None)]
    )

    assert letters(turn) == []
    assert known(job).said_us > 0
    assert known(job).fields()[1:8] == (None,) * 7


def test_fields_that_look_like_ours_are_counted_by_name_and_not_read() -> None:
    job, turn = written([profile(consent=True, email="a@example.com", firstName="Ann", loyalty_level=3)])

    assert job.engine.counts.left_out == {"customers.consent": 1, "customers.email": 1, "customers.firstname": 1}
    assert known(job).consent is None
    assert letters(turn) == []


def test_a_record_without_a_value_withdraws_the_profile() -> None:
    job, turn = written([profile(first_name="Ann", contact={"email": "a@example.com"}, marketing_consent=True), None])

    state = known(job)
    assert (state.first_name, state.email, state.consent) == (None, None, None)
    assert letters(turn) == []
    assert job.engine.counts.withdrawals == 1


def test_a_deletion_of_nobody_is_a_letter_and_of_an_unknown_customer_is_nothing() -> None:
    assert codes(written([None], key=None)[1]) == [("empty_value", "the record has no value")]
    assert codes(written([b""])[1]) == [("empty_value", "the record has no value")]
    job, turn = written([None])
    assert letters(turn) == []
    assert job.engine.customers == {}


def test_a_merge_says_into_whom() -> None:
    _, turn = written(
        [profile(kind="merge"), profile(kind="merge", merged_into="ann"), profile(kind="merge", merged_into=7)]
    )

    assert [code for code, _ in codes(turn)] == ["missing_field", "invalid_value", "wrong_type"]
