"""Made-up requests: a customer as they come, for trying out, and customers of whom little or nothing is known, for the
check of the templates. Nothing here is counted anywhere; `sample` says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, assert_never

from schemas.kinds import Kind
from service.domain.calendar import to_day, to_us, utc_text
from service.domain.events import Survey
from service.domain.findings import About, Evidence
from service.message.message import ShopFacts
from service.wording.languages import DEFAULT, LANGUAGES, language_of
from service.wording.subjects import subject

SAMPLE_CUSTOMER: Final = "sample"
RUNGS: Final[Mapping[Kind, str]] = {
    Kind.WIN_BACK: "remind",
    Kind.SECOND_VISIT: "nudge",
    Kind.SERVICE_RECOVERY: "apology",
    Kind.MILESTONE: "reached",
    Kind.DELIGHT: "treat",
    Kind.FEEDBACK_REQUEST: "ask",
    Kind.FOLLOW_UP: "first",
}
"""Of a sample, unless another is asked for."""
_NAMES: Final = {"en": "Anna", "fr": "Camille"}
_ITEMS: Final = {"en": ("Flat white", "Almond croissant"), "fr": ("Café crème", "Croissant aux amandes")}
_OFFER: Final = {"en": "A pastry on the house", "fr": "Une viennoiserie offerte"}
_WITH_OFFER: Final = frozenset({"incentive", "reached"})
"""Rungs whose samples bring something."""
_VISITS: Final = {Kind.SECOND_VISIT: 1, Kind.FOLLOW_UP: 1, Kind.MILESTONE: 50}
_SIX_YEARS: Final = timedelta(days=6 * 365 + 200)
_DAY: Final = timedelta(days=1)
_USUAL_DAYS, _QUIET_DAYS = 6.2, 19.0
_CHECKED_AT: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def sample_request(
    kind: Kind,
    rung: str = "",
    locale: str | None = None,
    *,
    shop: ShopFacts,
    currency: str = "EUR",
    email: str | None = None,
    now: datetime = _CHECKED_AT,
    sample_id: str = "sample",
) -> dict[str, Any]:
    """The data of an `outreach.requested` about a customer who does not exist: the same for the same arguments."""
    language = language_of(locale or shop.locale) or DEFAULT
    rung = rung or RUNGS[kind]
    code = language.code if language.code in _NAMES else DEFAULT.code
    visits = _VISITS.get(kind, 214)
    first = now - (_QUIET_DAYS * _DAY if visits == 1 else _SIX_YEARS)
    last = now - _QUIET_DAYS * _DAY
    name, items = _NAMES[code], _ITEMS[code]
    seen = Evidence(
        visits=visits,
        usual_gap_days=_USUAL_DAYS,
        gap_days=_QUIET_DAYS,
        tail_probability=0.031,
        expected_visit_us=0,
        customer_since_us=0,
        orders=visits,
        lifetime_value_minor=0,
        value_at_risk_minor=None,
        churn_risk=0.34,
        favourite_items=items,
        last_items=items[:1],
        latest_nps=9,
        latest_csat=None,
        first_name=name,
        locale=locale,
        about=_about(kind, rung, visits, last),
    )
    spoken = {each: told[kind](seen, name) for each, told in _SENTENCES.items() if kind in told}
    shop_language = language_of(shop.locale) or DEFAULT
    return {
        "decision_id": sample_id,
        "customer_id": SAMPLE_CUSTOMER,
        "episode_id": last.date().isoformat(),
        "kind": kind.value,
        "rung": rung,
        "detected_at": _text(now),
        "decided_at": _text(now),
        "quiet_since": _text(last),
        "usual_gap_days": _USUAL_DAYS,
        "current_gap_days": _QUIET_DAYS,
        "tail_probability": seen.tail_probability,
        "churn_risk": seen.churn_risk,
        "expected_visit_at": _text(last + _USUAL_DAYS * _DAY),
        "visits": visits,
        "orders": visits,
        "customer_since": _text(first),
        "currency": currency,
        "lifetime_value": f"{visits * 7}.50",
        "value_at_risk": "180.00",
        "favourite_items": list(items),
        "last_items": list(items[:1]),
        "latest_nps": 9,
        "latest_csat": None,
        "first_name": name,
        "locale": locale,
        "offer": _OFFER[code] if rung in _WITH_OFFER else "",
        "template": f"{kind.value}.{rung}",
        "expires_at": _text(now + 14 * _DAY),
        "sentence": spoken.get(language.code, ""),
        "contact": None if email is None else {"email": email, "phone": None, "crm_id": None},
        "timezone": None,
        "consent": {"marketing_consent": True, "since": _text(now - 400 * _DAY), "rule": "required"},
        "subject": subject(kind, rung, name, visits, language),
        "sentence_shop": spoken.get(shop_language.code, ""),
        "reasons": [
            {"code": "current_gap", "value": _QUIET_DAYS, "unit": "days"},
            {"code": "usual_gap", "value": _USUAL_DAYS, "unit": "days"},
            {"code": "visits", "value": visits, "unit": "visits"},
        ],
        "resolution": None,
        **_occasion(seen.about),
        "sample": True,
    }


def _about(kind: Kind, rung: str, visits: int, last: datetime) -> About | None:
    """What such a message would be about; None: the silence."""
    mark, order_id, survey, score = "", None, None, None
    match kind:
        case Kind.WIN_BACK | Kind.SECOND_VISIT:
            return None
        case Kind.SERVICE_RECOVERY:
            mark, survey, score = f"nps@{_text(last)}", Survey.NPS, 3
        case Kind.MILESTONE:
            mark = str(visits)
        case Kind.DELIGHT:
            mark = f"{last.isocalendar().year}-W{last.isocalendar().week:02d}"
        case Kind.FOLLOW_UP:
            mark = last.date().isoformat()
        case Kind.FEEDBACK_REQUEST:
            mark, order_id, survey = "sample-order", "sample-order", Survey.NPS
        case _:
            assert_never(kind)
    number = visits if kind is Kind.MILESTONE else None
    day = to_day(last.date())
    return About(mark, to_us(last), day, step=rung, order_id=order_id, survey=survey, score=score, number=number)


def _occasion(about: About | None) -> dict[str, Any]:
    return {
        "occasion": None if about is None else about.mark,
        "occasion_at": None if about is None else utc_text(about.at_us),
        "order_id": None if about is None else about.order_id,
        "survey": None if about is None or about.survey is None else about.survey.value,
        "score": None if about is None else about.score,
        "survey_url": None,
        "person": None,
        "write_to": None,
    }


_SENTENCES: Final = {language.code: language.sentences for language in LANGUAGES.values()}


def samples_of(name: str, locale: str) -> Iterator[dict[str, Any]]:
    """Requests that a template of this name may meet: of whom everything is known, of whom much is, of whom nothing."""
    head, _, rung = name.partition(".")
    kind = Kind(head) if head in set(Kind) else Kind.WIN_BACK
    known = sample_request(kind, rung, locale, shop=ShopFacts(), email="anna@mail.example")
    known |= {"template": name, "offer": "10 %"}
    yield known
    yield known | {"offer": "", "last_items": [], "visits": 2, "consent": None, "sample": False}
    yield known | {
        "offer": "", "first_name": None, "locale": None, "favourite_items": [], "last_items": [], "visits": 1, "orders": 1,
        "contact": None, "consent": {"marketing_consent": None, "since": None, "rule": "external"}, "churn_risk": None,
        "value_at_risk": None, "latest_nps": None, "sample": False,
    }  # fmt: skip


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
