"""What messages bring: every decision to send one, or to withhold it for the control group, is followed until its
window is over; then it is added to the sums of its arm, and nothing is left of it with the customer.

- A following begins at the decision and lasts the attribution window. Every visit and all money within belong to it;
  the first visit is the return. The stored date closes it: nobody is scanned.
- A step of a kind is followed once at a time: a person counts once for it, however often it is decided meanwhile. With
  all kinds together a person counts once as well, from the first decision on: what a later step or another kind adds
  within the window is part of what the programme brought, and is not counted twice. The sums of a later step tell what
  it did to those who were still away when it came due, in both arms; only those of all kinds together, and of first
  steps, compare groups that chance alone has made.
- Both arms are counted as they were decided, whatever became of the message (intention to treat): one that was
  cancelled or bounced counts as sent.
- A purchase that becomes known after its window was closed, or of before the decision, changes nothing.
- Merged ids: what both have bought since each decision belongs to it, and of two followings of a step the earlier one
  goes on. Erasure closes what is open with what it has brought until then, as sums in which nobody can be found; to
  drop it would make the arm look better from which people leave in anger.

Expected of each person anyway, by what is learned at the decision (MBG/CNBD-k, learning/churn_model.py): the chance of
a visit within the window, given the silence so far, and the visits within it times what one of theirs brings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from service.domain.calendar import DAY_US, Calendar, to_date
from service.domain.changelog import pack, unpack
from service.domain.customer import Customer
from service.domain.followed import MOST_OPEN, Followed, Following
from service.domain.learning.everybody import Everybody
from service.domain.outlook import chance_of_no_visit, churn_risk, spend_of
from service.domain.policy import OutreachPolicy
from service.domain.purchase_history import Booked
from service.domain.stumbling import hold
from service.domain.uplift.sums import CHANCE_ONE, SUMMED, ArmSums

ALL: Final = ""
"""Kind and rung of the sums of all kinds together."""
Key = tuple[str, str, bool]
"""Kind, rung, whether it is the control group."""


class BroughtSums:
    """Of one partition: month of the decision → kind, rung and arm → sums. What a restart must know of what is over."""

    def __init__(self) -> None:
        self.months: dict[int, dict[Key, ArmSums]] = {}
        """Months since the year 0."""
        self._changed: set[int] = set()

    def count(self, month: int, following: Following) -> None:
        """The following, of a decision of that month, is over."""
        rows = self.months.setdefault(month, {})
        sums = rows.setdefault((following.kind, following.rung, following.control), ArmSums())
        sums.count(following.returned, following.first, following.window, following.chance, following.worth)
        self._changed.add(month)

    def take_changed(self) -> list[tuple[int, bytes]]:
        """The months that have changed since the last call, as they are stored."""
        changed = [(month, pack(fields_of(self.months[month]))) for month in sorted(self._changed)]
        self._changed.clear()
        return changed

    def restore(self, month: int, value: bytes) -> None:
        """Takes over what `take_changed` gave. Raises LaterReleaseError where there is more."""
        for row in unpack(value):
            hold(row, 4, "what messages have brought")
            hold(row[3], len(SUMMED), "an arm's sums")
        self.months[month] = rows_of(value)


def fields_of(rows: dict[Key, ArmSums]) -> list[object]:
    """Of a month, as they are stored: in an order that depends on nothing but what they are of."""
    return [[*key, rows[key].fields()] for key in sorted(rows)]


def rows_of(value: bytes) -> dict[Key, ArmSums]:
    """Back from `fields_of`, packed."""
    return {(kind, rung, control): ArmSums.of(fields) for kind, rung, control, fields in unpack(value)}


class Brought:
    """Following of one partition. Without a control group nothing is followed: there would be nothing to compare."""

    def __init__(self, policy: OutreachPolicy, everybody: Everybody, calendar: Calendar, sums: BroughtSums) -> None:
        self._follows: Final = policy.control_share > 0.0
        self._days: Final = policy.attribution_days
        self._window_us: Final = int(policy.attribution_days * DAY_US)
        self._everybody = everybody
        self._calendar = calendar
        self._sums = sums

    def decided(
        self, customer: Customer, kind: str, rung: str, at_us: int, *, control: bool, first: bool = True
    ) -> None:
        """A message to the customer goes out, or is withheld for the control group. `first`: of the occasion (a further
        step of the same absence is not). The customer's date may have changed. Who objects to profiling is not
        followed."""
        if not self._follows or customer.objects:
            return
        followed = customer.followed
        if followed is None:
            followed = customer.followed = Followed()
        chance, worth = self._expected(customer, at_us)
        for its_kind, its_rung in ((kind, rung), (ALL, ALL)):
            if its_kind == ALL and not first:
                continue
            if len(followed.open) >= MOST_OPEN or _is_open(followed, its_kind, its_rung, at_us):
                continue
            following = Following()
            following.kind, following.rung, following.control = its_kind, its_rung, control
            following.at_us, following.ends_us = at_us, at_us + self._window_us
            following.since_day = customer.last_day
            following.chance, following.worth = chance, worth
            followed.open.append(following)
        followed.settle()

    def spent(self, customer: Customer, at_us: int, day: int, minor: int, *, visit: bool) -> None:
        """Money of a followed customer: an order on that local day (`visit`), a refund (negative), a correction."""
        followed = customer.followed
        if followed is not None:
            for following in followed.open:
                following.take(at_us, day, minor, visit=visit)

    def look(self, customer: Customer, wake_us: int) -> bool:
        """A stored date has come. Returns whether a following was over."""
        followed = customer.followed
        if followed is None or followed.ends_us > wake_us:
            return False
        self._close(customer, followed, wake_us)
        return True

    def erased(self, customer: Customer) -> None:
        """What is open is closed at once."""
        followed = customer.followed
        if followed is not None:
            for following in followed.open:
                self._count(following)
            customer.followed = None

    def merged(self, old: Customer, new: Customer, booked: Iterable[Booked]) -> None:
        """`old` has become `new`. `booked`: what both have bought and got back, as far as it is kept."""
        if old.followed is not None and old.followed.open:
            if new.followed is None:
                new.followed = Followed()
            new.followed.open.extend(old.followed.open)
            old.followed.open = []
        followed = new.followed
        if followed is None:
            return
        open_: list[Following] = []
        for following in sorted(followed.open, key=lambda each: each.at_us):
            if len(open_) < MOST_OPEN and not any(_same(following, earlier) for earlier in open_):
                open_.append(following)
        followed.open = open_
        known = list(booked)
        for following in open_:
            self._recount(following, known)
        followed.settle()

    def _recount(self, following: Following, booked: Iterable[Booked]) -> None:
        """Anew from what was bought under either id."""
        again = Following.of(following.fields()[:8])
        dated = [(one, self._calendar.day_of(one.at_us)) for one in booked]
        before = [day for one, day in dated if not one.refund and one.at_us < following.at_us]
        again.since_day = max([again.since_day, *before])
        for one, day in dated:
            again.take(one.at_us, day, -one.amount if one.refund else one.amount, visit=not one.refund)
        if again.returned or not following.returned:  # else it is older than what is kept
            following.take_fields(again.fields())

    def _close(self, customer: Customer, followed: Followed, until_us: int) -> None:
        left: list[Following] = []
        for following in followed.open:
            if following.ends_us <= until_us:
                self._count(following)
            else:
                left.append(following)
        followed.open = left
        followed.settle()
        if followed.empty:
            customer.followed = None

    def _count(self, following: Following) -> None:
        decided = to_date(self._calendar.day_of(following.at_us))
        self._sums.count(12 * decided.year + decided.month - 1, following)

    def _expected(self, customer: Customer, at_us: int) -> tuple[int, int]:
        """Chance to return within the window (in parts of CHANCE_ONE), and revenue in it (minor units)."""
        if not customer.visits:
            return 0, 0
        model, days = self._everybody.learned.model, self._days
        recency = (customer.last_us - customer.first_us) / DAY_US
        age = (max(at_us, customer.last_us) - customer.first_us) / DAY_US
        alive = 1.0 - churn_risk(customer, model, at_us)
        visits = alive * model.expected_visits_if_alive(customer.visits - 1, recency, age, days)
        chance = 1.0 - chance_of_no_visit(customer, model, at_us, days)
        return round(chance * CHANCE_ONE), round(visits * spend_of(customer, model))


def _is_open(followed: Followed, kind: str, rung: str, at_us: int) -> bool:
    for following in followed.open:
        if following.kind == kind and following.rung == rung and at_us <= following.ends_us:
            return True
    return False


def _same(one: Following, earlier: Following) -> bool:
    """Whether the later decision falls into the window of the earlier one of the same step."""
    return one.kind == earlier.kind and one.rung == earlier.rung and one.at_us <= earlier.ends_us
