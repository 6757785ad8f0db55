"""A small shop, its worker and its deliverer in memory, through everything that goes wrong at once, by a seed.

The real engine decides, and the real `PartitionDelivery` of `delivery_world` sends. Both die between any two of their
steps and come back from what they had committed: the engine from its changelog, the deliverer from `deliveries`. A
deliverer may also stand still while another takes over, and go on beside it. What has been sent is held against what
was known at that moment, by a policy that the engine may have been given otherwise: so each complaint can be provoked.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import time
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from service.delivery.channel import Result
from service.delivery.memory import Memory, State
from service.domain.calendar import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Calendar, to_datetime
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge, Profile, Purchase, Survey, SurveyAnswer
from service.domain.findings import Decision, Kind, Outcome
from service.domain.occasion_policy import (
    DelightPolicy,
    FeedbackPolicy,
    FollowUpPolicy,
    MilestonePolicy,
    OccasionPolicies,
    RecoveryPolicy,
)
from service.domain.outreach.control import ControlGroup
from service.domain.policy import ConsentRule, FrequencyCap, OutreachPolicy, QuietTimes, Rung
from tests.support.delivery_world import CHANNEL, Life, World, cancelled, requested
from tests.support.engines import UNDISTURBED, WALL_TIME, Changelog, at, decisions, make_engine

ZONE: Final = "Europe/Paris"
SWITCHED_ON: Final = 70
LIVE_DAYS: Final = 60
TICK_US: Final = 8 * HOUR_US
PROGRAMME: Final = OutreachPolicy(
    rungs=(Rung("remind"), Rung("incentive", 0.3, "TEN", "win_back.incentive")),
    consent=ConsentRule.REQUIRED,
    control_share=0.25,
    frequency_caps=(FrequencyCap(1, 14), FrequencyCap(3, 90)),
    quiet=QuietTimes(time(21), time(9)),
    messages_are_sent=True,
    occasions=OccasionPolicies(
        service_recovery=RecoveryPolicy(),
        milestone=MilestonePolicy(every=5),
        delight=DelightPolicy(share=0.3, min_visits=4),
        follow_up=FollowUpPolicy(only_first=False, days_between=20.0),
        feedback_request=FeedbackPolicy(days_between=30.0),
    ),
)
_SILENCES: Final = (Kind.WIN_BACK, Kind.SECOND_VISIT)
_EVENT_CLOCK_ONE_IN: Final = 4
_TEN_YEARS_ONE_IN: Final = 40


def answer(rng: random.Random) -> Result | str:
    """A server that delivers, answers 4xx or not at all (or a webhook 500), bounces, refuses for good (410, a redirect
    to where it may not go), or takes the message and drops the line."""
    return rng.choices(
        [Result.DELIVERED, Result.RETRY, Result.BOUNCED, Result.FAILED, "lost"], weights=[12, 5, 1, 1, 0.5]
    )[0]


class Sink(list[tuple[str, str]]):
    """What the server took, with the moment."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.at_us: list[int] = []

    def append(self, taken: tuple[str, str]) -> None:
        super().append(taken)
        self.at_us.append(self._world.now_us)


class Story:
    """One seed. `run` goes through it; `complaints` are the promises that were broken, by name."""

    def __init__(
        self,
        seed: int,
        programme: OutreachPolicy = PROGRAMME,
        *,
        cancels: bool = True,
        remembers: bool = True,
        fences: bool = True,
    ) -> None:
        """`programme`: what the engine is given. `cancels`, `remembers`, `fences`: whether cancellations reach the log,
        `deliveries` outlives a deliverer, and who was replaced is refused."""
        self.rng = random.Random(seed)
        self.event_clock = seed % _EVENT_CLOCK_ONE_IN == 1
        """Only events move time: then the whole log may be read anew, with the same decisions."""
        self.years = 10 if seed % _TEN_YEARS_ONE_IN == 0 else 0
        self.programme = programme
        self._cancels, self._remembers = cancels, remembers
        self.world = World(seed, answers=answer, fences=fences)
        self.world.now_us = at(SWITCHED_ON)
        self.sink = Sink(self.world)
        self.world.sink = self.sink
        self.arrivals = sorted(self._log(), key=lambda arrival: arrival[0])
        self.engine = self._new_engine()
        self.changelog = Changelog()
        self.position = 0
        self.known = 0
        """Events of which the decisions are committed, replays included or not."""
        self.told: dict[tuple[str, Outcome], Decision] = {}
        self.stopped: set[str] = set()
        self.deaths = self.both_alive = 0
        self.complaints: Counter[str] = Counter()
        self._checked = 0

    def _new_engine(self) -> Engine:
        return make_engine(self.programme, UNDISTURBED if self.event_clock else WALL_TIME, zone=ZONE)

    # ---- what happens in the shop

    def _log(self) -> Iterable[tuple[int, Event]]:
        """Events with the moment at which they can be read first."""
        rng, end = self.rng, SWITCHED_ON + LIVE_DAYS
        stopped_at = SWITCHED_ON + rng.uniform(5, 50)
        for number in range(9):
            who, gap = f"c{number}", rng.uniform(4, 9)
            consent = rng.choices([True, False, None], weights=[8, 1, 1])[0]
            years = self.years if number < 3 else 0
            began = -365.0 * years + rng.uniform(0, 30)
            if consent is not None:
                yield at(began), Profile(f"p{who}", who, at(began), first_name=who, marketing_consent=consent)
            quiet_at, back_at = rng.uniform(60, end), end * 2.0
            if rng.random() < 0.6:
                back_at = quiet_at + rng.uniform(20, 45)
            day, visit = began + rng.uniform(0, gap), 0
            while day < end:
                if not quiet_at < day < back_at:
                    visit += 1
                    arrives = day
                    if stopped_at < day < stopped_at + 5:
                        arrives = stopped_at + 5  # the feed stood still
                    wrong = rng.random() < 0.004 and day > SWITCHED_ON
                    dated = day + 300 if wrong else day
                    yield at(arrives), Purchase(f"{who}/{visit}", who, at(dated), 1000, order_id=f"{who}-{visit}")
                    if rng.random() < 0.05:
                        low = SurveyAnswer(f"s{who}/{visit}", who, at(day + 0.3), Survey.NPS, rng.randrange(11))
                        yield at(max(arrives, day + 0.3)), low
                day += rng.gammavariate(6.0, gap / 6.0) + 0.05
            fate, moment = rng.random(), rng.uniform(SWITCHED_ON, end)
            if fate < 0.12:
                yield at(moment), Erasure(f"x{who}", who, at(moment))
            elif fate < 0.3:
                yield at(moment), Profile(f"w{who}", who, at(moment), marketing_consent=False)
            elif fate < 0.4 and number:
                yield at(moment), Merge(f"m{who}", who, at(moment), "c0")

    # ---- its life

    async def run(self) -> Story:
        replay_at = self.rng.randrange(30, 150) if self.event_clock else -1
        for tick in range(LIVE_DAYS * DAY_US // TICK_US):
            now_us = at(SWITCHED_ON) + tick * TICK_US + self.rng.randrange(HOUR_US)
            self.world.now_us = max(self.world.now_us, now_us)
            if tick == replay_at:
                self.engine, self.changelog, self.position = self._new_engine(), Changelog(), 0
            while not self._work():
                self.deaths += 1
                self.engine = self.changelog.revive(self.engine)
            await self._deliver()
        self.world.answers = lambda _rng: Result.DELIVERED
        self.world.now_us += 3_700 * SECOND_US
        await Life(self.world, None).live(60)
        self._check_sent()
        self._check_decided()
        self._check_ends()
        return self

    def _work(self) -> bool:
        """One turn of the worker; False: it died, before or after its commit."""
        now_us, upto = self.world.now_us, self.position
        while upto < len(self.arrivals) and self.arrivals[upto][0] <= now_us:
            self.engine.apply(self.arrivals[upto][1], 0 if self.event_clock else now_us)
            upto += 1
        if not self.event_clock:
            self.engine.advance(now_us, now_us - SECOND_US)
        turn = self.engine.drain(0)
        if self.rng.random() < 0.05:
            return False
        for decision in decisions(self.changelog.take(turn)):
            self._tell(decision)
        for _, event in self.arrivals[max(self.position, self.known) : upto]:
            if isinstance(event, Profile | Erasure):
                self.world.customers.append(event)
        self.position, self.known = upto, max(self.known, upto)
        return self.rng.random() >= 0.05

    def _tell(self, decision: Decision) -> None:
        self.told.setdefault((decision.decision_id, decision.outcome), decision)
        log = self.world.outreach
        if decision.outcome is Outcome.RELEASED:
            more = {"kind": decision.kind.value, "rung": decision.rung}
            rule = self.programme.consent.value
            log.append(
                requested(
                    decision.decision_id,
                    decision.customer_id,
                    expires_us=decision.expires_us,
                    consent=True if rule == "required" else None,
                    since_us=0,
                    rule=rule,
                    **more,
                )
            )
        elif decision.outcome is Outcome.CANCELLED:
            self.stopped.add(decision.decision_id)
            if self._cancels:
                log.append(cancelled(decision.decision_id, decision.customer_id, decision.reason.value))

    async def _deliver(self) -> None:
        if self.world.committed == len(self.world.outreach):
            return
        fate, step = self.rng.random(), self.rng.randrange(1, 24)
        stands_still = 0.4 <= fate < 0.75
        life = Life(self.world, step if fate < 0.4 else None, stands_still_at=step if stands_still else None)
        living = asyncio.create_task(life.live(3))
        standing = asyncio.create_task(life.stands_still.wait())
        await asyncio.wait([living, standing], return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()
        if not living.done():
            self.both_alive += 1
            life.is_replaced()
            successor = Life(self.world, None)
            taken_over = asyncio.create_task(successor.live(2))
            for _ in range(self.rng.randrange(12)):
                await asyncio.sleep(0)
            life.wake()
            await asyncio.gather(living, taken_over)
            await life.end()
            await successor.end()
            successor.is_replaced()
        elif living.result():
            await life.end()
            life.is_replaced()
        elif not self._remembers:
            self.world.deliveries.clear()
            self.world.committed = 0
        self._check_sent()

    # ---- what was promised

    def _one(self, customer_id: str) -> set[str]:
        """The ids under which the customer is known by now."""
        merged = {event.customer_id for _, event in self.arrivals[: self.known] if isinstance(event, Merge)}
        return merged | {"c0"} if customer_id == "c0" or customer_id in merged else {customer_id}

    def _check_sent(self) -> None:
        """What has been sent since the last check, against what was known before it."""
        known = [event for _, event in self.arrivals[: self.known]]
        control = ControlGroup(PROGRAMME.control_share, PROGRAMME.control_rotates, b"salt", Calendar(ZoneInfo(ZONE)))
        for index in range(self._checked, len(self.sink)):
            (request_id, who), sent_us = self.sink[index], self.sink.at_us[index]
            ids, decision = self._one(who), self.told[request_id, Outcome.RELEASED]
            words = [event for event in known if isinstance(event, Profile) and event.customer_id in ids]
            if not words or max(words, key=lambda word: word.at_us).marketing_consent is not True:
                self.complaints["consent"] += 1
            if any(isinstance(event, Erasure) and event.customer_id in ids for event in known):
                self.complaints["erased"] += 1
            if control.holds(who, decision.detected_us):
                self.complaints["control"] += 1
            since_us = decision.quiet_since_us + DAY_US
            if decision.kind in _SILENCES and any(
                isinstance(event, Purchase) and event.customer_id in ids and since_us < event.at_us <= sent_us
                for event in known
            ):
                self.complaints["back in the shop"] += 1
            if sent_us > decision.expires_us:
                self.complaints["expired"] += 1
        self._checked = len(self.sink)

    def _check_decided(self) -> None:
        zone, by_customer = ZoneInfo(ZONE), dict[str, list[Decision]]()
        for decision in self.told.values():
            if decision.outcome is Outcome.RELEASED:
                by_customer.setdefault(decision.customer_id, []).append(decision)
                if not 9 <= to_datetime(decision.decided_us).astimezone(zone).hour < 21:
                    self.complaints["night"] += 1
        for released in by_customer.values():
            released.sort(key=lambda decision: decision.decided_us)
            for before, after in pairwise(released):
                apart = after.decided_us - before.decided_us
                if after.kind is not Kind.SERVICE_RECOVERY and apart < 14 * DAY_US - MINUTE_US:
                    self.complaints["cap"] += 1

    def _check_ends(self) -> None:
        world, whole = self.world, Memory(CHANNEL, 10_000 * DAY_US)
        for key, value in world.deliveries:
            if value is not None:
                whole.take(key, value)
        taken = Counter(request_id for request_id, _ in self.sink)
        for request_id, times in taken.items():
            if times > 1 + world.window[request_id] + world.lost[request_id]:
                self.complaints["twice"] += 1
        for (request_id, outcome), decision in self.told.items():
            if outcome is not Outcome.RELEASED or taken[request_id]:
                continue
            entry = whole.get(request_id)
            gone = request_id in self.stopped or not self._may_be_told(decision.customer_id)
            late = decision.expires_us < world.now_us
            ends = {State.BOUNCED, State.FAILED} | ({State.CANCELLED} if gone else set())
            if entry is None or entry.state not in ends | ({State.EXPIRED} if late else set()):
                self.complaints["lost"] += 1

    def _may_be_told(self, customer_id: str) -> bool:
        said = [event for event in self.world.customers if event.customer_id == customer_id]
        return not any(isinstance(word, Erasure) or word.marketing_consent is False for word in said)


MUTANTS: Final[dict[str, dict[str, object]]] = {
    "consent": {"programme": replace(PROGRAMME, consent=ConsentRule.EXTERNAL)},
    "control": {"programme": replace(PROGRAMME, control_share=0.0)},
    "cap": {"programme": replace(PROGRAMME, frequency_caps=())},
    "night": {"programme": replace(PROGRAMME, quiet=QuietTimes())},
    "back in the shop": {"cancels": False},
    "twice": {"remembers": False},
    "twice, by both": {"fences": False},
}
"""Promise → how the service would have to be for it to be broken."""
