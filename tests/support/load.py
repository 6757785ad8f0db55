"""Input for worker tests: cafés in the topics, purchases by the hundred thousand, and records nobody can understand."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer

from service.config import Settings
from service.domain.calendar import DAY_US, to_datetime, utc_text
from service.domain.events import Erasure, Event, Merge, Profile, Purchase, SurveyAnswer
from service.errors import ErrorCode
from service.feed.partitions import partition_for
from service.feed.records import key_of, value_of

START_US = 1_735_689_600_000_000
"""2025-01-01T00:00Z."""


class Line(NamedTuple):
    """A record of an input topic. `partition` is chosen from the key as every Kafka producer does."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Hostile(NamedTuple):
    """A record that can never be accepted, and the only right reason."""

    line: Line
    code: ErrorCode


def settings_for(bootstrap_servers: str, prefix: str = "", **sections: dict[str, Any]) -> Settings:
    """Event time, no consent needed, topics and group of one's own; `sections` change single keys."""
    names = (
        "purchases", "surveys", "customers", "outreach", "outreach_decisions", "customer_scores", "period_metrics", "dead_letters",
        "deliveries",
    )  # fmt: skip
    kafka = {
        "bootstrap_servers": bootstrap_servers,
        "group": f"{prefix}churn-alert",
        "topics": {name: f"{prefix}{name.replace('_', '-')}" for name in names},
        "transaction_timeout_s": 120.0,  # a machine that stands still in a turn is no test's affair
        **sections.pop("kafka", {}),
    }
    chosen: dict[str, dict[str, Any]] = {
        "kafka": kafka,
        "time": {"clock": "event"},
        "outreach": {"consent": "external", "control_share": 0},
        "shop": {"timezone": "Europe/Paris", "erasure_salt": "a secret of the tests"},
    }
    for section, keys in sections.items():
        chosen[section] = {**chosen.get(section, {}), **keys}
    return Settings(**chosen)  # type: ignore[arg-type]  # pydantic validates the plain values


def lines_of(events: Iterable[Event], settings: Settings) -> Iterator[Line]:
    """Events as their topics hold them."""
    topics = settings.kafka.topics
    for event in events:
        match event:
            case Purchase():
                topic = topics.purchases
            case SurveyAnswer():
                topic = topics.surveys
            case Profile() | Erasure() | Merge():
                topic = topics.customers
        yield Line(topic, key_of(event), value_of(event, settings.shop.minor_digits))


def many_purchases(
    topic: str, events: int, *, first: int = 0, customers: int = 1_000, per_day: int = 600, seed: int = 1
) -> Iterator[Line]:
    """Cheap to make: customers in order of time, some of whom stay away for good from the 20th day on.

    `first`: number of the first event, to go on where an earlier call with the same arguments ended.
    """
    leavers = customers // 4
    for number in range(first, first + events):
        who = random.Random(seed * 1_000_003 + number).randrange(customers)
        if who < leavers and number > 20 * per_day:
            who += leavers
        at = utc_text(START_US + number * DAY_US // per_day).encode()
        yield Line(
            topic,
            b"c%d" % who,
            b'{"event_id":"e%d","customer_id":"c%d","occurred_at":"%s","amount":"%d.50","kind":"purchase","order_id":"o%d"}'
            % (number, who, at, 1 + number % 40, number),
        )


class Feed:
    """Purchases that keep coming while processes are killed: `per_s` a second, until the context ends."""

    CHUNK = 250

    def __init__(
        self, settings: Settings, partitions: int, *, per_s: int, preloaded: int, hostile_every: int = 500
    ) -> None:
        self._settings = settings
        self._partitions = partitions
        self._per_s = per_s
        self._hostile_every = hostile_every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: BaseException | None = None
        self.sent = 0
        """Good purchases so far; among them lies one hostile record for each `hostile_every`."""
        self._next(preloaded)

    def _lines(self, count: int) -> Iterator[Line]:
        topics = self._settings.kafka.topics
        bad = (one.line for one in hostile(topics, 1_000_000, kinds=SMALL) if one.line.topic == topics.purchases)
        for number, line in enumerate(many_purchases(topics.purchases, count, first=self.sent), start=self.sent):
            yield line
            if number % self._hostile_every == 0:
                yield next(bad)

    def _next(self, count: int) -> None:
        send(self._settings.kafka.bootstrap_servers, self._lines(count), self._partitions)
        self.sent += count

    def _run(self) -> None:
        try:
            while not self._done.wait(self.CHUNK / self._per_s):
                self._next(self.CHUNK)
        except Exception as error:  # noqa: BLE001 - raised where the test can see it
            self._failure = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure


def send(
    bootstrap_servers: str, lines: Iterable[Line], partitions: int, partitioner: str | Callable[[], str] = "murmur2"
) -> int:
    """Writes all lines, as a producer that hashes so, and waits for them. Returns how many.

    `partitioner` may be asked anew for each line, as if several producers took turns.
    """
    return asyncio.run(_send(bootstrap_servers, lines, partitions, partitioner))


async def _send(servers: str, lines: Iterable[Line], partitions: int, partitioner: str | Callable[[], str]) -> int:
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=256 << 10,
        linger_ms=10,
        max_request_size=8 << 20,
    )
    await producer.start()
    sent = 0
    try:
        futures = []
        for line in lines:
            function = partitioner if isinstance(partitioner, str) else partitioner()
            number = partition_for(line.key or b"", partitions, function)
            futures.append(await producer.send(line.topic, line.value, line.key, number, headers=list(line.headers)))
            sent += 1
            if sent % 2_000 == 0:
                await asyncio.gather(*futures)
                futures.clear()
        await asyncio.gather(*futures)
    finally:
        await producer.stop()
    return sent


ALL, SMALL = 23, 21
"""Kinds of hostile records; the last two are large, so that a test moves megabytes for each."""


def hostile(topics: Any, count: int, *, kinds: int = ALL, seed: int = 1) -> Iterator[Hostile]:
    """Bytes that nobody can accept, on all input topics, each with its one reason.

    The large ones come twice at most.
    """
    rng = random.Random(seed)
    purchase = '{"event_id":"h%d","customer_id":"c1","occurred_at":"%s","amount":%s}'
    survey = '{"event_id":"h%d","customer_id":"c1","occurred_at":"%s","survey":"nps","score":%d}'
    now = to_datetime(START_US).isoformat()
    makers: list[Callable[[int], tuple[str, bytes | None, bytes | None, ErrorCode]]] = [
        lambda _: (topics.purchases, b"c1", b"\xff\xfe" + rng.randbytes(40), ErrorCode.NOT_JSON),
        lambda _: (topics.surveys, b"c1", b"not json at all", ErrorCode.NOT_JSON),
        lambda _: (topics.customers, b"c2", b"[1, 2, 3]", ErrorCode.NOT_AN_OBJECT),
        lambda _: (topics.purchases, b"c1", None, ErrorCode.EMPTY_VALUE),
        lambda n: (topics.purchases, b"c1", b'{"event_id":"h%d"}' % n, ErrorCode.MISSING_FIELD),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, "-5")).encode(), ErrorCode.NEGATIVE_AMOUNT),
        lambda n: (topics.purchases, b"c9", (purchase % (n, now, "5")).encode(), ErrorCode.KEY_MISMATCH),
        lambda n: (topics.purchases, None, (purchase % (n, now, "5")).encode(), ErrorCode.KEY_MISMATCH),
        lambda n: (topics.purchases, b"c1", (purchase % (n, "2999-01-01T00:00:00Z", "5")).encode(), ErrorCode.TIME_IN_FUTURE),
        lambda n: (topics.purchases, b"c1", (purchase % (n, "yesterday", "5")).encode(), ErrorCode.BAD_TIME),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, "NaN")).encode(), ErrorCode.NOT_JSON),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, "1e400")).encode(), ErrorCode.AMOUNT_TOO_LARGE),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, "9" * 40)).encode(), ErrorCode.AMOUNT_TOO_LARGE),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, "true")).encode(), ErrorCode.WRONG_TYPE),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, '{"x":[1]}')).encode(), ErrorCode.WRONG_TYPE),
        lambda n: (topics.purchases, b"c1", (purchase % (n, "0001-01-01T00:00:00Z", "5")).encode(), ErrorCode.TIME_TOO_OLD),
        lambda n: (topics.purchases, b"c1", (purchase % (n, "2024-02-30T00:00:00Z", "5")).encode(), ErrorCode.BAD_TIME),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, '5,"currency":"XAU"')).encode(), ErrorCode.UNKNOWN_CURRENCY),
        lambda n: (topics.purchases, b"c1", (purchase % (n, now, '5,"kind":"gift"')).encode(), ErrorCode.UNKNOWN_KIND),
        lambda n: (topics.surveys, b"c1", (survey % (n, now, 11)).encode(), ErrorCode.SCORE_OFF_SCALE),
        lambda n: (topics.surveys, b"c1", (survey % (n, now, -1)).encode(), ErrorCode.SCORE_OFF_SCALE),
        lambda _: (topics.purchases, b"c1", b"[" * 100_000, ErrorCode.TOO_DEEP),
        lambda _: (topics.purchases, b"c1", b'{"a":"' + b"x" * 2_000_000 + b'"}', ErrorCode.TOO_LARGE),
    ]  # fmt: skip
    for number in range(count):
        make = makers[number % (kinds if number < 2 * ALL else SMALL)]
        topic, key, value, code = make(number)
        yield Hostile(Line(topic, key, value), code)


def mixed(good: Iterable[Line], bad: Iterable[Hostile], seed: int = 1) -> Iterator[Line]:
    """The good ones in their order with the bad ones strewn in between."""
    rng = random.Random(seed)
    rest = iter(bad)
    for line in good:
        yield line
        if rng.random() < 0.3 and (one := next(rest, None)) is not None:
            yield one.line
    for one in rest:
        yield one.line
