"""What outreach does in a silence: a step comes due, is decided, and what has gone out is stopped when the customer is
back.

Dates are stored at the visit. After four fifths of the tolerated silence the customer is looked at once more, and the
date is set by what has been learned by then; when it comes before the customer does, the step is decided: the gates
(gates.py), then the volume (volume.py), then the moment.
"""

from __future__ import annotations

from typing import Final

from service.domain import cadence
from service.domain.calendar import DAY_US, HOUR_US, MINUTE_US, NEVER, Calendar
from service.domain.customer import Customer
from service.domain.findings import Arm, Decision, Outcome, Output, Reason
from service.domain.learning.everybody import Everybody
from service.domain.outlook import outlook_of
from service.domain.outreach import alert_value
from service.domain.outreach.brake import Brake
from service.domain.outreach.brought import Brought
from service.domain.outreach.control import ControlGroup
from service.domain.outreach.evidence import decision_of
from service.domain.outreach.frequency import Frequency
from service.domain.outreach.gates import Asked, Programme, Verdict
from service.domain.outreach.kinds import silence_kinds
from service.domain.outreach.kinds.silence import SilenceKind
from service.domain.outreach.realised import Realised
from service.domain.outreach.release import Release
from service.domain.outreach.tolerance import Tolerance
from service.domain.outreach.volume import Volume, VolumeState
from service.domain.partition_state import PartitionState
from service.domain.policy import Measure, OutreachPolicy
from service.domain.quiet_times import Quiet
from service.domain.spells import NEWEST, break_days
from service.domain.timeline import Timeline
from service.domain.written_to import with_message, with_return

_LOOKED_AT: Final = 0.8
"""Part of the tolerated silence after which a customer is looked at: a tolerance that falls by less than a fifth
meanwhile is met on its new date, one that grows always."""

_HELD_FOR_US: Final = 10 * MINUTE_US
_HELD_PART: Final = 144
"""Of the time the brake has held, the part after which it is looked at again: ten minutes of a day."""
_LOOKED_AGAIN_US: Final = 6 * HOUR_US
"""While it is not known whether the shop sells."""
_ARMS: Final = {Outcome.RELEASED: Arm.TREATED, Outcome.WITHHELD: Arm.CONTROL}


class Ladder:
    """Dates and decisions of one partition. Told, like what is learned, when a silence begins and ends."""

    def __init__(
        self,
        policy: OutreachPolicy,
        state: PartitionState,
        everybody: Everybody,
        timeline: Timeline,
        calendar: Calendar,
        outputs: list[Output],
        *,
        tells_ends: bool,
        control_key: bytes,
        brought: Brought,
    ) -> None:
        """`outputs`: where decisions are appended. `tells_ends`: whether there is a decision where a return or an
        erasure ends an alert too. `control_key`: of the hash that says who is in the control group.
        `brought`: is told of what goes out or is withheld."""
        self._policy = policy
        self._everybody = everybody
        self._timeline = timeline
        self._calendar = calendar
        self._tells_ends = tells_ends
        self._rungs = len(policy.rungs)
        self._messages_are_sent = policy.messages_are_sent
        self._expires_us = int(policy.expires_after_days * DAY_US)
        self._attribution_us = int(policy.attribution_days * DAY_US)
        self.realised: Realised = state.realised
        self.release = Release(policy, calendar, state.release)
        self._brought = brought
        self.programme = Programme(
            policy,
            self.release,
            ControlGroup(policy.control_share, policy.control_rotates, control_key, calendar),
            Quiet(policy.quiet, calendar.zone, timeline.sources),
            Frequency(policy),
        )
        self.brake = Brake(state.brake)
        self._gap = state.gap
        self.volume = _volume_of(policy, state)
        self.tolerance = Tolerance(policy, everybody, self.volume)
        self._kinds = silence_kinds(policy, everybody, self.tolerance)
        self._outputs = outputs

    # ---- a silence begins, moves, ends

    def silence_began(self, customer: Customer) -> None:
        """A visit: nothing of the absence before it is left, and the new one has a date, where somebody follows it."""
        customer.episode.begin(self._timeline.stalled_at(customer, customer.last_us))
        message = self._follower(customer)
        if message is None:
            return
        if message.limited:
            timeline = self._timeline
            self.brake.visited(timeline.today, timeline.now_us, timeline.stalled_us(), customer.first_us)
            self.realised.visited(customer.visits)
            if self.volume is not None:
                self.volume.visit(self._timeline.now_us, self._everybody.mu0)
        self._watch(customer, message)

    def silence_moved(self, customer: Customer) -> None:
        """The silence began earlier than was known, or the rhythm it is judged by is another one. No step that came due
        is taken back."""
        if customer.episode.untouched:
            message = self._follower(customer)
            if message is not None:
                self._watch(customer, message)

    def silence_ended(self, customer: Customer, gap: float, at_us: int, amount: int) -> None:
        """The customer came back at `at_us`, after `gap` days and for `amount`; they are as before this visit.

        The newest release is credited with the visit; every one of the absence that may still be on its way is stopped.
        A visit dated before the release, but heard of later, stops the message; the message did not bring it. What was
        deferred is dropped silently. What was withheld is told of the visit like what was released, and there is
        nothing to stop.
        """
        episode = customer.episode
        self._drop_deferred(customer)
        if episode.released_us > episode.stopped_us:
            if 0 <= at_us - episode.released_us <= self._attribution_us:
                newest = (episode.released_rung, episode.released_us)
                customer.written_to = with_return(customer.written_to, at_us)
                self._tell_end(customer, newest, Outcome.CONVERTED, Reason.RETURNED, at_us, amount)
            self._stop_releases(customer, Reason.RETURNED, at_us, self._expires_us)
        if self._everybody.is_regular(customer) and not customer.sign_us and not customer.objects:
            disturbed = self._everybody.is_disturbed(customer)
            self.realised.silence_closed(customer, gap, at_us, disturbed=disturbed, sent=self._messages_are_sent)
            if self.volume is not None and episode.due_us < NEVER and not disturbed:
                self.volume.alert_value.came_back(customer, gap, self._everybody.mu0)

    def became_regular(self, customer: Customer) -> None:
        """By visits that became known late: a nudge that waits is not for a regular."""
        customer.episode.drop()

    def consent_heard(self, customer: Customer, *, contact_gone: bool = False) -> None:
        """What the customer, or the shop for them, says may be another thing than before: what has gone out and not
        expired is stopped if they are not to be written to any more, or (`contact_gone`) cannot be. What waits is
        refused when its turn comes."""
        episode = customer.episode
        if episode.released_us <= episode.stopped_us:
            return
        reason = self.programme.consent_reason(customer)
        if reason is None:
            if not contact_gone:
                return
            reason = Reason.CONSENT_UNKNOWN
        now_us = self._timeline.now_us
        self._stop_releases(customer, reason, now_us, self._expires_us)
        episode.stop(max(now_us, episode.released_us))

    def objected(self, customer: Customer) -> None:
        """The customer objects to profiling: what waits does not go out, what has gone out and not expired is stopped,
        and nobody follows the silence any more."""
        episode, now_us = customer.episode, self._timeline.now_us
        if episode.detected_us:
            self._drop_deferred(customer)
            if episode.waiting:
                self._refuse_waiting(customer, Reason.NO_PROFILING, self._timeline.acts_at(now_us))
        if episode.released_us > episode.stopped_us:
            self._stop_releases(customer, Reason.NO_PROFILING, now_us, self._expires_us)
            episode.stop(max(now_us, episode.released_us))
        if episode.due_us < NEVER:
            episode.unwatch()

    def taken_up(self, customer: Customer) -> None:
        """The customer takes an objection to profiling back: the silence is followed again, from the step on that comes
        next in it."""
        episode, message = customer.episode, self._follower(customer)
        if message is None or not customer.visits or episode.due_us < NEVER:
            return
        if episode.untouched:
            self._watch(customer, message)
        elif episode.rung < self._rungs and not message.beyond(message.number(episode.rung)):
            episode.watch(self._next_due_us(customer, message, episode.rung, self._timeline.now_us))

    def erased(self, customer: Customer) -> None:
        """What is on its way is stopped, however long ago it went out."""
        self._drop_deferred(customer)
        self._stop_releases(customer, Reason.ERASED, self._timeline.now_us, NEVER)

    def merged(self, customer: Customer) -> None:
        """The customer and another id are one, and the silence, the rhythm and the visits are told anew. What came due
        in it, under either id, does not come due again."""
        episode, message = customer.episode, self._follower(customer)
        if message is None or customer.visits == 0:
            if not episode.detected_us:
                episode.unwatch()
        elif episode.untouched:
            self._watch(customer, message)

    def merged_away(self, customer: Customer) -> None:
        """The customer is another one, whose absence goes on: what is on its way under this id is stopped."""
        self._drop_deferred(customer)
        self._stop_releases(customer, Reason.MERGED, self._timeline.now_us, self._expires_us)

    def refresh(self, at_us: int) -> None:
        """What is learned from everybody has been refreshed."""
        if self.volume is not None:
            self.volume.refresh(at_us, self._everybody.mu0)
        self.tolerance.learn()

    # ---- dates

    def _follower(self, customer: Customer) -> SilenceKind | None:
        """The kind of message that follows the customer's silence; None: nobody does."""
        if customer.objects:
            return None
        for message in self._kinds:
            if message.follows(customer):
                return message
        return None

    def message_of(self, number: int) -> SilenceKind:
        """The kind of message whose step has that number."""
        for message in self._kinds:
            if message.owns(number):
                return message
        raise ValueError(f"no kind of message has a step {number}")

    def _watch(self, customer: Customer, message: SilenceKind) -> None:
        """When the customer is looked at for the first step: before it comes due, because by then more is learned from
        everybody.

        With events as the clock never in the past of the stream. Where the wall clock rules, a date may have passed
        before the purchases became known (a backfill): it is kept, so that its alert is treated as the late one that it
        is.
        """
        episode, timeline = customer.episode, self._timeline
        due = customer.last_us + episode.paused_us + int(_LOOKED_AT * message.days(customer, 0) * DAY_US)
        episode.watch(due if due > timeline.now_us or timeline.wall_clock else timeline.now_us + 1)

    def _tolerated_us(self, customer: Customer, message: SilenceKind, decided: int) -> int:
        """When the step after so many decided rungs comes due by what is known now."""
        days = message.days(customer, decided)
        return customer.last_us + customer.episode.paused_us + int(days * DAY_US)

    def _put_off_us(self, customer: Customer, message: SilenceKind) -> int:
        """By how much the first step comes due later for a customer who comes in spells: a day after their longest
        break, but for who has set a multiple of the usual gap. Asked only of who would be due."""
        if customer.episode.rung or not message.limited or self._policy.measure is Measure.MULTIPLE:
            return 0
        longest = break_days(customer.newest_days(NEWEST))
        return int(max(0.0, longest + 1.0 - message.days(customer, 0)) * DAY_US) if longest else 0

    def _next_due_us(self, customer: Customer, message: SilenceKind, decided: int, after_us: int) -> int:
        """When a later step comes due, the one before it having been acted on at `after_us`."""
        due = self._tolerated_us(customer, message, decided)
        return max(due, after_us + int(self.tolerance.apart_days(customer) * DAY_US))

    def _lost_us(self, customer: Customer, after_us: int) -> int:
        """When a silence without further steps counts as lost, where that is learned from."""
        if self.volume is None or not self._everybody.is_regular(customer):
            return NEVER
        days = alert_value.LOST_GAPS * cadence.usual_gap_days(customer)
        return max(after_us + 1, customer.last_us + customer.episode.paused_us + int(days * DAY_US))

    def rungs_ahead(self, customer: Customer) -> list[tuple[str, int]]:
        """Name and date of every step that is still to come if nobody comes and nothing new is learned."""
        episode, message = customer.episode, self._follower(customer)
        if message is None or episode.due_us >= NEVER or episode.rung >= self._rungs:
            return []
        decided, due_us = episode.rung, episode.due_us
        if not episode.detected_us:
            tolerated_us = self._tolerated_us(customer, message, decided) + self._put_off_us(customer, message)
            due_us = max(due_us, tolerated_us, self._unseen_until(customer, message)[0])
        number = message.number(decided)
        ahead = [(message.step(number).name, due_us)]
        while not message.last(number):
            decided += 1
            due_us = self._next_due_us(customer, message, decided, due_us)
            number = message.number(decided)
            ahead.append((message.step(number).name, due_us))
        return ahead

    def newest_release(self, customer: Customer) -> str | None:
        """Name of the newest step that went out in the present absence; None: none has."""
        episode = customer.episode
        if not episode.released_us:
            return None
        number = episode.released_rung
        return episode.name_of(number) or self.message_of(number).step(number).name

    # ---- decisions

    def look(self, customer: Customer, wake_us: int) -> bool:
        """The stored date has come. Returns whether more has changed than the next date of one who goes on waiting,
        which a restart finds again."""
        episode, stalled_us = customer.episode, self._timeline.stalled_for(customer)
        if episode.due_us > wake_us:
            return True
        if not episode.detected_us and self._timeline.beyond_own_pauses_us(customer, stalled_us - episode.stalled_us):
            episode.pause(stalled_us)
            return True
        if episode.rung < self._rungs and not episode.detected_us and self._timeline.doubtful(customer):
            episode.watch(wake_us + _LOOKED_AGAIN_US)
            return True
        message = self._follower(customer)
        if message is None:
            self._drop_switched_off(customer, wake_us)
            episode.unwatch()  # its kind has been switched off
        elif self._drop_switched_off(customer, wake_us):
            if self.message_of(episode.waiting_rung) is message:
                self._go_on(customer, message, wake_us)
            else:
                episode.drop()
                self._watch(customer, message)
        elif episode.rung >= self._rungs:
            episode.unwatch()
            if self.volume is not None and not customer.sign_us and not self._everybody.is_disturbed(customer):
                self.volume.alert_value.lost(customer, self._everybody.mu0)
        else:
            due = 0 if episode.detected_us else self._tolerated_us(customer, message, episode.rung)
            if 0 < due <= wake_us:
                due += self._put_off_us(customer, message)
            if due > wake_us:
                episode.watch(due)
                return True
            held, reason = self._unseen_until(customer, message)
            if held > wake_us:
                self._hold(customer, message, wake_us, held, reason)
            else:
                return self._step_due(customer, message, wake_us)
        return True

    def _drop_switched_off(self, customer: Customer, wake_us: int) -> bool:
        """Whether the step that waits, if one does, is none of the policy's any more, or has gone out under another
        number meanwhile; then it is over."""
        episode = customer.episode
        if not episode.detected_us or not episode.waiting:
            return False
        number, name = episode.waiting_rung, episode.waiting
        kind, message = self.message_of(number), self._follower(customer)
        if kind is message and not kind.beyond(number) and kind.step(number).name == name:
            return False
        self._drop_deferred(customer)
        self._refuse_waiting(customer, Reason.SWITCHED_OFF, self._timeline.acts_at(wake_us))
        return True

    def _refuse_waiting(self, customer: Customer, reason: Reason, acted_us: int) -> None:
        """The step that waits is decided: it does not go out."""
        episode = customer.episode
        number = episode.waiting_rung
        self._outputs.append(
            decision_of(
                customer,
                self.message_of(number),
                self._everybody.learned,
                Outcome.SUPPRESSED,
                reason,
                number=number,
                detected_us=episode.detected_us,
                decided_us=acted_us,
                expires_us=acted_us + self._expires_us,
                name=episode.waiting,
            )
        )

    def _go_on(self, customer: Customer, message: SilenceKind, wake_us: int) -> None:
        """The present step is over; the next one is awaited, if there is one."""
        episode, acted = customer.episode, self._timeline.acts_at(wake_us)
        number = message.number(episode.rung)
        if message.beyond(number) or message.last(number):
            episode.decide(self._rungs, self._lost_us(customer, acted))
        else:
            decided = episode.rung + 1
            episode.decide(decided, self._next_due_us(customer, message, decided, acted))

    def _unseen_until(self, customer: Customer, message: SilenceKind) -> tuple[int, Reason]:
        """Before when the next step of this absence does not come due, and why. 0 = nothing holds it.

        After a sign of life that is no visit it waits as long as after a visit, a usual gap at least: who buys and is
        refused is not quiet. After a hole in the log, in which a visit may have gone unseen, a usual gap.
        """
        gap_us, sign_us = self._gap.until_us, customer.sign_us
        usual_us = int(cadence.usual_gap_days(customer) * DAY_US)
        held_us, reason = 0, Reason.DUE
        if customer.last_us < gap_us:
            held_us, reason = gap_us + usual_us, Reason.GAP_IN_LOG
        if sign_us:
            tolerated_us = int(message.days(customer, customer.episode.rung) * DAY_US)
            until_us = sign_us + max(usual_us, tolerated_us)
            if until_us > held_us:
                held_us, reason = until_us, Reason.SIGN_OF_LIFE
        return held_us, reason

    def _hold(self, customer: Customer, message: SilenceKind, due_us: int, held_us: int, reason: Reason) -> None:
        """The step is looked at again when it may come due; that is on record. What had come due before a sign of life
        waits as if it had not."""
        episode = customer.episode
        detected, acted = episode.detected_us or due_us, self._timeline.acts_at(due_us)
        self._outputs.append(self._decision(customer, message, Outcome.DEFERRED, reason, detected, acted))
        if episode.detected_us and reason is Reason.SIGN_OF_LIFE:
            self._drop_deferred(customer)
            episode.drop()
        if episode.detected_us:
            episode.defer(episode.detected_us, held_us, reason.value, episode.waiting, episode.waiting_rung)
        else:
            episode.watch(held_us)

    def _decision(
        self,
        customer: Customer,
        message: SilenceKind,
        outcome: Outcome,
        reason: Reason,
        detected_us: int,
        acted_us: int,
    ) -> Decision:
        """On the step that is next."""
        return decision_of(
            customer,
            message,
            self._everybody.learned,
            outcome,
            reason,
            number=message.number(customer.episode.rung),
            detected_us=detected_us,
            decided_us=acted_us,
            expires_us=acted_us + self._expires_us,
            arm=_ARMS.get(outcome),
            zone=self.programme.zone_of(customer) if outcome is Outcome.RELEASED else None,
        )

    def _step_due(self, customer: Customer, message: SilenceKind, due_us: int) -> bool:
        """Returns whether something was decided, or the step waits for another reason than before."""
        episode = customer.episode
        deferred = episode.detected_us > 0
        detected = episode.detected_us if deferred else due_us
        acted = self._timeline.acts_at(due_us)
        number = message.number(episode.rung)
        name = message.step(number).name
        if episode.has_sent(name):  # the policy has another order of rungs than it had when this one went out
            self._drop_deferred(customer)
            self._go_on(customer, message, due_us)
            return True
        if message.limited and number == 0 and not deferred:
            self.brake.came_due(self._calendar.day_of(due_us), due_us, self._timeline.stalled_us())
        verdict = self._verdict(customer, message, detected, due_us, acted)
        if verdict.outcome is Outcome.DEFERRED and deferred and verdict.reason == episode.waits_for:
            episode.defer(detected, verdict.retry_us, episode.waits_for, name, number)
            return False
        self._outputs.append(self._decision(customer, message, verdict.outcome, verdict.reason, detected, acted))
        if not deferred:
            self.release.decided(verdict.reason)
        left_out = verdict.reason is Reason.VOLUME
        if message.limited and number == 0 and not deferred and not episode.alerted_us:
            self.realised.due(customer.visits, chosen=not left_out)
            if not left_out:
                episode.alerted(detected)
        if verdict.outcome is Outcome.DEFERRED:
            episode.defer(detected, verdict.retry_us, verdict.reason.value, name, number)
            return True
        if verdict.outcome in _ARMS and not self._policy.shadow:
            withheld = verdict.outcome is Outcome.WITHHELD
            if not withheld:
                self._intervene(customer, acted)
            first = not episode.released_us
            episode.release(number, acted, name, withheld=withheld)
            customer.written_to = with_message(customer.written_to, acted)
            self._brought.decided(customer, message.kind.value, name, acted, control=withheld, first=first)
        if left_out:
            episode.decide(self._rungs, self._lost_us(customer, acted))
        else:
            self._go_on(customer, message, due_us)
        return True

    def _intervene(self, customer: Customer, at_us: int) -> None:
        """A message is about to go out."""
        first = not self._everybody.is_disturbed(customer)
        gap = cadence.gap_days(customer.last_us + self._timeline.shut_us(customer, at_us), at_us)
        self._everybody.silence_intervened(customer, gap, at_us)
        if first and self._messages_are_sent and customer.episode.alerted_us:
            self.realised.disturbed(customer.visits)

    def _verdict(
        self, customer: Customer, message: SilenceKind, detected_us: int, due_us: int, acted_us: int
    ) -> Verdict:
        """Within a volume, and where alerts are weighed, the first rung has to be chosen, for the whole ladder; of a
        volume every message is paid for when it is decided."""
        volume = self.volume if message.limited else None
        episode = customer.episode
        deferred, first = episode.detected_us > 0, episode.rung == 0
        asked = self._asked(customer, message, detected_us, due_us, acted_us)
        refusal = self.programme.refusal(asked)
        if refusal is not None:
            if deferred:
                self._drop_deferred(customer)
            elif volume is not None and first and refusal.reason is not Reason.STALE:
                volume.not_asked()
            return refusal
        weighed = self.tolerance.patience if message.limited and first and not deferred else None
        if weighed is not None and not weighed.chosen(customer, self._silent_days(customer, message, detected_us)):
            return Verdict(Outcome.SUPPRESSED, Reason.VOLUME)
        if volume is not None and not deferred:
            if first and not volume.chosen(customer, detected_us, self._everybody.mu0):
                return Verdict(Outcome.SUPPRESSED, Reason.VOLUME)
            volume.spend()
        return self.programme.sending(asked)

    def _silent_days(self, customer: Customer, message: SilenceKind, at_us: int) -> float:
        """How long nothing has been heard of the customer: from a sign of life on, or from the end of a hole in the log
        in which a visit may have gone unseen. Without what a usual break has put the date off."""
        since_us = customer.last_us + customer.episode.paused_us
        since_us += self._put_off_us(customer, message)
        if customer.last_us < self._gap.until_us:
            since_us = max(since_us, self._gap.until_us)
        return (at_us - max(since_us, customer.sign_us)) / DAY_US

    def _asked(self, customer: Customer, message: SilenceKind, detected_us: int, due_us: int, acted_us: int) -> Asked:
        """What the programme has to know of the step that is next."""
        episode, programme = customer.episode, self.programme
        deferred = episode.detected_us > 0
        held_until_us, held_for = self._held_until_us(customer, acted_us), Reason.SURGE
        waited_until_us = max(held_until_us, self._unseen_until(customer, message)[0])
        if deferred and held_until_us <= acted_us and self._timeline.doubtful(customer):
            held_until_us, held_for = acted_us + _LOOKED_AGAIN_US, Reason.FEED_SILENT
        at_stake: int | None = None
        if programme.min_value_minor and message.step(message.number(episode.rung)).offer:
            at_stake = outlook_of(customer, self._everybody.learned.model, detected_us).value_at_risk_minor
        return Asked(
            customer,
            detected_us=detected_us,
            due_us=due_us,
            now_us=acted_us,
            waits_for=episode.waits_for if deferred else None,
            at_stake_minor=at_stake,
            held_until_us=held_until_us,
            held_for=held_for,
            waited_until_us=waited_until_us,
            arm_us=episode.alerted_us,
        )

    def _held_until_us(self, customer: Customer, at_us: int) -> int:
        """Up to when the customer is held at `at_us` because far more come due than usual; in the past if not.

        While the brake holds, it is looked at again every ten minutes, and the less often the longer it holds, once a
        day at least; when visits are back, whoever was last seen before waits for one usual gap.
        """
        if self.brake.held_us:
            tens = max(1, min(at_us - self.brake.held_us, _HELD_PART * DAY_US) // (_HELD_PART * _HELD_FOR_US))
            return (at_us // (tens * _HELD_FOR_US) + 1) * tens * _HELD_FOR_US
        lifted_us = self.brake.lifted_us
        if customer.last_us >= lifted_us:
            return 0
        return lifted_us + int(cadence.usual_gap_days(customer) * DAY_US)

    def _drop_deferred(self, customer: Customer) -> None:
        """A rung that waited for its slot, if there is one, does not go out: others may."""
        if customer.episode.detected_us and self.volume is not None and self._everybody.is_regular(customer):
            self.volume.give_back()

    def _stop_releases(self, customer: Customer, reason: Reason, at_us: int, within_us: int) -> None:
        """Cancels what was released in this absence up to `within_us` ago, the newest first."""
        episode = customer.episode
        for released in episode.releases():
            is_out = released[1] > episode.stopped_us and not episode.is_withheld(released[0])
            if is_out and at_us - released[1] <= within_us:
                self._tell_end(customer, released, Outcome.CANCELLED, reason, at_us, None)

    def _tell_end(
        self,
        customer: Customer,
        released: tuple[int, int],
        outcome: Outcome,
        reason: Reason,
        at_us: int,
        amount: int | None,
    ) -> None:
        """What became of a release (step, time)."""
        if not self._tells_ends:
            return
        number, released_us = released
        episode = customer.episode
        arm = Arm.CONTROL if episode.is_withheld(number) else Arm.TREATED
        self._outputs.append(
            decision_of(
                customer,
                self.message_of(number),
                self._everybody.learned,
                outcome,
                reason,
                number=number,
                detected_us=released_us,
                decided_us=at_us,
                expires_us=at_us + self._expires_us,
                returned_us=at_us if reason is Reason.RETURNED else None,
                revenue_minor=amount,
                told_as=episode.sent_as if released_us <= episode.sent_until_us else "",
                name=episode.name_of(number),
                arm=arm,
            )
        )


def _volume_of(policy: OutreachPolicy, state: PartitionState) -> Volume | None:
    """The limit of messages, if the policy sets one; its record is kept only then."""
    if policy.volume_per_100_visits is None and policy.volume_per_day is None:
        state.volume = None
        return None
    state.volume = state.volume or VolumeState()
    return Volume(policy.volume_per_100_visits, policy.volume_per_day, state.volume, policy.volume_for_loyal)
