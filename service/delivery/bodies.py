"""What a webhook's body looks like: three templates over the same event.

- `cloudevent`: the event as it lies in the topic, CloudEvents 1.0 in structured mode.
- `plain`: one flat JSON object, for tools in which fields are picked by name (Zapier, Make, the form of a CRM).
- `slack`: what an incoming webhook of Slack takes, and Mattermost and others that speak the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

Event = Mapping[str, Any]

_SLACK_SECTION: Final = 3_000
"""Characters that Slack takes in one text; fields take 2,000."""
_SLACK_FIELD: Final = 300
_CALLED: Final = ("code", "name", "survey")
"""By which of its fields an entry of a list is called."""
_HOLDS: Final = ("value", "points", "score")
"""And which one holds what it says."""
_encode = msgspec.json.Encoder().encode


class Body(NamedTuple):
    content_type: str
    content: bytes


def cloudevent(event: Event) -> Body:
    return Body("application/cloudevents+json", _encode(event))


def plain(event: Event) -> Body:
    """`id`, `type` and `time` of the event, and its data without levels.

    Names of levels are joined with `_` (contact_email), texts of a list with commas; an entry that has a code stands
    under it (reasons_usual_gap). What cannot be told flat is left out.
    """
    flat: dict[str, Any] = {name: event.get(name) for name in ("id", "type", "time")}
    for name, value in _flat("", event["data"]):
        flat.setdefault(name, value)
    return Body("application/json", _encode(flat))


def slack(event: Event) -> Body:
    """A sentence, and beneath it what somebody who acts on it looks for."""
    data: Mapping[str, Any] = event["data"]
    headline, text, fields = _told(str(event["type"]), data)
    blocks: list[dict[str, Any]] = [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": _cut(f"*{_escaped(headline)}*\n{_escaped(text)}", _SLACK_SECTION)},
        }
    ]
    shown = [
        {"type": "mrkdwn", "text": f"*{name}*\n{_cut(_escaped(str(value)), _SLACK_FIELD)}"}
        for name, value in fields
        if value not in {None, ""}
    ]
    if shown:
        blocks.append({"type": "section", "fields": shown[:10]})
    return Body(
        "application/json", _encode({"text": _cut(_escaped(f"{headline}: {text}"), _SLACK_SECTION), "blocks": blocks})
    )


TEMPLATES: Final[dict[str, Callable[[Event], Body]]] = {"cloudevent": cloudevent, "plain": plain, "slack": slack}


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}_", value)
        elif isinstance(value, list):
            if all(isinstance(one, str) for one in value):
                yield name, ", ".join(value)
            else:
                yield from _entries(name, value)
        else:
            yield name, value


def _entries(name: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    for one in values:
        if isinstance(one, Mapping):
            called = next((one[key] for key in _CALLED if isinstance(one.get(key), str)), None)
            held = next((key for key in _HOLDS if key in one), None)
            if called is not None and held is not None:
                yield f"{name}_{called}", one[held]


def _told(kind: str, data: Mapping[str, Any]) -> tuple[str, str, list[tuple[str, Any]]]:
    """Headline, sentence and named facts."""
    who = str(data.get("customer_id", ""))
    if kind == "outreach.requested":
        contact = data.get("contact") or {}
        return (
            f"{str(data.get('kind', '')).replace('_', ' ')} · {data.get('rung', '')}{' · sample' if data.get('sample') else ''}",
            str(data.get("sentence_shop") or data.get("sentence") or who),
            [
                ("Customer", who),
                ("E-mail", contact.get("email")),
                ("Phone", contact.get("phone")),
                ("Offer", data.get("offer")),
                ("Value at risk", _money(data, "value_at_risk")),
                ("Act before", data.get("expires_at")),
            ],
        )
    if kind == "outreach.cancelled":
        return "cancelled", f"{who}: {data.get('reason', '')}", [("Request", data.get("cancelled_id"))]
    if kind == "customer.scored":
        return (
            f"{who}: {data.get('segment', '')}",
            f"Health {_shown(data.get('health'))}, churn risk {_shown(data.get('churn_risk_band'))}",
            [
                ("Visits", data.get("visits")),
                ("Last visit", data.get("last_visit_at")),
                ("Value at risk", _money(data, "value_at_risk")),
            ],
        )
    return kind, who, []


def _money(data: Mapping[str, Any], name: str) -> str | None:
    amount = data.get(name)
    return None if amount is None else f"{amount} {data.get('currency', '')}".strip()


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


def _escaped(text: str) -> str:
    """The three characters by which Slack knows a link or a mention: `<!channel>` in a name must call nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
