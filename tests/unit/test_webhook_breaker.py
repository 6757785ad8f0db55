"""The circuit breaker: when a target is left alone, and how it is asked again."""

from __future__ import annotations

import pytest

from service.delivery.breaker import Breaker, BreakerPolicy, Circuit, Ticket

POLICY = BreakerPolicy(failures=3, first_s=10.0, longest_s=35.0)


def ticket(breaker: Breaker, now_s: float) -> Ticket:
    taken = breaker.begin(now_s)
    assert taken is not None
    return taken


def fail(breaker: Breaker, now_s: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(ticket(breaker, now_s), now_s)


def opened(now_s: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    fail(breaker, now_s, 3)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()

    assert breaker.circuit(9.9) is Circuit.OPEN
    assert breaker.begin(9.9) is None
    assert breaker.wait_s(4.0) == 6.0


def test_a_success_between_begins_the_row_anew() -> None:
    breaker = Breaker(POLICY)
    fail(breaker, 0.0, 2)
    breaker.succeeded(ticket(breaker, 0.0))
    fail(breaker, 0.0, 2)

    assert breaker.circuit(0.0) is Circuit.CLOSED


def test_after_the_pause_one_message_alone_tries() -> None:
    breaker = opened()

    assert breaker.allows(10.0)
    probe = ticket(breaker, 10.0)
    assert probe.probe
    assert breaker.circuit(10.0) is Circuit.HALF_OPEN
    assert not breaker.allows(10.0)
    assert breaker.begin(11.0) is None


def test_its_success_closes_the_circuit_and_pauses_begin_anew() -> None:
    breaker = opened()
    breaker.failed(ticket(breaker, 10.0), 10.0)
    breaker.succeeded(ticket(breaker, 30.0))

    assert breaker.circuit(30.0) is Circuit.CLOSED
    fail(breaker, 31.0, 3)
    assert breaker.wait_s(31.0) == 10.0


def test_its_failure_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now_s, pauses = opened(), 0.0, []
    for _ in range(50):
        now_s += breaker.wait_s(now_s)
        breaker.failed(ticket(breaker, now_s), now_s)
        pauses.append(breaker.wait_s(now_s))

    assert pauses[:3] == [20.0, 35.0, 35.0]
    assert set(pauses[3:]) == {35.0}


def test_answers_of_an_earlier_time_say_nothing() -> None:
    breaker = Breaker(POLICY)
    before = [ticket(breaker, 0.0) for _ in range(5)]
    for one in before[:3]:
        breaker.failed(one, 1.0)
    breaker.failed(before[3], 9.0)
    assert breaker.wait_s(9.0) == 2.0, "a late failure must not lengthen the pause"

    breaker.succeeded(before[4])
    assert breaker.circuit(9.0) is Circuit.OPEN, "a late success must not close it"


def test_a_probe_of_which_nobody_will_hear_makes_room_for_another() -> None:
    breaker = opened()
    breaker.dropped(ticket(breaker, 10.0))

    assert ticket(breaker, 10.0).probe


def test_a_ticket_that_is_dropped_in_a_closed_circuit_changes_nothing() -> None:
    breaker = Breaker(POLICY)
    breaker.dropped(ticket(breaker, 0.0))
    fail(breaker, 0.0, 2)

    assert breaker.circuit(0.0) is Circuit.CLOSED


def test_a_pause_that_the_target_asks_for_holds_in_every_state() -> None:
    closed, open_ = Breaker(POLICY), opened()
    closed.hold(60.0)
    open_.hold(60.0)
    closed.hold(5.0)

    for breaker in (closed, open_):
        assert breaker.begin(59.0) is None
        assert breaker.wait_s(50.0) == 10.0
        assert breaker.begin(60.0) is not None


@pytest.mark.parametrize(
    "policy", [{"failures": 0}, {"first_s": 0.0}, {"first_s": 400.0}, {"longest_s": 1.0}]
)  # fmt: skip
def test_a_policy_that_cannot_work_is_refused(policy: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        BreakerPolicy(**policy)  # type: ignore[arg-type]
