"""What the data of a request is to a template: words that a person would use, in the language of the message.

A variable always exists; what is not known, or would read like a machine (an article number, a name of a hundred
letters, two visits as years of loyalty), is an empty text, and the templates have a way round it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list

from schemas.kinds import Kind
from service.message.message import ShopFacts
from service.wording.languages import DEFAULT, language_of
from service.wording.subjects import called, subject

_LOYAL_VISITS: Final = 3
_LOYAL_DAYS: Final = 75
"""With fewer visits, or for a shorter time, nobody has "been coming since"."""
_MOST_ITEMS: Final = 2
_LONGEST_ITEM: Final = 48
"""Characters. Longer ones are descriptions, which no barista would say."""
_KEPT: Final = 2_000
"""Texts of each sort that are kept: years of days in a few languages, what most of the regulars have usually."""
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


def told(data: Mapping[str, Any], shop: ShopFacts, locale: str, unsubscribe_url: str) -> dict[str, Any]:
    """The variables of a template in the language of `locale`.

    Where that language does not ship there is no `subject`: templates of the shop's own bring theirs.
    """
    language = language_of(locale)
    kind, rung, visits = str(data["kind"]), str(data["rung"]), int(data.get("visits") or 0)
    number = _number(data, visits)
    consent = data.get("consent") or {}
    agreed = consent.get("marketing_consent") is True
    first_name = called(data.get("first_name"))
    variables: dict[str, Any] = {
        "kind": kind,
        "rung": rung,
        "locale": locale.replace("_", "-"),
        "first_name": first_name,
        "visits": visits,
        "nth": (language or DEFAULT).ordinal(number),
        "since": _since(data, visits, shop, locale),
        "usual_order": _listed(data.get("favourite_items"), locale),
        "last_order": _listed(data.get("last_items"), locale),
        "offer": " ".join(str(data.get("offer") or "").split()),
        "resolution": " ".join(str(data.get("resolution") or "").split()),
        "person": " ".join(str(data.get("person") or "").split()),
        "write_to": str(data.get("write_to") or ""),
        "agreed": agreed,
        "agreed_on": _day(consent.get("since"), shop, locale) if agreed else "",
        "sample": data.get("sample") is True,
        "shop_name": shop.name,
        "shop_address": shop.address,
        "of_shop": (language or DEFAULT).of(shop.name) if shop.name else "",
        "button_url": _button_url(data, shop, kind),
        "unsubscribe_url": unsubscribe_url,
        "data": data,
    }
    if language is not None:
        variables["subject"] = subject(Kind(kind), rung, first_name, number, language)
    return variables


def _number(data: Mapping[str, Any], visits: int) -> int:
    """Of the visit that is celebrated; the customer may have come again since."""
    occasion = str(data.get("occasion") or "")
    return int(occasion) if data["kind"] == Kind.MILESTONE and occasion.isdecimal() and occasion.isascii() else visits


@lru_cache(maxsize=_KEPT)
def _babel(locale: str) -> Locale:
    try:
        return Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        try:
            return Locale.parse(re.split("[-_]", locale)[0])
        except (UnknownLocaleError, ValueError):
            return Locale.parse("en")


def _local(text: object, shop: ShopFacts) -> datetime | None:
    """An instant of the record on the shop's clock."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(ZoneInfo(shop.timezone))


def _since(data: Mapping[str, Any], visits: int, shop: ShopFacts, locale: str) -> str:
    """The month of the first visit, March 2019; empty for who has not been coming for long."""
    first, now = _local(data.get("customer_since"), shop), _local(data.get("decided_at"), shop)
    if first is None or visits < _LOYAL_VISITS or (now is not None and now - first < timedelta(days=_LOYAL_DAYS)):
        return ""
    return _month(first.date().replace(day=1), locale)


@lru_cache(maxsize=_KEPT)
def _month(first: date, locale: str) -> str:
    return str(format_skeleton("yMMMM", first, locale=_babel(locale)))


def _day(text: object, shop: ShopFacts, locale: str) -> str:
    moment = _local(text, shop)
    return "" if moment is None else _date(moment.date(), locale)


@lru_cache(maxsize=_KEPT)
def _date(day: date, locale: str) -> str:
    return str(format_date(day, "long", locale=_babel(locale)))


def _listed(items: object, locale: str) -> str:
    """At most two items, as one would say them; empty where none is a word."""
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        return ""
    return _in_words(tuple(item for item in items if isinstance(item, str)), locale)


@lru_cache(maxsize=_KEPT)
def _in_words(items: tuple[str, ...], locale: str) -> str:
    named: list[str] = []
    for item in items:
        name = _item(item)
        if name and name.lower() not in {each.lower() for each in named}:
            named.append(name)
    return str(format_list(named[:_MOST_ITEMS], locale=_babel(locale))) if named else ""


def _item(item: str) -> str:
    """An item as one would say it: FLAT WHITE is flat white, and 85123A is nothing."""
    name = " ".join(item.split()).strip(" .,;:*-")
    if len(name) > _LONGEST_ITEM or not _WORD.search(name) or sum(map(str.isdigit, name)) * 3 > len(name):
        return ""
    if any(letter in name for letter in "/@<>{}_"):
        return ""
    return name.lower() if name.isupper() and len(name) > 4 else name


def _button_url(data: Mapping[str, Any], shop: ShopFacts, kind: str) -> str:
    """Of the survey for who is asked, else of the shop."""
    if kind == Kind.FEEDBACK_REQUEST and data.get("survey_url"):
        return str(data["survey_url"])
    if kind != Kind.FEEDBACK_REQUEST or not shop.feedback_url:
        return shop.url
    filled: Callable[[str], str] = lambda key: quote(str(data.get(key) or ""), safe="")  # noqa: E731
    url = shop.feedback_url
    for key in ("customer_id", "decision_id"):
        url = url.replace(f"{{{key}}}", filled(key))
    return url
