"""What outreach does on an occasion: it is noted with its date, comes due, and is decided by the same gates as a
silence.

Noted are purchases and answers as they come in; a late or a corrected one notes nothing that was noted before, because
what identifies a message does not change (kinds/). What was noted long after its date, as when a history is read in, is
decided as stale. When a date comes, whoever asks again is the kind (is there anything left to say?), then the gates,
then the rate of the kind.

What goes out is followed beside the control group (brought.py), but it leaves what is learned of silences as it is: it
answers something the customer did, and asks nobody back who has been away.

Who is erased hears no more, and what is on its way is stopped. Of two ids that become one customer the occasions become
that customer's: what both have is one, and what went out under the other id can still be stopped under it.
"""

from __future__ import annotations

from typing import Final

from service.domain.calendar import NEVER, Calendar
from service.domain.customer import Customer
from service.domain.events import Resolved, Survey, SurveyAnswer
from service.domain.findings import About, Arm, Decision, Kind, Outcome, Output, Reason
from service.domain.learning.everybody import Everybody
from service.domain.occasion import Occasion, OwnOccasions
from service.domain.outlook import outlook_of
from service.domain.outreach.brought import Brought
from service.domain.outreach.evidence import decision_of
from service.domain.outreach.gates import Asked, Programme, Verdict
from service.domain.outreach.kinds import occasion_kinds
from service.domain.outreach.kinds.occasion import Bought, OccasionKind
from service.domain.outreach.pace import Pace
from service.domain.outreach.release import Release
from service.domain.policy import OutreachPolicy
from service.domain.timeline import Timeline
from service.domain.written_to import with_message

_ARMS: Final = {Outcome.RELEASED: Arm.TREATED, Outcome.WITHHELD: Arm.CONTROL}
_COURTESIES: Final = (Kind.MILESTONE, Kind.DELIGHT, Kind.FOLLOW_UP)
"""Of what one visit gives occasion to, the first of these is said."""


class Occasions:
    """Of one partition."""

    def __init__(
        self,
        policy: OutreachPolicy,
        everybody: Everybody,
        timeline: Timeline,
        calendar: Calendar,
        programme: Programme,
        release: Release,
        pace: Pace,
        outputs: list[Output],
        brought: Brought,
        *,
        tells_ends: bool,
        key: bytes,
    ) -> None:
        """`outputs`: where decisions are appended. `brought`: is told of what goes out or is withheld.

        `tells_ends`: whether there is a decision where something that has gone out is stopped too.

        `key`: of the hash that lots are drawn by."""
        self._everybody = everybody
        self._timeline = timeline
        self._calendar = calendar
        self._programme = programme
        self._release = release
        self._pace = pace
        self._outputs = outputs
        self._brought = brought
        self._tells_ends = tells_ends
        self._shadow = policy.shadow
        self._kinds: Final = occasion_kinds(policy, key)
        self._on: Final = [kind for kind in self._kinds if kind.is_on]
        self.is_on: Final = bool(self._on)
        """Whether any of these kinds is. Otherwise nothing is noted."""

    # ---- what gives occasion

    def bought(self, customer: Customer, at_us: int, day: int, order_id: str | None, visits_before: int) -> None:
        """A purchase on local day `day` has been taken in; the customer is as after it."""
        newest = customer.visits > visits_before and customer.last_day == day
        bought = Bought(at_us, day, order_id, visits_before, newest)
        said = False
        for kind in self._for(customer):
            courtesy = kind.kind in _COURTESIES
            if not (said and courtesy):
                occasion = kind.bought(customer, bought)
                if occasion is not None and self._note(customer, occasion):
                    said |= courtesy

    def answered(self, customer: Customer, answer: SurveyAnswer) -> None:
        """An answer that is the customer's newest to its survey."""
        for kind in self._for(customer):
            occasion = kind.answered(customer, answer)
            if occasion is not None:
                self._note(customer, occasion)

    def resolved(self, customer: Customer, event: Resolved) -> None:
        """The shop has dealt with what an answer was about: what still waits to be said of it is left unsaid."""
        for kind in self._for(customer):
            cases = [] if customer.occasions is None else customer.occasions.noted
            known = [each for each in cases if each.kind == kind.kind.value]
            case = max(known, key=lambda each: each.at_us) if known else None
            occasion = kind.resolved(customer, event, case)
            if occasion is None or any(each.step == occasion.step and each.mark == occasion.mark for each in known):
                continue
            if case is not None and not case.decided_us:
                cases.remove(case)
            elif case is not None:
                case.closed = True
            self._note(customer, occasion)

    def given_back(self, customer: Customer, order_id: str | None) -> None:
        """An order has been given back, if only in part: it is neither thanked for nor asked about."""
        own = customer.occasions
        if own is None or order_id is None:
            return
        for occasion in own.noted.copy():
            if occasion.order_id == order_id and self._kind_of(occasion).about_order(occasion):
                self._stop(customer, occasion, Reason.REFUNDED)
                own.noted.remove(occasion)
        self._settle(customer)

    def consent_heard(self, customer: Customer, *, contact_gone: bool = False) -> None:
        """What is on its way is stopped if the customer is not to be written to any more, or (`contact_gone`) cannot
        be. What waits is refused when its turn comes."""
        own = customer.occasions
        if own is None:
            return
        reason = self._programme.consent_reason(customer)
        if reason is None and contact_gone:
            reason = Reason.CONSENT_UNKNOWN
        if reason is not None:
            for occasion in own.noted:
                self._stop(customer, occasion, reason)
                occasion.sent = False

    def objected(self, customer: Customer) -> None:
        """The customer objects to profiling: of the kinds that rest on it what is on its way is stopped, and what waits
        does not go out."""
        own = customer.occasions
        if own is None:
            return
        for occasion in own.noted.copy():
            kind = self._kind_of(occasion)
            if not kind.profiles:
                continue
            if occasion.decided_us:
                self._stop(customer, occasion, Reason.NO_PROFILING)
                occasion.sent = False
                continue
            if occasion.waits_for:
                acted_us = self._timeline.acts_at(self._timeline.now_us)
                refused = self._decision(customer, kind, occasion, Outcome.SUPPRESSED, Reason.NO_PROFILING, acted_us)
                self._outputs.append(refused)
            own.noted.remove(occasion)
        self._settle(customer)

    def erased(self, customer: Customer) -> None:
        """Nothing is said any more, and what is on its way is stopped."""
        own = customer.occasions
        if own is not None:
            for occasion in own.noted:
                self._stop(customer, occasion, Reason.ERASED, within_us=NEVER)
        customer.occasions = None

    def merged(self, old: Customer, new: Customer, visits_before: int) -> None:
        """`old` has become part of `new`; `visits_before` had the one of them that had more."""
        theirs = old.occasions
        if theirs is not None:
            old.occasions = None
            for occasion in theirs.noted:
                if occasion.decided_us and not occasion.told_as:
                    occasion.told_as = old.customer_id
                self._take_over(new, occasion)
        if new.visits:
            for kind in self._for(new):
                occasion_of_both = kind.merged(new, visits_before)
                if occasion_of_both is not None:
                    self._note(new, occasion_of_both)
        self.consent_heard(new)
        self._settle(new)

    def _for(self, customer: Customer) -> list[OccasionKind]:
        """The kinds that are on, and may choose this customer."""
        return [kind for kind in self._on if not kind.profiles] if customer.objects else self._on

    def _note(self, customer: Customer, occasion: Occasion) -> bool:
        """Takes it down, unless one of its kind is. With events as the clock it is not looked at in the past."""
        own = customer.occasions
        if own is not None and any(known.kind == occasion.kind for known in own.noted if self._holds(known, occasion)):
            return False
        timeline = self._timeline
        planned_us = occasion.planned_us
        late = planned_us <= timeline.now_us and not timeline.wall_clock
        occasion.due_us = timeline.now_us + 1 if late else planned_us
        if own is None:
            own = customer.occasions = OwnOccasions()
        own.noted.append(occasion)
        timeline.schedule(customer)
        return True

    def _holds(self, known: Occasion, occasion: Occasion) -> bool:
        """Whether `known`, of the same kind, leaves no room for another: it waits, is the same, or went out too
        recently."""
        kind = self._kind_of(known)
        if (known.mark == occasion.mark and known.step == occasion.step) or (
            not known.decided_us and kind.one_at_a_time
        ):
            return True
        return (
            known.decided_us > 0
            and not known.closed
            and occasion.planned_us < known.decided_us + kind.keeps_us(known.step)
        )

    def _take_over(self, customer: Customer, occasion: Occasion) -> None:
        """The occasion of another id of the customer. Of two that wait the one that has come due already stays, of such
        the earlier; of one message under both ids what went out."""
        own = customer.occasions
        if own is None:
            own = customer.occasions = OwnOccasions()
        for known in own.noted:
            if known.kind != occasion.kind:
                continue
            same = known.mark == occasion.mark and known.step == occasion.step
            if known.decided_us and occasion.decided_us and not same:
                continue
            if not known.decided_us and not occasion.decided_us:
                if _rank(known) <= _rank(occasion):
                    return
            elif known.decided_us:
                if same or self._holds(known, occasion):
                    return
                continue
            elif not (same or self._holds(occasion, known)):
                continue
            own.noted.remove(known)
            break
        own.noted.append(occasion)

    # ---- it comes due

    def look(self, customer: Customer, wake_us: int) -> bool:
        """A stored date has come. Returns whether it was one of these."""
        own = customer.occasions
        if own is None or own.wake_us > wake_us:
            return False
        for kind in self._kinds:
            for occasion in own.noted.copy():
                if occasion.kind == kind.kind.value and occasion.due_us <= wake_us:
                    if occasion.decided_us or not kind.is_on or kind.is_void(customer, occasion):
                        own.noted.remove(occasion)
                    else:
                        self._come_due(customer, kind, occasion, wake_us)
        if not own.noted:
            customer.occasions = None
        return True

    def _come_due(self, customer: Customer, kind: OccasionKind, occasion: Occasion, wake_us: int) -> None:
        acted_us = self._timeline.acts_at(wake_us)
        deferred = bool(occasion.waits_for)
        verdict = self._verdict(customer, kind, occasion, wake_us, acted_us)
        if verdict.outcome is Outcome.DEFERRED and verdict.reason == occasion.waits_for:
            occasion.due_us = verdict.retry_us
            return
        self._outputs.append(self._decision(customer, kind, occasion, verdict.outcome, verdict.reason, acted_us))
        if not deferred:
            self._release.decided(verdict.reason)
        if verdict.outcome is Outcome.DEFERRED:
            occasion.waits_for, occasion.due_us = verdict.reason.value, verdict.retry_us
            return
        occasion.waits_for = ""
        occasion.decided_us = acted_us
        if verdict.outcome in _ARMS and not self._shadow:
            occasion.sent = verdict.outcome is Outcome.RELEASED
            customer.written_to = with_message(customer.written_to, acted_us)
            self._pace.sent(occasion.kind, acted_us)
            step = kind.step(occasion.step).name
            self._brought.decided(customer, kind.kind.value, step, acted_us, control=not occasion.sent)
            occasion.due_us = acted_us + max(kind.expires_us, kind.keeps_us(occasion.step))
        else:
            own = customer.occasions
            if own is not None:
                own.noted.remove(occasion)

    def _verdict(
        self, customer: Customer, kind: OccasionKind, occasion: Occasion, due_us: int, acted_us: int
    ) -> Verdict:
        """As of any message; before it is asked when it may go out, whether the rate of the kind leaves room."""
        waits_for = occasion.waits_for or None
        planned_us = occasion.planned_us
        asked = Asked(
            customer,
            detected_us=planned_us,
            due_us=due_us,
            now_us=acted_us,
            waits_for=waits_for,
            at_stake_minor=self._at_stake_minor(customer, kind.step(occasion.step).offer, planned_us),
            recovers=kind.kind is Kind.SERVICE_RECOVERY,
            past_caps=kind.past_caps,
            expires_us=kind.expires_us,
        )
        refusal = self._programme.refusal(asked)
        if refusal is not None:
            return refusal
        if waits_for is None and acted_us - planned_us > kind.expires_us:
            return Verdict(Outcome.SUPPRESSED, Reason.STALE)
        free_us = self._pace.free_us(occasion.kind, kind.per_day, kind.per_week, acted_us)
        if free_us > acted_us:
            if not kind.waits_its_turn:
                return Verdict(Outcome.SUPPRESSED, Reason.KIND_LIMIT)
            told_us = max(acted_us + 1, min(free_us, planned_us + kind.expires_us + 1))
            return Verdict(Outcome.DEFERRED, Reason.KIND_LIMIT, told_us)
        return self._programme.sending(asked)

    def _at_stake_minor(self, customer: Customer, offer: str, at_us: int) -> int | None:
        """What an offer on an occasion has to be worth it for: what the customer is expected to spend within a year,
        for nobody is at risk who has just come. None: there is no offer, or no least value is set."""
        if not offer or not self._programme.min_value_minor:
            return None
        if not customer.visits:
            return 0
        return outlook_of(customer, self._everybody.learned.model, at_us).expected_value_minor

    def _stop(self, customer: Customer, occasion: Occasion, reason: Reason, within_us: int = 0) -> None:
        """What has gone out and is still to be acted on is void from now on; `within_us`: however long ago it did."""
        kind, now_us = self._kind_of(occasion), self._timeline.now_us
        if occasion.sent and self._tells_ends and now_us - occasion.decided_us <= max(kind.expires_us, within_us):
            at_us = self._timeline.acts_at(now_us)
            self._outputs.append(self._decision(customer, kind, occasion, Outcome.CANCELLED, reason, at_us))

    def _decision(
        self, customer: Customer, kind: OccasionKind, occasion: Occasion, outcome: Outcome, reason: Reason, at_us: int
    ) -> Decision:
        about = About(
            mark=occasion.mark,
            at_us=occasion.at_us,
            day=self._calendar.day_of(occasion.at_us),
            order_id=occasion.order_id,
            survey=Survey(occasion.survey) if occasion.survey else None,
            step=kind.step(occasion.step).name,
            score=occasion.score if occasion.survey and kind.kind is Kind.SERVICE_RECOVERY else None,
            number=occasion.number or None,
            survey_url=kind.survey_url,
            person=kind.person,
            write_to=kind.write_to,
            note=occasion.note,
        )
        return decision_of(
            customer,
            kind,
            self._everybody.learned,
            outcome,
            reason,
            number=occasion.step,
            detected_us=occasion.planned_us,
            decided_us=at_us,
            expires_us=at_us + kind.expires_us,
            told_as=occasion.told_as,
            arm=Arm.TREATED if outcome is Outcome.CANCELLED else _ARMS.get(outcome),
            about=about,
            zone=self._programme.zone_of(customer) if outcome is Outcome.RELEASED else None,
        )

    def _kind_of(self, occasion: Occasion) -> OccasionKind:
        for kind in self._kinds:
            if kind.kind.value == occasion.kind:
                return kind
        raise ValueError(f"no kind of message is called {occasion.kind}")

    def _settle(self, customer: Customer) -> None:
        """Where nothing is left, nothing is kept."""
        own = customer.occasions
        if own is not None and not own.noted:
            customer.occasions = None
        self._timeline.schedule(customer)


def _rank(occasion: Occasion) -> tuple[bool, int, str]:
    """Of two that wait the lower stays."""
    return not occasion.waits_for, occasion.planned_us, occasion.mark
