"""The log of a backtest's alerts: their order, their returns, and what it keeps of a decision."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from msgspec.structs import replace

from service.backtest.alert_log import Alert, AlertLog
from service.domain.calendar import DAY_US, Calendar
from service.domain.customer import Customer
from service.domain.findings import Decision, Outcome, Reason
from service.domain.outreach.evidence import decision_of
from service.domain.outreach.kinds.second_visit import NUDGE
from service.domain.policy import OutreachPolicy, Rung
from tests.support.engines import at, make_engine, purchase

ENGINE = make_engine(OutreachPolicy(rungs=(Rung("remind"), Rung("incentive"))))


class Outputs:
    """Stands where an engine would: what it is given is collected once."""

    def __init__(self) -> None:
        self.waiting: list[Decision] = []

    def take_outputs(self) -> list[Decision]:
        taken, self.waiting = self.waiting, []
        return taken


class Story:
    def __init__(self, in_memory: int = 1 << 20) -> None:
        self.told: list[Decision] = []
        self.log = AlertLog(Calendar(ZoneInfo("UTC")), self.told.append, in_memory)
        self._engine = Outputs()

    def decide(
        self,
        name: str,
        since: float,
        detected: float,
        outcome: Outcome = Outcome.RELEASED,
        reason: Reason = Reason.DUE,
        *,
        rung: int = 0,
        returned: float | None = None,
    ) -> Decision:
        customer = Customer(name)
        customer.visits, customer.last_us, customer.last_day = 5, at(since), at(since) // DAY_US
        made = decision_of(
            customer, ENGINE.ladder.message_of(rung), ENGINE.everybody.learned, outcome, reason, number=rung,
            detected_us=at(detected), decided_us=at(detected), expires_us=at(detected + 14), returned_us=None if returned is None else at(returned),
        )  # fmt: skip
        self._engine.waiting.append(made)
        self.log.collect([self._engine])  # type: ignore[list-item]
        return made

    def comes(self, name: str, day: float, *, refund: bool = False) -> None:
        if name in self.log.open:
            self.log.seen(replace(purchase(name, day), refund=refund))


def test_an_alert_is_kept_as_it_was_decided_with_the_return() -> None:
    story = Story()
    made = story.decide("a", 10.5, 30)

    assert [*story.log] == [Alert(made, None)]
    story.comes("a", 10.9)  # later on the day that the silence began with
    story.comes("a", 40.5, refund=True)
    assert [*story.log] == [Alert(made, None)]
    story.comes("a", 41.5)
    story.comes("a", 50.5)

    assert [*story.log] == [Alert(made, at(41.5))]
    assert story.log.open == {}


def test_every_rung_of_an_absence_is_closed_by_one_return_and_the_first_is_told_apart() -> None:
    story = Story()
    first, second = story.decide("a", 10, 30), story.decide("a", 10, 40, rung=1)
    story.comes("a", 50)
    third = story.decide("a", 50, 70)

    assert [*story.log] == [Alert(first, at(50)), Alert(second, at(50)), Alert(third, None)]
    assert [alert.decision for alert in story.log.first()] == [first, third]
    assert (len(story.log), story.log.absences) == (3, 2)


def test_alerts_come_in_order_of_detection_then_of_customers_then_of_rungs() -> None:
    story = Story()
    for name, day, rung in (("c", 30, 0), ("b", 30, 0), ("z", 20, 0), ("b", 30, 1)):
        story.decide(name, 10, day, rung=rung)

    told = [(alert.decision.customer_id, alert.decision.rung) for alert in story.log]
    assert told == [("z", "remind"), ("b", "incentive"), ("b", "remind"), ("c", "remind")]


def test_a_decision_made_anew_replaces_the_one_that_waited() -> None:
    story = Story()
    story.decide("a", 10, 30, Outcome.DEFERRED, Reason.RELEASE_RATE)
    sent = story.decide("a", 10, 30)

    assert [alert.decision for alert in story.log] == [sent]


def test_what_ends_an_alert_is_told_and_is_no_alert() -> None:
    story = Story()
    made = story.decide("a", 10, 30)
    story.decide("a", 10, 30, Outcome.CONVERTED, Reason.RETURNED, returned=33)
    story.decide("a", 10, 30, Outcome.CANCELLED, Reason.RETURNED, returned=33)

    assert [*story.log] == [Alert(made, at(33))]
    assert story.log.decided == len(story.told) == 3
    assert story.told[0] == made


def test_what_a_volume_kept_back_is_an_absence_and_no_alert() -> None:
    story = Story()
    story.decide("a", 10, 30, Outcome.SUPPRESSED, Reason.VOLUME)
    sent = story.decide("b", 10, 31)
    story.decide("n", 10, 32, rung=NUDGE)

    assert [alert.decision for alert in story.log.first()] == [sent]
    assert (story.log.absences, len(story.log)) == (2, 3)


def test_more_decisions_than_memory_has_room_for_are_read_back_from_the_disk() -> None:
    story = Story(in_memory=10_000)
    made = [story.decide(f"c{number:03}", 10, 30 + number) for number in range(300)]
    story.comes("c007", 500)

    assert [alert.decision for alert in story.log] == made
    assert [alert.returned_us for alert in story.log if alert.returned_us] == [at(500)]
