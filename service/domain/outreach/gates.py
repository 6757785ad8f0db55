"""What every message passes before it goes out, whatever its kind: decided when it comes due, and again whenever it has
waited. Pure: the customer, the policy and the time in, an outcome with its reason out.

The order of the reasons. What ends a message comes before what makes it wait, what the customer wants before what the
shop wants, and that before what the moment allows:

ends it       1 erased (nobody is left to be asked about)
              2 no_consent, consent_unknown; bounced: mail came back, and no other way to reach them is known
              3 switched_off: the policy that it waits under has no such step, or kind, any more
              4 stale: noticed too late, at switch-on or after a long outage
              5 unhappy: the customer has just said so; only service recovery writes then
              6 min_value: an offer costs more than is at stake
              7 volume: it is not worth a message (volume.py; asked when the message comes due, and never again)
              8 expired: it has waited too long. Time for which the feed was the reason is not counted
makes it wait 9 feed_silent, surge (gap_in_log and sign_of_life before the message comes due: ladder.py)
             10 cool_down: a message has just brought a visit
             11 frequency_cap, over all kinds; neither holds up an answer to one who is unhappy, which is no marketing,
                but the caps count it for what comes after
             12 quiet_day, quiet_hours, where the customer is
             13 daily_limit
             14 release_rate: overdue after an outage
             15 hourly_limit
and then     16 control: withheld, and followed as if it had gone out
             17 shadow
             18 released

The control group and the shadow mode stand at the end because they stand for the release: whoever is stopped by
anything else, or waits, does so in either group, so that the two can be compared; and a shadow shows what would have
gone out, and when (but caps count only what did). A visit voids what waits (ladder.py): silently, for nobody has heard
of it.

What waits is looked at again on the date it waits for, by the policy of that moment: a lower cap, new quiet hours, a
smaller share of messages, a shorter expiry hold for it as for any other.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.findings import Outcome, Reason
from service.domain.outreach.control import ControlGroup
from service.domain.outreach.frequency import Frequency
from service.domain.outreach.release import Release
from service.domain.outreach.unhappy import Unhappy
from service.domain.policy import ConsentRule, OutreachPolicy
from service.domain.quiet_times import Quiet


class Verdict(NamedTuple):
    outcome: Outcome
    reason: Reason
    retry_us: int = 0
    """For deferred: when to look again."""


class Asked:
    """A message that wants to go out: what the programme has to know of it."""

    def __init__(
        self,
        customer: Customer,
        *,
        detected_us: int,
        due_us: int,
        now_us: int,
        waits_for: str | None,
        at_stake_minor: int | None = None,
        held_until_us: int = 0,
        held_for: Reason = Reason.SURGE,
        waited_until_us: int = 0,
        arm_us: int = 0,
        recovers: bool = False,
        past_caps: bool = False,
        expires_us: int = 0,
    ) -> None:
        self.customer: Final = customer
        self.detected_us: Final = detected_us
        """When it came due."""
        self.due_us: Final = due_us
        """The stored date that has come: the same, or the one that it waited for."""
        self.now_us: Final = now_us
        """When that is acted on."""
        self.waits_for: Final = waits_for
        """The reason it has waited for; None: it has just come due; empty: an older release did not say."""
        self.at_stake_minor: Final = at_stake_minor
        """What an offer has to be worth it for, minor units; None: it has none to give."""
        self.held_until_us: Final = held_until_us
        """Up to when the feed holds it; in the past if it does not."""
        self.held_for: Final = held_for
        self.waited_until_us: Final = waited_until_us
        """Up to when it was held for a reason that lies in the feed: time that does not count as waiting."""
        self.arm_us: Final = arm_us or detected_us
        """The instant that says which quarter's control group counts."""
        self.recovers: Final = recovers
        """Whether it is the answer to a customer's being unhappy, which does not stop it, then."""
        self.past_caps: Final = past_caps
        """Whether neither the cool-down nor the caps hold it up, which count it all the same."""
        self.expires_us: Final = expires_us
        """How long it may wait; 0: as long as the policy says."""


class Programme:
    """Of one partition. Asked only when something is due, so what is switched off costs nothing per event."""

    def __init__(
        self, policy: OutreachPolicy, release: Release, control: ControlGroup, quiet: Quiet, frequency: Frequency
    ) -> None:
        self._required: Final = policy.consent is ConsentRule.REQUIRED
        self._shadow: Final = policy.shadow
        self._stale_us: Final = int(policy.stale_after_days * DAY_US)
        self._expires_us: Final = int(policy.expires_after_days * DAY_US)
        self.min_value_minor: Final = policy.min_value_minor
        self._release: Final = release
        self._control: Final = control
        self._quiet: Final = quiet
        self._frequency: Final = frequency
        self._unhappy: Final = Unhappy(policy.unhappy)

    def zone_of(self, customer: Customer) -> str | None:
        """By whose clock the customer lives, as an IANA name; None: nothing is known but the shop's."""
        return self._quiet.zone_name(customer)

    def consent_reason(self, customer: Customer) -> Reason | None:
        """Why the customer is not written to, as far as it is for them to say; None: they may be."""
        consent = customer.profile.consent if customer.profile is not None else None
        if consent is False:
            return Reason.NO_CONSENT
        if consent is None and self._required:
            return Reason.CONSENT_UNKNOWN
        return None

    def refusal(self, asked: Asked) -> Verdict | None:
        """Why the message does not go out at all, whatever the volume; None = it may."""
        customer, now_us = asked.customer, asked.now_us
        said = self.consent_reason(customer)
        if said is not None:
            return Verdict(Outcome.SUPPRESSED, said)
        profile = customer.profile
        if profile is not None and profile.has_bounced and not profile.reachable:
            return Verdict(Outcome.SUPPRESSED, Reason.BOUNCED)
        if asked.waits_for is None and now_us - asked.detected_us > self._stale_us:
            return Verdict(Outcome.SUPPRESSED, Reason.STALE)
        if not asked.recovers and self._unhappy.holds(customer, now_us):
            return Verdict(Outcome.SUPPRESSED, Reason.UNHAPPY)
        if asked.at_stake_minor is not None and asked.at_stake_minor < self.min_value_minor:
            return Verdict(Outcome.SUPPRESSED, Reason.MIN_VALUE)
        if asked.waits_for is not None and now_us > self._expiry_us(asked):
            return Verdict(Outcome.EXPIRED, Reason.STALE)
        return None

    def sending(self, asked: Asked) -> Verdict:
        """How what may go out does: at once, or from when on it is looked at again."""
        customer, now_us = asked.customer, asked.now_us
        if asked.held_until_us > now_us:
            return Verdict(Outcome.DEFERRED, asked.held_for, asked.held_until_us)
        if not asked.past_caps:
            cool_us = self._frequency.cool_until_us(customer)
            if cool_us > now_us:
                return self._waits(asked, Reason.COOL_DOWN, cool_us)
            capped_us = self._frequency.capped_until_us(customer, now_us)
            if capped_us > now_us:
                return self._waits(asked, Reason.FREQUENCY_CAP, capped_us)
        quiet_us, quiet = self._quiet.until_us(customer, now_us)
        overdue = self._overdue(asked)
        if quiet_us > now_us:
            return self._waits(asked, quiet, self._release.slot_us(quiet_us) if overdue else quiet_us)
        if overdue:
            return Verdict(Outcome.DEFERRED, Reason.RELEASE_RATE, self._release.slot_us(now_us))
        day_us = self._release.day_us(now_us)
        if day_us > now_us:
            return self._waits(asked, Reason.DAILY_LIMIT, day_us)
        turn_us = self._release.turn_us(now_us)
        if turn_us > now_us:
            return Verdict(Outcome.DEFERRED, Reason.HOURLY_LIMIT, turn_us)
        if self._control.holds(customer.customer_id, asked.arm_us):
            self._release.count(now_us)
            return Verdict(Outcome.WITHHELD, Reason.CONTROL)
        if self._shadow:
            return Verdict(Outcome.SUPPRESSED, Reason.SHADOW)
        self._release.count(now_us)
        return Verdict(Outcome.RELEASED, Reason.DUE)

    def _overdue(self, asked: Asked) -> bool:
        """Whether the message is late because nobody looked, and has had no slot."""
        match asked.waits_for:
            case None | Reason.SURGE | Reason.FEED_SILENT:
                return self._release.overdue(asked.now_us - asked.detected_us)
            case "" | Reason.RELEASE_RATE:
                return False
            case _:
                return self._release.overdue(asked.now_us - asked.due_us)

    def _waits(self, asked: Asked, reason: Reason, until_us: int) -> Verdict:
        """Until then, or until it expires, which is told on time."""
        return Verdict(Outcome.DEFERRED, reason, max(asked.now_us + 1, min(until_us, self._expiry_us(asked) + 1)))

    def _expiry_us(self, asked: Asked) -> int:
        return max(asked.detected_us, asked.waited_until_us) + (asked.expires_us or self._expires_us)
