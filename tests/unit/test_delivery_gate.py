"""May it still be sent, how fast, and when again: the pure parts of delivering."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.envelope import DeliveryRecordedEvent
from service.delivery.channel import Order
from service.delivery.gate import refusal
from service.delivery.memory import Entry, Memory, State, key_of, pack, unpack
from service.delivery.pace import Backoff, Pacer
from service.delivery.requests import Cancelled, UnreadableError, read_request
from service.delivery.standings import Standings
from service.domain.calendar import DAY_US, SECOND_US
from service.domain.events import Erasure, Merge, Profile, Withdrawal
from service.errors import ConfigurationError
from tests.support.delivery_world import NOW_US, cancelled, requested


def order(**more: Any) -> Order:
    found = read_request(requested("r1", "c1", **more))
    assert isinstance(found, Order)
    return found


@pytest.mark.parametrize(
    ("asked", "cancellation", "standing", "channel", "said"),
    [
        ({}, None, None, None, None),
        ({}, "returned", None, None, ("cancelled", "returned")),
        ({"expires_us": NOW_US}, None, None, None, ("expired", "expired")),
        ({"expires_us": NOW_US + 1}, None, None, None, None),
        ({}, None, "consent_withdrawn", None, ("cancelled", "consent_withdrawn")),
        ({"consent": None}, None, None, None, ("cancelled", "consent_unknown")),
        ({"consent": False}, None, None, None, ("cancelled", "no_consent")),
        ({"consent": None, "rule": "external"}, None, None, None, None),
        ({"consent": False, "rule": "external"}, None, None, None, ("cancelled", "no_consent")),
        ({"consent": None, "rule": "external"}, None, "erased", None, ("cancelled", "erased")),
        ({}, None, None, "no_address", ("failed", "no_address")),
        ({"sample": True, "consent": None}, None, "erased", None, None),
        ({"sample": True}, "returned", None, None, ("cancelled", "returned")),
    ],
)
def test_the_last_moment(
    asked: dict[str, Any],
    cancellation: str | None,
    standing: str | None,
    channel: str | None,
    said: tuple[str, str] | None,
) -> None:
    why = refusal(order(**asked), NOW_US, cancellation, standing, channel)

    assert (None if why is None else (why.state.value, why.reason)) == said


def test_a_request_of_a_release_that_told_no_consent_is_not_sent() -> None:
    event = msgspec.json.decode(requested("r1", "c1"))
    del event["data"]["consent"], event["data"]["contact"]
    old = read_request(msgspec.json.encode(event))

    assert isinstance(old, Order)
    assert old.email is None
    assert refusal(old, NOW_US, None, None, None) == (State.CANCELLED, "consent_unknown")


@pytest.mark.parametrize(
    "value",
    [b"", b"no json", b"[]", b"null", b'{"type": "outreach.requested"}', b'{"type": "outreach.requested", "data": {}}',
     requested("r1", "c1").replace(b"2027", b"when"), b'{"type": "outreach.cancelled", "data": {"cancelled_id": 5}}'],
)  # fmt: skip
def test_what_is_none_of_ours_is_told_and_not_understood(value: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_request(value)


def test_other_types_and_tombstones_are_passed_over() -> None:
    assert read_request(None) is None
    assert read_request(b'{"type": "something.else", "data": {}}') is None
    assert read_request(cancelled("r1", "c1")) == Cancelled("r1", "returned")


DAY = DAY_US


def told(*events: Profile | Erasure | Merge | Withdrawal) -> Standings:
    standings = Standings()
    for event in events:
        standings.take(event)
    return standings


NO, YES = False, True


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([Profile("e", "c", 10, marketing_consent=NO)], "consent_withdrawn"),
        ([Profile("e", "c", 4, marketing_consent=NO)], None),  # the consent of the order is younger
        ([Profile("e", "c", 10, marketing_consent=NO), Profile("e", "c", 11, marketing_consent=YES)], None),
        (
            [Profile("e", "c", 10, marketing_consent=NO), Profile("e", "c", 10, marketing_consent=YES)],
            "consent_withdrawn",
        ),
        (
            [Profile("e", "c", 10, marketing_consent=NO), Profile("e", "c", 9, marketing_consent=YES)],
            "consent_withdrawn",
        ),
        ([Withdrawal("", "c", 10)], "consent_withdrawn"),
        ([Erasure("e", "c", 1)], "erased"),
        ([Erasure("e", "c", 1), Profile("e", "c", 20, marketing_consent=YES)], "erased"),
        ([Merge("e", "c", 10, "d"), Erasure("e", "d", 12)], "erased"),
        ([Merge("e", "c", 10, "d"), Merge("e", "d", 11, "c")], None),
        ([Profile("e", "d", 10, marketing_consent=NO)], None),
    ],
)
def test_the_newest_word_counts(events: list[Profile | Erasure | Merge | Withdrawal], said: str | None) -> None:
    assert told(*events).why_not("c", 5, "a@b.org") == said


def test_an_address_that_bounced_takes_nothing_and_another_one_does() -> None:
    standings = Standings()
    standings.bounced("c", "A@b.org", 10)

    assert standings.why_not("c", 5, "a@B.org") == "address_bounced"
    assert standings.why_not("c", 5, "new@b.org") is None
    assert standings.why_not("d", 5, "a@b.org") is None


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([Profile("e", "c", 10, bounced="A@b.org")], "address_bounced"),
        ([Profile("e", "c", 10, bounced="other@b.org")], None),
        ([Profile("e", "c", 10, bounced="")], "address_bounced"),
        ([Profile("e", "c", 10, bounced=""), Profile("f", "c", 11, email="a@b.org")], None),
        ([Profile("e", "c", 10, bounced=""), Profile("f", "c", 9, email="a@b.org")], "address_bounced"),
        ([Profile("e", "c", 10, bounced="a@b.org"), Profile("f", "c", 11, bounces_lifted=True)], None),
        ([Profile("e", "c", 10, bounced="a@b.org"), Profile("f", "c", 9, bounces_lifted=True)], "address_bounced"),
    ],
)
def test_a_bounce_that_is_told_from_elsewhere_counts_as_well(events: list[Profile], said: str | None) -> None:
    assert told(*events).why_not("c", 5, "a@b.org") == said


def test_who_is_erased_is_told_to_those_who_remember() -> None:
    standings, heard = Standings(), list[str]()
    standings.on_erased.append(heard.append)

    standings.take(Erasure("e", "c", 1))

    assert heard == ["c"]
    assert standings.erased("c")


ENTRY = Entry(State.DELIVERED, "", NOW_US, 2, NOW_US + DAY, "c1", sample=False)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("customer_id", ["c1", None])
def test_a_record_is_what_the_schema_says_and_is_read_again(state: State, customer_id: str | None) -> None:
    entry = ENTRY._replace(state=state, reason="a_reason", customer_id=customer_id)

    value = pack("smtp", "r1", entry)

    assert unpack(value) == ("smtp", "r1", entry)
    assert DeliveryRecordedEvent.model_validate_json(value).data.state == state.value


def test_two_channels_do_not_take_each_others_word() -> None:
    mail, hook = Memory("smtp", DAY), Memory("webhook", DAY)
    for memory in (mail, hook):
        memory.take(key_of("smtp", "r1"), pack("smtp", "r1", ENTRY))
        memory.take(key_of("webhook", "r2"), pack("webhook", "r2", ENTRY))

    assert (mail.get("r1"), mail.get("r2")) == (ENTRY, None)
    assert (hook.get("r1"), hook.get("r2")) == (None, ENTRY)
    hook.take(key_of("webhook", "r2"), None)
    assert len(hook) == 0


def test_a_memory_passes_over_what_it_does_not_know() -> None:
    memory = Memory("smtp", DAY)
    for value in (b"", b"nonsense", b'{"data": {}}', b'{"data": {"channel": "smtp", "state": "of a later release"}}'):
        memory.take(b"r1", value)
    memory.take(None, None)

    assert len(memory) == 0


def test_what_a_later_release_says_of_a_message_is_not_passed_over() -> None:
    """It may have been sent, and this release would send it again."""
    later = pack("smtp", "r1", ENTRY).replace(f'"{ENTRY.state.value}"'.encode(), b'"opened"')

    with pytest.raises(ConfigurationError, match=r"says 'opened' of a message.*run the release"):
        Memory("smtp", DAY).take(b"r1", later)
    Memory("webhook", DAY).take(b"r1", later)


def test_an_entry_is_kept_until_nobody_can_ask_and_a_later_word_keeps_it_longer() -> None:
    memory = Memory("smtp", 10 * DAY)
    memory.put("r1", ENTRY)
    memory.put("r2", ENTRY._replace(expires_us=NOW_US + 30 * DAY))
    memory.put("r1", ENTRY._replace(at_us=NOW_US + 5 * DAY))

    assert memory.forgettable(NOW_US + 12 * DAY, 10) == []
    assert memory.forgettable(NOW_US + 17 * DAY, 10) == ["r1"]
    assert memory.forgettable(NOW_US + 32 * DAY, 10) == ["r2"]
    assert len(memory) == 0
    assert list(memory.customers()) == []


@pytest.mark.parametrize("per_second", [0.5, 1, 7, 100, 1_000])
def test_the_pace_is_kept_and_smooth(per_second: float) -> None:
    pacer, now_s, begun = Pacer(per_second), 100.0, list[float]()
    while now_s < 110.0:
        count = pacer.allowed(now_s, 1_000)
        pacer.begun(now_s, count)
        begun += [now_s] * count
        now_s += 0.01

    assert len(begun) <= 10 * per_second + 0.05 * per_second + 1
    assert len(begun) >= 9.5 * per_second - 1
    for start in range(10):
        assert sum(100 + start <= at < 101 + start for at in begun) <= per_second * 1.06 + 2


def test_a_rest_is_not_made_up_for() -> None:
    pacer = Pacer(10)
    pacer.begun(0.0, pacer.allowed(0.0, 1))

    assert pacer.allowed(3_600.0, 1_000) == 1


def test_without_a_limit_all_may_begin() -> None:
    assert Pacer(None).allowed(0.0, 64) == 64
    assert Pacer(None).wait_s(0.0) == 0.0


def test_pauses_double_up_to_the_longest_and_chance_shortens_them_by_half() -> None:
    backoff = Backoff(5, 3_600)

    assert [backoff.pause_s(attempts, 0.0) for attempts in (1, 2, 3, 10, 11, 10_000)] == [
        5,
        10,
        20,
        2_560,
        3_600,
        3_600,
    ]
    assert backoff.pause_s(2, 1.0) == 5
    assert SECOND_US * backoff.pause_s(1, 0.5) == 3_750_000
