"""Whose story is told: one customer of each kind, by lot, from what really happened."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from service.backtest.alert_log import Alert
from service.backtest.stories import Story, examples
from service.backtest.visit_log import VisitLog, lot
from service.domain.calendar import DAY_US, to_datetime
from service.domain.engine import Engine
from service.domain.findings import Outcome, Reason
from service.domain.outreach.evidence import decision_of
from service.domain.policy import Policy
from tests.support.engines import OPEN_HOUSE, START_US, UNDISTURBED, at, make_engine, purchase, weekly

END = 300.0


class Shop:
    """Weekly customers who begin on day 0.5, and alerts set by hand two weeks into their last silence."""

    def __init__(self) -> None:
        self.engine: Engine = make_engine()
        self.log = VisitLog(
            self.engine.calendar, Policy(timing=UNDISTURBED, outreach=OPEN_HOUSE), START_US, at(END), at(20)
        )
        self.alerts: list[Alert] = []

    def visits(self, name: str, count: int, first_day: float = 0.5) -> None:
        for event in weekly(name, count, first_day):
            if event.at_us >= self.log.begin_at_us:
                self.log.begin([self.engine])
            self.engine.apply(event)
            self.log.bought(event.customer_id, event.at_us, self.engine)

    def alert(self, name: str, back_after: float | None) -> None:
        customer = self.engine.customers[name]
        detected = customer.last_us + 14 * DAY_US
        made = decision_of(
            customer, self.engine.ladder.message_of(0), self.engine.everybody.learned, Outcome.RELEASED, Reason.DUE,
            number=0, detected_us=detected, decided_us=detected, expires_us=detected + 14 * DAY_US,
        )  # fmt: skip
        made = replace(made, evidence=replace(made.evidence, usual_gap_days=7.0))
        back = None if back_after is None else detected + int(back_after * DAY_US)
        self.alerts.append(Alert(made, back))
        if back is not None:
            event = purchase(name, (back - START_US) / DAY_US)
            self.engine.apply(event)
            self.log.bought(event.customer_id, event.at_us, self.engine)

    def told(self) -> dict[Story, str]:
        return {
            each.story: "loyal" if each.alert is None else each.alert.decision.customer_id
            for each in examples(self.log, self.alerts)
        }


def test_each_story_is_told_by_a_customer_to_whom_it_happened() -> None:
    shop = Shop()
    for name, count, back in (("gone", 10, None), ("slow", 10, 15.0), ("soon", 10, 6.9), ("few", 5, None)):
        shop.visits(name, count)
        shop.alert(name, back)
    shop.visits("stays", 40)

    assert shop.told() == {
        Story.STAYED_AWAY: "gone",
        Story.SLOW: "slow",
        Story.NEEDLESS: "soon",
        Story.NEW: "few",
        Story.LOYAL: "loyal",
    }


def test_who_came_a_few_times_stands_in_where_nobody_else_has_the_story() -> None:
    shop = Shop()
    for name, count, back in (("new, slow", 5, 15.0), ("soon", 10, 6.9), ("new, soon", 5, 6.9)):
        shop.visits(name, count)
        shop.alert(name, back)

    assert shop.told() == {Story.SLOW: "new, slow", Story.NEEDLESS: "soon"}


def test_a_return_between_one_and_two_usual_gaps_tells_neither_story() -> None:
    shop = Shop()
    shop.visits("between", 10)
    shop.alert("between", 10.0)

    assert shop.told() == {}


def test_who_is_away_only_since_shortly_before_the_end_of_the_log_is_not_called_lost() -> None:
    shop = Shop()
    shop.visits("late", 12, first_day=END - 100)
    shop.alert("late", None)

    assert shop.told() == {}


def test_of_several_the_lot_decides_and_nothing_else() -> None:
    names = [f"c{n}" for n in range(9)]
    for order in (names, names[::-1]):
        shop = Shop()
        for name in order:
            shop.visits(name, 10)
            shop.alert(name, None)

        assert shop.told() == {Story.STAYED_AWAY: min(names, key=lot)}


def test_the_drawing_holds_the_visits_before_the_silence_and_what_came_after() -> None:
    shop = Shop()
    shop.visits("slow", 12)
    shop.alert("slow", 20.0)

    (example,) = examples(shop.log, shop.alerts)

    alert = example.alert
    assert alert is not None
    quiet = alert.decision.quiet_since_us
    assert example.visits == [*(quiet - 7 * DAY_US * n for n in range(7, -1, -1)), alert.returned_us]
    assert (example.from_us, example.until_us) == (example.visits[0], example.visits[-1])
    assert (example.count, example.longest_days) == (12, 7.0)


def test_a_silence_nobody_came_back_from_is_drawn_for_five_usual_gaps() -> None:
    shop = Shop()
    shop.visits("gone", 12)
    shop.alert("gone", None)

    (example,) = examples(shop.log, shop.alerts)

    alert = example.alert
    assert alert is not None
    assert to_datetime(example.until_us) - to_datetime(alert.decision.detected_us) == timedelta(days=35)
