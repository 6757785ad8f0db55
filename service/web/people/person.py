"""`/people/one`: everything that is known of one customer, why they got a message or none, and what can be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
import structlog
from aiokafka.errors import KafkaError
from fastapi import Depends, FastAPI, Request, Response
from markupsafe import Markup

from service.config import Settings
from service.domain.findings import RiskBand
from service.domain.outlook import risk_band
from service.errors import ChurnAlertError, ConfigurationError
from service.message import Renderer
from service.message import ShopFacts as NamedShop
from service.web.access import Scope
from service.web.audit import Audit
from service.web.labels import label, segment_of
from service.web.people.decisions_told import Decision, Line, answer_of, line_of
from service.web.people.frame import AnsweredInsteadError, Frame, Reader, Visitor, form_of
from service.web.people.judged_now import judged_now
from service.web.people.people import People
from service.web.people.roll import Detail, Roll, Standing, silence_days, utc
from service.web.people.rows import ONE, estimate, money, sentence_of
from service.web.people.timeline import timeline
from service.web.sessions import from_our_own_page, is_the_proof
from service.web.styles_allowed import policy_for
from service.wording.figures import bar
from service.wording.formats import DASH, Formats

_PREVIEW: Final = f"{ONE}/preview"
_NO_LINK: Final = "https://shop.example/unsubscribe"
_LONGEST_ID: Final = 1_024
_SHOWN_DAYS: Final = 60
_DONE: Final = frozenset({"do_not_contact", "forget"})
_RISK_BANDS: Final = tuple(RiskBand)
_WIDE, _HIGH = 600.0, 28.0

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(slots=True)
class Shown:
    """The page of one customer, ready to print."""

    name: str
    customer_id: str
    segment: str
    sentence: str
    answer: str
    """Why they got a message, or none, in the present silence."""
    facts: list[tuple[str, str]]
    drawing: Markup
    drawing_told: str
    decisions: list[Line]
    decisions_told: str
    """Why there are none; empty where there are."""
    health: str
    parts: list[tuple[str, Markup, str]]
    answers: list[tuple[str, str]]
    dates: list[tuple[str, str]] = field(default_factory=list)
    curve: list[tuple[str, str, str, str, bool]] = field(default_factory=list)
    """(silence, until, share of pauses that last so long, risk, whether it is today's)."""
    unknown: list[str] = field(default_factory=list)
    """What is not known here, and why."""
    preview: str = ""
    """Where the message is shown; empty: there is none."""


def add_person(app: FastAPI, settings: Settings, people: People, frame: Frame, audit: Audit) -> None:
    _add_page(app, people, frame, audit, settings.shop.minor_digits)
    _add_preview(app, settings, people, frame, audit)
    _add_actions(app, people, frame, audit)


def _add_page(app: FastAPI, people: People, frame: Frame, audit: Audit, minor_digits: int) -> None:
    who = Depends(frame.gate(Scope.PERSONS))

    @app.get(ONE, include_in_schema=False)
    async def one(request: Request, visitor: Visitor = who) -> Response:
        reader, customer_id = Reader(request), request.query_params.get("id", "")[:_LONGEST_ID]
        standing = people.roll.standing(customer_id)
        if standing is None and request.query_params.get("done") == "forget":
            say = reader.catalogue.say
            return frame.render(request, "told", visitor=visitor, title=say("person.title"), told=say("done.forget"))
        if standing is None:
            return _nobody(request, frame, visitor, people.roll)
        audit.viewed(request, visitor.holder, [customer_id])
        written = await _decisions(people, customer_id)
        detail = await people.detail(customer_id)
        shown = shown_of(
            people.roll, customer_id, standing, written, detail, reader, frame.formats(reader), minor_digits
        )
        done = request.query_params.get("done", "")
        return frame.render(
            request,
            "person",
            visitor=visitor,
            one=shown,
            done=reader.catalogue.say(f"done.{done}") if done in _DONE else "",
            may_write=visitor.may(Scope.WRITE),
            action=lambda what: reader.address(f"{ONE}/{what}"),
            looks=_looks(audit, customer_id, frame.formats(reader)) if visitor.may(Scope.WRITE) else None,
            in_log=reader.catalogue.say("person.in_log", hash=audit.hash_of(customer_id)),
        )


def _looks(audit: Audit, customer_id: str, formats: Formats) -> tuple[str, list[tuple[str, str, str]]]:
    """(since when it is known, who has looked: name, when, where and from which address), the newest first."""
    return formats.say("person.seen_since", when=formats.moment(utc(int(audit.seen.since_s)))), [
        (each.who, formats.moment(utc(int(each.at_s))), f"{each.path} · {each.client}")
        for each in audit.seen.of(audit.hash_of(customer_id))
    ]


def _nobody(request: Request, frame: Frame, visitor: Visitor, roll: Roll) -> Response:
    say = Reader(request).catalogue.say
    told = say("person.nobody") if roll.known else say("people.reading")
    status = 404 if roll.known else 503
    return frame.render(request, "told", visitor=visitor, status=status, title=say("person.title"), told=told)


async def _decisions(people: People, customer_id: str) -> list[msgspec.Raw] | None:
    """Newest first; None: they cannot be read just now."""
    try:
        return await people.decisions(customer_id)
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("decisions about a person cannot be read", error=type(error).__name__)
        return None


def shown_of(
    roll: Roll,
    customer_id: str,
    standing: Standing,
    written: list[msgspec.Raw] | None,
    detail: Detail | None,
    reader: Reader,
    formats: Formats,
    minor_digits: int,
) -> Shown:
    """`written`: the decisions, newest first; None: not known. `detail`: None where another worker has it."""
    say, silence = formats.say, silence_days(standing, roll.now_s)
    made = [msgspec.json.decode(each, type=Decision) for each in written or []]
    days = [date.fromisoformat(each) for each in detail["visit_days"]] if detail else list(standing.days)
    days = days[-_SHOWN_DAYS:]
    told = ""
    if days:
        count = formats.counted(len(days), "visit")
        told = say("drawing.told", count=count, since=formats.day(days[0]), last=formats.day(days[-1]))
    unknown = []
    if detail is None:
        unknown.append(say("person.elsewhere"))
    if not days:
        unknown.append(say("person.no_days"))
    if written is None:
        unknown.append(say("person.no_decisions_read"))
    standing = judged_now(standing, detail, minor_digits)
    shown = Shown(
        name=roll.name_of(customer_id) or customer_id,
        customer_id=customer_id,
        segment=segment_of(standing.segment, formats),
        sentence=sentence_of(standing, silence, formats),
        answer=answer_of(made, standing, formats),
        facts=_facts(standing, silence, formats),
        drawing=timeline(days, formats.date_of(roll.now_s * 1_000_000), told, width=_WIDE, height=_HIGH),
        drawing_told=told,
        decisions=[line_of(each, formats) for each in made],
        decisions_told="" if made else say("person.no_decisions"),
        health=_health(standing, formats),
        parts=[
            (label("part", part.name, formats), bar(part.points, part.of), _points(part.points, part.of, formats))
            for part in standing.parts
        ],
        answers=[
            (
                label("survey", each.survey, formats),
                say("person.answered", score=each.score, when=formats.moment(each.answered_at)),
            )
            for each in standing.answers
        ],
        unknown=unknown,
        preview=reader.address(_PREVIEW, id=customer_id) if made else "",
    )
    if detail is not None:
        _add_detail(shown, detail, formats)
    return shown


def _facts(standing: Standing, silence: float | None, formats: Formats) -> list[tuple[str, str]]:
    """Rhythm and value, those that are known."""
    say = formats.say
    first, last, expected = standing.first_visit_at, standing.last_visit_at, standing.expected_visit_at
    facts = [
        ("visits", formats.count(standing.visits)),
        ("orders", formats.count(standing.orders)),
        ("since", "" if first is None else formats.moment(first)),
        ("last", "" if last is None else formats.moment(last)),
        ("silence", "" if silence is None else formats.days(silence)),
        ("usual", "" if standing.usual_gap_days is None else formats.days(standing.usual_gap_days, "every")),
        ("spread", "" if standing.gap_spread is None else _spread(standing, formats)),
        ("expected", "" if expected is None else formats.moment(expected)),
        ("churn_risk", _risk(standing.churn_risk, formats)),
        ("revenue", money(standing.revenue, formats)),
        ("expected_value", estimate(standing.expected_value, formats)),
        ("value_at_risk", estimate(standing.value_at_risk, formats)),
        ("as_of", formats.moment(standing.as_of)),
        ("store", standing.store or ""),
        ("consent", say(f"consent.{'unknown' if standing.consent is None else str(standing.consent).lower()}")),
    ]
    return [(say(f"fact.{name}"), value) for name, value in facts if value and value != DASH]


def _risk(risk: float | None, formats: Formats) -> str:
    """With its band; empty: not known."""
    if risk is None:
        return ""
    return f"{formats.share(risk, whole=True)} ({formats.say(f'risk_band.{_RISK_BANDS[risk_band(risk)].value}')})"


def _health(standing: Standing, formats: Formats) -> str:
    """With its band; a dash for who has none."""
    if standing.health is None:
        return DASH
    points = formats.say("person.health", points=formats.count(round(standing.health)))
    return points if standing.band is None else f"{points} · {label('band', standing.band, formats)}"


def _spread(standing: Standing, formats: Formats) -> str:
    """In words: the number says little to who sells coffee."""
    spread = standing.gap_spread or 0.0
    return formats.say("spread.steady" if spread < 0.4 else "spread.usual" if spread < 0.9 else "spread.loose")


def _points(points: float, of: float, formats: Formats) -> str:
    return formats.say("person.points", points=formats.decimal(points), of=formats.decimal(of))


def _add_detail(shown: Shown, detail: Detail, formats: Formats) -> None:
    """What the worker that holds them says: the next dates, and today's curve."""
    now = datetime.fromisoformat(detail["now"])
    for each in detail["dates"]:
        what, when = str(each["what"]), datetime.fromisoformat(each["when"])
        if when >= now:
            shown.dates.append((_date_label(what, formats), formats.moment(when)))
    for point in detail["curve"]:
        when, tail = datetime.fromisoformat(point["when"]), point["tail_probability"]
        shown.curve.append(
            (
                formats.measured(point["silence_days"], "days"),
                formats.moment(when),
                formats.share(tail) if tail is not None else DASH,
                formats.share(point["churn_risk"]),
                abs(when - now) < timedelta(minutes=1),
            )
        )


def _date_label(what: str, formats: Formats) -> str:
    code, _, rung = what.partition(": ")
    told = formats.catalogue.optional(f"date.{code.replace(' ', '_')}", rung=rung.partition(" (")[0])
    return told or what


# ---- the message


def _add_preview(app: FastAPI, settings: Settings, people: People, frame: Frame, audit: Audit) -> None:
    shop, who = NamedShop.of(settings.shop), Depends(frame.gate(Scope.PERSONS))

    @app.get(_PREVIEW, include_in_schema=False)
    async def preview(request: Request, visitor: Visitor = who) -> Response:
        customer_id = request.query_params.get("id", "")[:_LONGEST_ID]
        written = await _decisions(people, customer_id) if customer_id in people.roll else []
        if not written:
            return _nobody(request, frame, visitor, people.roll)
        audit.viewed(request, visitor.holder, [customer_id])
        data: dict[str, Any] = {**msgspec.json.decode(written[0]), "sample": True}
        try:
            message = Renderer(shop, settings.deliver.templates).render(data, _NO_LINK)
        except ConfigurationError as error:
            say = Reader(request).catalogue.say
            return frame.render(
                request, "told", visitor=visitor, status=503, title=say("person.preview"), told=str(error)
            )
        headers = {"Content-Security-Policy": policy_for(message.html), "X-Robots-Tag": "noindex"}
        return Response(message.html, media_type="text/html", headers=headers)


# ---- what can be done


def _add_actions(app: FastAPI, people: People, frame: Frame, audit: Audit) -> None:
    who = Depends(frame.gate(Scope.WRITE))

    async def about(request: Request, visitor: Visitor) -> str:
        """The customer. Raises AnsweredInsteadError where there is none, or where no page of ours has asked."""
        form, say = await form_of(request), Reader(request).catalogue.say
        if not (from_our_own_page(request.headers) and is_the_proof(visitor.session, form.get("proof", ""))):
            raise AnsweredInsteadError(_told(request, frame, visitor, 403, say("sign_in.elsewhere")))
        customer_id = form.get("id", "")[:_LONGEST_ID]
        if customer_id not in people.roll:
            raise AnsweredInsteadError(_nobody(request, frame, visitor, people.roll))
        return customer_id

    async def done(request: Request, visitor: Visitor, action: str, do: Callable[[str], Awaitable[T]]) -> tuple[str, T]:
        """The customer, and what `do` gives. Raises AnsweredInsteadError where it could not be done."""
        customer_id, say = await about(request, visitor), Reader(request).catalogue.say
        try:
            result = await do(customer_id)
        except ChurnAlertError as error:
            raise AnsweredInsteadError(_told(request, frame, visitor, 503, str(error))) from error
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("what was asked of a person could not be done", error=type(error).__name__)
            raise AnsweredInsteadError(_told(request, frame, visitor, 503, say("person.later"))) from error
        audit.changed(request, visitor.holder, action, customer_id)
        return customer_id, result

    @app.post(f"{ONE}/do-not-contact", include_in_schema=False)
    async def do_not_contact(request: Request, visitor: Visitor = who) -> Response:
        customer_id, _ = await done(request, visitor, "do_not_contact", people.do_not_contact)
        return _see(Reader(request).address(ONE, id=customer_id, done="do_not_contact"))

    @app.post(f"{ONE}/forget", include_in_schema=False)
    async def forget(request: Request, visitor: Visitor = who) -> Response:
        reader, form = Reader(request), await form_of(request)
        if form.get("sure") != "yes":
            return _see(reader.address(ONE, id=form.get("id", "")[:_LONGEST_ID]))
        customer_id, _ = await done(request, visitor, "forget", people.forget)
        return _see(reader.address(ONE, id=customer_id, done="forget"))

    @app.post(f"{ONE}/export", include_in_schema=False)
    async def export(request: Request, visitor: Visitor = who) -> Response:
        _, held = await done(request, visitor, "export", people.export)
        text = msgspec.json.format(msgspec.json.encode(held), indent=2)
        headers = {"Content-Disposition": 'attachment; filename="customer.json"'}
        return Response(text, media_type="application/json", headers=headers)


def _told(request: Request, frame: Frame, visitor: Visitor, status: int, told: str) -> Response:
    title = Reader(request).catalogue.say("person.title")
    return frame.render(request, "told", visitor=visitor, status=status, title=title, told=told)


def _see(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address})
