"""What nobody needs must not decide: optional fields that cannot be read are left out, by name, before the models see
the event.

Spellings that mean the same are taken: a currency in small letters or with blanks, a kind in capitals, a number where a
text is meant as a name (an order, an article, a shop). What is required, and a currency nobody knows, is left as it is:
the models say what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from schemas.wire_types import MAX_COMMENT, MAX_ID, MAX_ITEMS, MAX_NAME, read_signed_amount

_CONTROLS: Final = re.compile(r"[\u0000-\u001f\u007f-\u009f]")
_MOST_DIGITS: Final = 40
"""Of a number that stands for a name."""
Object = dict[str, object]
Read = Callable[[object], object]
"""The value as it may stand, None where nothing was given. ValueError where it cannot be read."""


def readable_purchase(event: Object) -> tuple[Object, tuple[str, ...]]:
    """The event with its optional fields as the models take them, and the names of those that were left out."""
    found, left_out = _read(event, _PURCHASE)
    for name in ("currency", "kind"):
        word = found.get(name)
        if isinstance(word, str):
            plain = word.strip()
            found[name] = (plain.upper() if name == "currency" else plain.lower()) or None
    lines = found.get("items")
    if isinstance(lines, list):
        found["items"], of_lines = _readable_lines(lines)
        left_out += of_lines
    return found, left_out


def readable_profile(event: Object) -> tuple[Object, tuple[str, ...]]:
    """A profile with its fields as the models take them, and the names of fields that look like ours and are not.

    A consent is understood in the spellings that people use for it; blank texts say nothing.
    """
    found = {name: _stripped(value) for name, value in event.items()}
    contact = found.get("contact")
    if isinstance(contact, dict):
        found["contact"] = {name: _stripped(value) for name, value in contact.items()}
    found["marketing_consent"] = _consent(found.get("marketing_consent"))
    _in_small_letters(found, "kind")
    for name in ("complaint", "profiling"):
        if name in found:
            found[name] = _consent(found[name])
    if "bounce" in found:
        found["bounce"] = _bounce(found["bounce"])
    alike = {_plain(name) for name in event if name not in _OWN_NAMES}
    return found, tuple([f"{OF_CUSTOMERS}{name}" for name in sorted(alike & OURS.keys())])


def _stripped(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


def _consent(value: object) -> object:
    """True or false where it is understood; else as it is, for the models to refuse."""
    word = _plain(value) if isinstance(value, str) else value
    if isinstance(word, int | float | str) and word in _YES:
        return True
    return False if isinstance(word, int | float | str) and word in _NO else value


def _bounce(value: object) -> object:
    """A bounce in the words of those who report them; true and false stand for a hard one, and for none any more."""
    if isinstance(value, dict):
        mended = {name: _stripped(inner) for name, inner in value.items()}
        kind = mended.get("type")
        return {**mended, "type": _BOUNCES.get(_plain(kind), kind)} if isinstance(kind, str) else mended
    if isinstance(value, str) and _plain(value) in _BOUNCES:
        return {"type": _BOUNCES[_plain(value)]}
    happened = _consent(value)
    return {"type": "hard" if happened else "lifted"} if isinstance(happened, bool) else value


def _plain(name: str) -> str:
    """In small letters, without what separates words."""
    return re.sub("[^a-z0-9]", "", name.lower())


def readable_answer(event: Object) -> tuple[Object, tuple[str, ...]]:
    """The same of a survey answer, or of the word that one was dealt with."""
    found, left_out = _read(event, _ANSWER)
    _in_small_letters(found, "kind", "survey")
    return found, left_out


def _in_small_letters(found: Object, *names: str) -> None:
    """Words of ours; blanks alone say nothing."""
    for name in names:
        word = found.get(name)
        if isinstance(word, str):
            found[name] = word.strip().lower() or None


def _readable_lines(lines: list[object]) -> tuple[list[Object], tuple[str, ...]]:
    """The lines that say what was bought."""
    kept: list[Object] = []
    left_out: tuple[str, ...] = ()
    if len(lines) > MAX_ITEMS:
        left_out = ("items",)
    for line in lines[:MAX_ITEMS]:
        if not isinstance(line, dict):
            left_out += ("items",)
            continue
        found, names = _read(line, _LINE)
        if found.get("sku") is None:
            left_out += ("items.sku",)
        else:
            left_out += tuple([f"items.{name}" for name in names])
            kept.append(found)
    return kept, left_out


def _read(event: Object, fields: dict[str, Read]) -> tuple[Object, tuple[str, ...]]:
    found, left_out = dict(event), list[str]()
    for name, read in fields.items():
        value = event.get(name)
        if value is None:
            continue
        try:
            found[name] = read(value)
        except ValueError:
            found[name] = None
            left_out.append(name)
    return found, tuple(left_out)


def _id(value: object) -> object:
    """A text of 1–256 characters without control characters; a whole number is one too."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_MOST_DIGITS:
        return str(value)
    if not isinstance(value, str) or len(value) > MAX_ID or _CONTROLS.search(value):
        raise ValueError("no name")
    return value if value.strip() else None


def _text(longest: int) -> Read:
    """A text of at most so many characters."""

    def read(value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_MOST_DIGITS:
            return str(value)
        if not isinstance(value, str) or len(value) > longest:
            raise ValueError("no text")
        return value

    return read


def _list(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("no list")  # noqa: TRY004 - what cannot be read is a ValueError, as the models say it
    return value


OF_CUSTOMERS: Final = "customers."
"""Before the name of a field that looks like one of a profile's, as it is counted."""
_YES: Final = frozenset(
    {
        1, "1", "true", "t", "yes", "y", "on", "granted", "given", "agreed", "accepted", "allowed", "optin", "optedin",
        "subscribe", "subscribed", "consented", "oui", "ja",
    }
)  # fmt: skip
_NO: Final = frozenset(
    {
        0, "0", "false", "f", "no", "n", "off", "denied", "refused", "rejected", "revoked", "withdrawn", "declined", "optout",
        "optedout", "unsubscribe", "unsubscribed", "none", "non", "nein",
    }
)  # fmt: skip
_BOUNCES: Final = {
    **dict.fromkeys(("hard", "permanent", "hardbounce", "suppressed", "invalid"), "hard"),
    **dict.fromkeys(("lifted", "cleared", "delivered"), "lifted"),
    **dict.fromkeys(("soft", "transient", "temporary", "softbounce", "deferred", "blocked", "undetermined"), "soft"),
}
"""What providers call a bounce → what it is."""
OF_PROFILES: Final = frozenset(
    {
        "first_name",
        "locale",
        "timezone",
        "contact",
        "marketing_consent",
        "bounce",
        "complaint",
        "outreach_id",
        "profiling",
    }
)
"""What a profile says, each by itself."""
_OWN_NAMES: Final = OF_PROFILES | {"kind", "merged_into"}
OURS: Final = {
    **dict.fromkeys(
        (
            "consent", "marketingconsent", "consentmarketing", "emailconsent", "emailmarketingconsent", "optin", "marketing",
            "marketingoptin", "optinmarketing", "acceptsmarketing", "acceptmarketing", "newsletter", "subscribed", "gdprconsent",
            "hasconsent", "consented", "optedin",
        ),
        "marketing_consent",
    ),
    **dict.fromkeys(("email", "mail", "emailaddress", "contactemail"), "contact.email"),
    **dict.fromkeys(("phone", "phonenumber", "tel", "telephone", "mobile", "contactphone"), "contact.phone"),
    **dict.fromkeys(("crmid", "contactid", "contactcrmid"), "contact.crm_id"),
    **dict.fromkeys(("firstname", "givenname", "forename", "prenom"), "first_name"),
    **dict.fromkeys(("lang", "language", "preferredlanguage"), "locale"),
    **dict.fromkeys(("tz", "zone", "timezone"), "timezone"),
    "mergedinto": "merged_into",
    **dict.fromkeys(("profilingconsent", "consentprofiling", "allowprofiling", "profilingallowed"), "profiling"),
}  # fmt: skip
"""Names that people give to fields of a profile, without what separates words → the field they mean."""


_NAME: Final = _text(MAX_NAME)
_PURCHASE: Final[dict[str, Read]] = {"order_id": _id, "items": _list, "channel": _NAME, "store_id": _NAME}
_LINE: Final[dict[str, Read]] = {
    "sku": _id,
    "name": _NAME,
    "category": _NAME,
    "quantity": read_signed_amount,
    "amount": read_signed_amount,
}
_ANSWER: Final[dict[str, Read]] = {"order_id": _id, "comment": _text(MAX_COMMENT)}
