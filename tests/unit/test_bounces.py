"""Mail that comes back, and who calls it spam: what the shop's mail service reports is an event on `customers`."""

from __future__ import annotations

import itertools

import pytest

from service.domain.customer import Customer
from service.domain.customer_record import restore, snapshot
from service.domain.events import Profile
from service.domain.profile import ProfileState
from tests.unit.test_profile_fields import codes, known, letters, profile, written

A, B = "ann@mail.example", "ann@other.example"


def says(at: int, email: str | None = None, *, bounced: str | None = None, lifted: bool = False) -> Profile:
    return Profile(f"e{at}", "ann", at, email=email, bounced=bounced, bounces_lifted=lifted)


def after(*events: Profile) -> ProfileState:
    state = ProfileState()
    for event in events:
        state.take(event)
    return state


def test_a_hard_bounce_suppresses_the_address_until_another_is_said() -> None:
    state = after(says(1, A), says(2, bounced=A))

    assert (state.has_bounced, state.reachable) == (True, False)
    state.take(says(3, A))
    assert state.reachable_email is None
    state.take(says(4, B))
    assert (state.has_bounced, state.reachable) == (False, True)
    assert state.reachable_email == B


def test_who_has_a_telephone_is_reached_all_the_same() -> None:
    state = after(says(1, A, bounced=A))
    state.take(Profile("p", "ann", 2, phone="+33 1 23"))

    assert (state.reachable_email, state.reachable) == (None, True)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_in_which_they_arrive_changes_nothing(order: tuple[int, ...]) -> None:
    events = [says(1, B), says(2, A), says(3, bounced="")]

    state = after(*[events[place] for place in order])

    assert state.reachable_email is None
    assert state.email == A


def test_a_bounce_of_an_address_of_before_is_none_of_the_present_one() -> None:
    assert after(says(1, A), says(3, B), says(2, bounced="")).reachable_email == B
    assert after(says(3, B), says(4, bounced=A)).reachable_email == B


def test_the_same_address_said_again_is_the_one_that_bounced() -> None:
    assert after(says(1, A), says(2, bounced=""), says(3, A)).reachable_email is None
    assert after(says(1, A), says(2, bounced=""), says(3, B)).reachable_email == B


def test_an_address_is_the_same_in_capitals() -> None:
    state = ProfileState()
    state.take(says(1, A.title()))
    state.take(says(2, bounced=A))

    assert state.reachable_email is None


def test_earlier_bounces_are_taken_back_and_later_ones_are_not() -> None:
    assert after(says(1, A), says(2, bounced=A), says(3, lifted=True)).reachable_email == A
    assert after(says(1, A), says(4, bounced=A), says(3, lifted=True)).reachable_email is None


def test_a_deleted_profile_keeps_no_address_that_bounced() -> None:
    state = after(says(1, A), says(2, bounced=A))

    state.withdraw(3)

    assert state.bounced is None
    assert A not in repr(state.fields())


def test_addresses_remembered_are_few_and_the_present_one_is_among_them() -> None:
    state = after(says(1, A), says(2, bounced=A), *[says(at, bounced=f"x{at}@mail.example") for at in range(3, 12)])

    assert state.reachable_email is None
    assert state.bounced is not None
    assert len(state.bounced) == 4


def test_it_is_known_after_a_restart_and_after_a_merge() -> None:
    customer = Customer("ann")
    customer.profile = after(says(1, A), says(2, bounced=A))

    again = restore("ann", snapshot(customer)).profile

    assert again is not None
    assert again.reachable_email is None
    other = after(says(5, A))
    other.absorb(again)
    assert other.reachable_email is None


def test_a_record_of_an_earlier_release_has_no_bounces() -> None:
    fields = after(says(1, A)).fields()

    old = ProfileState.of(fields[:-1])

    assert (old.bounced, old.times, old.reachable_email) == (None, after(says(1, A)).times, A)


@pytest.mark.parametrize(
    "said",
    [
        {"bounce": True}, {"bounce": "hard"}, {"bounce": "Permanent"}, {"bounce": {}}, {"bounce": {"type": "HARD"}},
        {"bounce": {"email": A}}, {"bounce": {"email": f" {A} ", "type": "hard_bounce"}}, {"bounce": "yes"},
    ],
)  # fmt: skip
def test_a_bounce_is_understood_as_mail_services_spell_it(said: dict[str, object]) -> None:
    job, turn = written([profile(contact={"email": A}, **said)])

    assert letters(turn) == []
    assert known(job).email == A
    assert known(job).reachable_email is None


@pytest.mark.parametrize(
    "said", [{"bounce": "soft"}, {"bounce": {"type": "transient"}}, {"bounce": None}, {"bounce": False}]
)
def test_a_soft_bounce_changes_nothing(said: dict[str, object]) -> None:
    job, turn = written([profile(contact={"email": A}, **said)])

    assert letters(turn) == []
    assert known(job).reachable_email == A


@pytest.mark.parametrize("said", [7, "returned to sender", ["hard"], {"type": "odd"}, {"email": 9}])
def test_an_unknown_word_is_a_letter_and_the_rest_is_taken(said: object) -> None:
    job, turn = written([profile(contact={"email": A}, marketing_consent=True, bounce=said)])

    assert len(letters(turn)) == 1
    assert codes(turn)[0][1].startswith("bounce")
    assert known(job).consent is True


@pytest.mark.parametrize("said", [True, "yes", 1])
def test_a_complaint_is_a_no(said: object) -> None:
    second = profile(event_id="p2", occurred_at="2025-03-02T10:00:00Z", complaint=said)
    job, turn = written([profile(marketing_consent=True), second])

    assert letters(turn) == []
    assert known(job).consent is False


def test_no_complaint_says_nothing_of_consent() -> None:
    job, _ = written([profile(marketing_consent=True, complaint=False)])

    assert known(job).consent is True
