"""The kinds of disturbances. Each is one entry: what it may hit, for how long, how it begins and ends."""

from __future__ import annotations

import random
from typing import Final

from tests.chaos import at_rest
from tests.chaos.schedule import BROKERS, Act, Draw, Kind, What
from tests.chaos.world import HUGE_SUMS, SESSION_S, WEB_LOAD, World
from tests.support.proxy import State

WORKERS: Final = ("w1", "w2")
COMPARISON: Final = "compared"
"""No disturbance, and never drawn: what has come until now is looked at."""
COMER: Final = "w3"
"""Comes and goes, so that the group is divided anew."""
BEYOND_S: Final = SESSION_S + 2.5
"""A worker that stands still for so long has been replaced."""

CLOCKS: Final = (-86_400.0, -3_600.0, -7.0, 7.0, 3_600.0, 86_400.0)
"""Seconds by which a wall clock is off: a wrong zone, a lost day, a clock that was set."""

BROKER_CLOCKS: Final = (-1_800.0, -7.0, 7.0, 1_800.0)
"""One that is an hour behind takes no records any more: they come from too far ahead of it."""


def _worker(low_s: float, high_s: float, *strengths: float) -> Draw:
    def draw(rng: random.Random) -> What:
        return What(rng.choice(WORKERS), rng.uniform(low_s, high_s), rng.choice(strengths or (0.0,)))

    return draw


def _in_a_turn(rng: random.Random) -> What:
    """While the next turn is written; or before that, or the one after it, is begun."""
    return What(rng.choice(WORKERS), rng.uniform(0.4, 1.5), rng.choice((rng.uniform(0.01, 0.15), -1.0, -2.0)))


def _broker(low_s: float, high_s: float) -> Draw:
    def draw(rng: random.Random) -> What:
        return What(rng.choice("123"), rng.uniform(low_s, high_s))

    return draw


def _broker_clock(rng: random.Random) -> What:
    return _broker(5.0, 10.0)(rng)._replace(strength=rng.choice(BROKER_CLOCKS))


def _comer(rng: random.Random) -> What:
    return What(COMER, rng.uniform(2.0, 6.0))


def _quota(rng: random.Random) -> What:
    """Of all clients together with their answers: a turn writes some kilobytes."""
    return What(rng.choice(("producer_byte_rate", "consumer_byte_rate")), rng.uniform(3.0, 8.0), rng.choice((8e3, 4e4)))


def _page(rng: random.Random) -> What:
    return What("", rng.uniform(4.0, 10.0))


def _either(rng: random.Random) -> What:
    """Of some partition, in one of two ways."""
    return What(rng.choice("012"), 0.0, rng.choice((0.0, 1.0)))


def _partition(rng: random.Random) -> What:
    return What(rng.choice("012"), 0.0, rng.choice((at_rest.DOWN, at_rest.ASLEEP)))


def _input(*strengths: float) -> Draw:
    def draw(rng: random.Random) -> What:
        return What(rng.choice(("purchases", "surveys", "customers")), 0.0, rng.choice(strengths or (0.0,)))

    return draw


def _process(what: What) -> list[str]:
    return [f"process {what.target}"]


def _all_workers(_: What) -> list[str]:
    """Whoever else there is takes over."""
    return [f"process {name}" for name in WORKERS]


def _link(what: What) -> list[str]:
    return [f"link {what.target}"]


def _clock(what: What) -> list[str]:
    return [f"clock {what.target}"]


def _itself(what: What) -> list[str]:
    return [f"{what.target} or the page"]


def _brokers(_: What) -> list[str]:
    return [BROKERS]


def _nothing(_: What) -> list[str]:
    return []


def _slow(world: World, what: What) -> None:
    world.cluster.proxy.tell(world.cluster.links(what.target), delay_s=what.strength)


def _thin(world: World, what: What) -> None:
    world.cluster.proxy.tell(world.cluster.links(what.target), bytes_per_s=what.strength)


def _parted(state: State) -> Act:
    """From one broker where the strength names one, else from all of them."""

    def begin(world: World, what: What) -> None:
        links = world.cluster.links(what.target)
        world.cluster.proxy.tell(links if not what.strength else [links[int(what.strength) - 1]], state)

    return begin


def _healed(world: World, what: What) -> None:
    world.cluster.proxy.tell(world.cluster.links(what.target), delay_s=world.delay_s)


def _splurge(world: World, what: What) -> None:
    """By purchases or, where the strength is 1, by money that is given back."""
    world.feed.splurge(int(what.target), back=bool(what.strength))


def _all_kinds() -> list[Kind]:
    return [
        Kind("kill", _worker(0.0, 1.5), _process, World.kill_worker, World.start_worker, 3.0, 1.0, wants_work=True),
        Kind(
            "kill in a turn",
            _in_a_turn,
            _process,
            World.kill_in_a_turn,
            World.follow_the_dead,
            3.0,
            1.0,
            wants_work=True,
        ),
        Kind(
            "pause",
            _worker(BEYOND_S, BEYOND_S + 2),
            _process,
            World.pause_worker,
            World.resume_worker,
            2.0,
            1.0,
            wants_work=True,
        ),
        Kind(
            "pause in a turn",
            _worker(BEYOND_S + 1, BEYOND_S + 3),
            _all_workers,
            World.pause_in_a_turn,
            World.resume_worker,
            1.0,
            1.0,
            wants_work=True,
        ),
        Kind(
            "short pause",
            _worker(0.2, 3.0),
            _process,
            World.pause_worker,
            World.resume_worker,
            1.0,
            0.5,
            wants_work=True,
        ),
        Kind("stop in order", _worker(0.0, 2.0), _process, World.stop_worker, World.start_worker, 1.0, 1.0),
        Kind("another worker", _comer, _process, World.start_worker, World.stop_worker, 3.0, 0.5),
        Kind("leader killed", _broker(0.5, 6.0), _brokers, World.kill_broker, World.start_broker, 1.5, 6.0),
        Kind("leader paused", _broker(1.0, 12.0), _brokers, World.pause_broker, World.resume_broker, 1.5, 4.0),
        Kind(
            "leader paused for long", _broker(16.0, 24.0), _brokers, World.pause_broker, World.resume_broker, 0.3, 4.0
        ),
        Kind("broker restarted", _broker(0.5, 2.0), _brokers, World.stop_broker, World.start_broker, 0.7, 6.0),
        Kind("cut off", _worker(0.5, 10.0, 0, 1, 2, 3), _link, _parted(State.CUT), _healed, 1.5),
        Kind("packets lost", _worker(0.5, 10.0, 0, 1, 2, 3), _link, _parted(State.SILENT), _healed, 1.5),
        Kind("answers lost", _worker(0.5, 10.0, 0, 1, 2, 3), _link, _parted(State.ANSWERLESS), _healed, 1.5),
        Kind("slow network", _worker(2.0, 10.0, 0.02, 0.05, 0.1), _link, _slow, _healed, 2.0),
        Kind("thin network", _worker(2.0, 8.0, 30_000, 100_000), _link, _thin, _healed, 1.0),
        Kind("aborted transaction", lambda _: What(""), _nothing, lambda w, _: w.feed.ghost(hangs=False), None, 0.7),
        Kind("hanging transaction", lambda _: What(""), _nothing, lambda w, _: w.feed.ghost(hangs=True), None, 0.5),
        Kind("full disk", _broker(2.0, 5.0), _brokers, World.fill_disk, World.give_room, 0.7, 6.0),
        Kind("too few replicas", _broker(3.0, 9.0), _brokers, World.lack_replicas, World.have_replicas, 0.7, 6.0),
        Kind("throttled", _quota, _itself, World.throttle, World.throttle_no_more, 0.7),
        Kind("clock off", _worker(1.0, 8.0, *CLOCKS), _clock, World.set_clock, World.right_clock, 1.0),
        Kind("broker's clock off", _broker_clock, _brokers, World.set_broker_clock, World.right_broker_clock, 0.5, 6.0),
        Kind("retention", lambda _: What(""), _nothing, World.forget_what_is_applied, None, 0.7),
        Kind("compression bomb", _either, _nothing, World.drop_bomb, None, 0.7),
        Kind("header no text", _either, _nothing, World.drop_nameless_header, None, 0.7),
        Kind(HUGE_SUMS, _either, _nothing, _splurge, None, 0.3),
        Kind("topic deleted", _input(), _nothing, at_rest.delete_topic, None, 0.3, alone=True),
        Kind(
            "topic deleted unread",
            _input(at_rest.DOWN, at_rest.ASLEEP),
            _nothing,
            at_rest.delete_topic,
            None,
            0.2,
            alone=True,
        ),
        Kind("lost unread", _partition, _nothing, at_rest.lose_unread, None, 0.3, alone=True),
        Kind(COMPARISON, lambda _: What(""), _nothing, at_rest.compared, None, 0.0, alone=True),
        Kind(WEB_LOAD, _page, _itself, World.attack_page, World.attack_no_more, 0.3),
    ]


KINDS: Final = {kind.name: kind for kind in _all_kinds()}
