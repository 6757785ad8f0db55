"""`POST /ingest/NAME`: a webhook is answered 200 when Kafka has what it says, and never before.

Everything else has its own answer: 401 for who is not the sender, 422 with the code and the sentence of a dead letter
for what can never be understood, 503 while there is no broker. What comes again counts once.

An order of a shop system that would be refused, as for a currency without a rate, is written all the same: shop systems
post a few times and no more, and the worker makes a dead letter of it, which waits for the cure. Who posts our own
form is told at once.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request, Response

from service.build_info import version
from service.config import Settings
from service.config.sections.ingest import SourceSettings
from service.delivery.signing import SignatureError
from service.errors import ErrorCode, PassedOverError, PoisonError
from service.ingest.bodies import Object
from service.ingest.earlier import Earlier
from service.ingest.metrics import IngestMetrics, Outcome
from service.ingest.newest import Newest
from service.ingest.people import PEOPLE
from service.ingest.shops import OTHER, READERS, bodies_in
from service.ingest.signatures import Check, check_of
from service.ingest.writing import Ready
from service.web.probes import add_life_and_metrics, add_readiness
from service.web.responses import answer_errors, json_answer, secure
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.framing import read_object
from service.wire.input_topics import INPUT_TOPICS, Decode
from service.wire.places import Place

log = structlog.get_logger()

_PING: Final = re.compile(rb"webhook_id=\d{1,20}")
"""What WooCommerce posts, unsigned, when a webhook is made."""
_PLAIN: Final = frozenset({"", "identity"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_TYPE: Final = Place("type")
_MOST_SUBJECTS, _LONGEST_SUBJECT = 100, 60
OLDER: Final = "older"
"""Why a post is passed over: a newer one about the same order has been taken."""
_ROWS: Final = {row.channel.name: row for row in INPUT_TOPICS}


class Writes(Protocol):
    async def write(self, events: list[Ready]) -> None:
        """Returns when they lie there. Raises KafkaError, OSError, TimeoutError."""


class Answer(NamedTuple):
    """Of one post."""

    status: int
    outcome: Outcome
    said: dict[str, object]
    events: int = 0


class Source:
    """One sender."""

    def __init__(self, said: SourceSettings, settings: Settings) -> None:
        self.name = said.path_name
        self._said = said
        self._most_bytes = settings.ingest.body_bytes
        self._newest, self._earlier = Newest(said.kind), Earlier()
        url = said.url or f"{settings.ingest.public_url or ''}/ingest/{self.name}"
        self._check: Check = check_of(said, url)
        self._read = READERS[said.kind]
        decoder = Decoder(DecoderSettings.of_ours(settings))
        decoders: dict[str, Decode] = {
            "purchases": decoder.purchase,
            "surveys": decoder.survey,
            "customers": decoder.customer,
        }
        self._judges = decoders
        self._kind = said.topic
        self._people = PEOPLE.get(said.kind)
        self._topics = {name: row.name(settings.kafka.topics) for name, row in _ROWS.items()}

    @property
    def topics(self) -> set[str]:
        """Which it writes to."""
        kinds = {self._kind} if self._people is None else {self._kind, "customers"}
        return {self._topics[kind] for kind in kinds}

    def _signed_body(self, headers: Mapping[str, str], body: bytes, now_s: float) -> bytes:
        """As it was before it was packed. A sender signs what it sends, a proxy in between may have packed it."""
        packing = headers.get("content-encoding", "").strip().lower()
        if packing in _PLAIN:
            self._check(headers, body, now_s)
            return body
        if packing not in _GZIP:
            raise PoisonError(
                ErrorCode.UNKNOWN_FORMAT, f"content-encoding {packing[:40]}: a webhook is posted plain or with gzip"
            )
        whole = _unpacked(body, self._most_bytes)
        try:
            self._check(headers, body, now_s)
        except SignatureError:
            self._check(headers, whole, now_s)
        return whole

    def is_ping(self, body: bytes) -> bool:
        return self._said.kind == "woocommerce" and _PING.fullmatch(body) is not None

    def events_of(self, headers: Mapping[str, str], body: bytes, now_s: float) -> tuple[list[Ready], list[PoisonError]]:
        """What is to be written, and what a worker will refuse of it. Raises SignatureError, PassedOverError,
        PoisonError."""
        body = self._signed_body(headers, body, now_s)
        bodies = bodies_in(self._said.kind, body)
        if len(bodies) == 1:
            return self._of_one(headers, bodies[0], now_s)
        events, refused, passed = list[Ready](), list[PoisonError](), None
        for each in bodies:
            try:
                found, bad = self._of_one(headers, each, now_s)
            except PassedOverError as error:
                passed = error
                continue
            events += found
            refused += bad
        if passed is not None and not events:
            raise passed
        return events, refused

    def _of_one(self, headers: Mapping[str, str], said: Object, now_s: float) -> tuple[list[Ready], list[PoisonError]]:
        of_people = None if self._people is None else self._people(self._said, said)
        if of_people is not None:
            return self._judged("customers", of_people, now_s)
        return self._judged(self._kind, self._told_by(headers, said), now_s)

    def _told_by(self, headers: Mapping[str, str], said: Object) -> list[Object]:
        """The events of a post that is about no customer."""
        made = self._read(self._said, headers, said)
        if self._newest.is_older(said):
            raise PassedOverError(OLDER)
        if self._said.kind == "square":
            made = self._earlier.told_apart(made)
        return made if self._said.kind == "plain" else self._earlier.completed(made, self._newest.changed_at(said))

    def _judged(self, kind: str, made: list[Object], now_s: float) -> tuple[list[Ready], list[PoisonError]]:
        events, refused = list[Ready](), list[PoisonError]()
        for event in made:
            ready = _ready(self._topics[kind], event)
            try:
                self._judges[kind](ready.value, ready.key, (), int(now_s * 1e6))
            except PoisonError as error:
                if self._said.kind == "plain":
                    raise
                refused.append(error)
            events.append(ready)
        return events, refused


def _unpacked(body: bytes, most_bytes: int) -> bytes:
    """PoisonError for what is not gzip, or would be larger than a body may be."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        whole = unpacking.decompress(body, most_bytes + 1)
    except zlib.error:
        raise PoisonError(ErrorCode.NOT_JSON, "content-encoding is gzip, and the body is not") from None
    if len(whole) > most_bytes or not unpacking.eof:
        raise PoisonError(ErrorCode.TOO_LARGE, f"unpacked it has more than {most_bytes} bytes, or it is cut off")
    return whole


def _ready(topic: str, event: Object) -> Ready:
    whose = event.get("customer_id")
    return Ready(topic, whose.encode(errors="replace") if isinstance(whose, str) else b"", msgspec.json.encode(event))


class Door:
    """All senders of a process."""

    def __init__(
        self, settings: Settings, writer: Writes, metrics: IngestMetrics, now_s: Callable[[], float] = time.time
    ) -> None:
        """Raises ConfigurationError for what a key or a format cannot be."""
        self.sources = {said.path_name: Source(said, settings) for said in settings.ingest.sources}
        self._writer = writer
        self._metrics = metrics
        self._now_s = now_s
        self._told: set[tuple[str, str]] = set()

    def _tell_once(self, source: Source, headers: Mapping[str, str], body: bytes) -> None:
        """Whoever subscribed to nothing else would wait for purchases that never come."""
        told = (source.name, _subject_of(headers, body))
        if told not in self._told and len(self._told) < _MOST_SUBJECTS:
            self._told.add(told)
            log.info(
                "posts of this kind tell of no order, and are passed over: docs/webhooks.md says what to subscribe to",
                source=told[0],
                kind=told[1],
            )

    async def post(self, source: Source, headers: Mapping[str, str], body: bytes) -> Answer:
        began_s = time.monotonic()
        answer = await self._answered(source, headers, body)
        self._metrics.posted(source.name, answer.outcome, answer.events, time.monotonic() - began_s)
        return answer

    async def _answered(self, source: Source, headers: Mapping[str, str], body: bytes) -> Answer:
        if source.is_ping(body):
            return Answer(200, Outcome.PASSED_OVER, {"taken": 0, "passed_over": "ping"})
        try:
            events, refused = source.events_of(headers, body, self._now_s())
        except SignatureError as error:
            log.warning("a webhook is refused: it is not signed as it must be", source=source.name, why=str(error))
            return Answer(401, Outcome.UNSIGNED, {"detail": f"Not taken: {error}."})
        except PassedOverError as error:
            if error.why == OTHER:
                self._tell_once(source, headers, body)
            return Answer(200, Outcome.PASSED_OVER, {"taken": 0, "passed_over": error.why})
        except PoisonError as error:
            return Answer(422, Outcome.REFUSED, _told(source, error))
        try:
            await self._writer.write(events)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning(
                "a webhook could not be written; it will be posted again",
                source=source.name,
                error=type(error).__name__,
            )
            return Answer(503, Outcome.UNAVAILABLE, {"detail": "It could not be written to Kafka: post it again."})
        said = {"taken": len(events), "passed_over": None, **(_told(source, refused[0]) if refused else {})}
        return Answer(200, Outcome.REFUSED if refused else Outcome.TAKEN, said, len(events))


def _subject_of(headers: Mapping[str, str], body: bytes) -> str:
    """What a shop system calls the kind of a post that it signs."""
    named = headers.get("x-shopify-topic") or headers.get("x-wc-webhook-topic")
    if named is None:
        kind = _TYPE.of(read_object(body)) if body[:1] == b"{" else None
        named = kind if isinstance(kind, str) else "unknown"
    return named[:_LONGEST_SUBJECT]


def _told(source: Source, error: PoisonError) -> dict[str, object]:
    log.warning("what a webhook says is refused", source=source.name, code=error.code.value)
    return {"error_code": error.code.value, "error_message": error.message}


def create_ingest_app(door: Door, metrics: IngestMetrics, missing: Callable[[], list[str]]) -> FastAPI:
    """`missing`: why the process is not ready, in words."""
    app = FastAPI(title="Churn Alert, webhooks", version=version(), docs_url=None, redoc_url=None)
    app.middleware("http")(secure)
    answer_errors(app)
    add_life_and_metrics(app, metrics.registry)

    add_readiness(app, missing, "200 when there is a broker to write to")

    @app.post("/ingest/{name}", summary="A webhook of the source of that name", tags=["events"])
    async def post(name: str, request: Request) -> Response:
        source = door.sources.get(name)
        if source is None:
            return json_answer({"detail": "There is no such source: see [[ingest.sources]]."}, 404)
        headers = {key.lower(): value for key, value in request.headers.items()}
        answer = await door.post(source, headers, await request.body())
        response = json_answer(answer.said, answer.status)
        if answer.status == 503:
            response.headers["Retry-After"] = "5"
        return response

    return app
