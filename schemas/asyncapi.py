"""The AsyncAPI 3.0 document: every topic, its key, and what it carries; and what a webhook is posted."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import envelope, inputs, outputs

Json = dict[str, Any]


class Channel(NamedTuple):
    """One topic, under its default name."""

    topic: str
    action: str
    """What the service does: `receive` or `send`."""
    about: str
    key: str
    messages: tuple[type[BaseModel], ...]
    compacted: bool = False


_CUSTOMER_KEY = "customer_id, UTF-8"

CHANNELS: tuple[Channel, ...] = (
    *(Channel(each.name, "receive", each.about, _CUSTOMER_KEY, (each.model,)) for each in inputs.INPUT_CHANNELS),
    Channel(
        "outreach",
        "send",
        "Only what may be acted on now. Read it at read_committed.",
        _CUSTOMER_KEY,
        (envelope.OutreachRequestedEvent, envelope.OutreachCancelledEvent),
    ),
    Channel(
        "outreach-decisions", "send", "Every decision with its reason.", _CUSTOMER_KEY, (envelope.OutreachDecidedEvent,)
    ),
    Channel(
        "customer-scores",
        "send",
        "The numbers of each customer; a null value = erased.",
        _CUSTOMER_KEY,
        (envelope.CustomerScoredEvent,),
        compacted=True,
    ),
    Channel(
        "period-metrics",
        "send",
        "The numbers of each period, and what messages have brought, revised in place.",
        "granularity:start, or outreach:kind:rung:month, UTF-8",
        (envelope.PeriodMeasuredEvent, envelope.OutreachMeasuredEvent),
        compacted=True,
    ),
    Channel(
        "shop-notices",
        "send",
        "What the shop is told of its numbers, where thresholds are set.",
        "threshold:granularity:start, UTF-8",
        (envelope.ShopNoticedEvent,),
        compacted=True,
    ),
    Channel(
        "dead-letters", "send", "Refused records, byte for byte.", "the refused record's key", (outputs.DeadLetter,)
    ),
    Channel(
        "deliveries",
        "send",
        "What has become of each request; a null value = forgotten, since nobody can ask for it any more.",
        "the id of the request, UTF-8; followed by .CHANNEL where that is not smtp",
        (envelope.DeliveryRecordedEvent,),
        compacted=True,
    ),
)

POSTED: tuple[type[BaseModel], ...] = (
    envelope.OutreachRequestedEvent,
    envelope.OutreachCancelledEvent,
    envelope.CustomerScoredEvent,
    envelope.CustomerRemovedEvent,
    envelope.ShopNoticedEvent,
)
"""To a webhook; customer.removed lies in no topic, where a null value says the same."""
_WEBHOOK = "webhook"


def document() -> Json:
    """The whole document; deterministic, so that a drift is a difference of text."""
    models = [message for channel in CHANNELS for message in channel.messages]
    only_posted = [model for model in POSTED if model not in models]
    models += only_posted
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Churn Alert",
            "version": "1.0.0",
            "description": "Purchases and survey answers in; win-back requests, decisions, scores and period numbers out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {**{channel.topic: _channel(channel) for channel in CHANNELS}, _WEBHOOK: _posted()},
        "operations": {
            **{
                f"{channel.action}-{channel.topic}": _operation(channel.action, channel.topic, channel.messages)
                for channel in CHANNELS
            },
            f"send-{_WEBHOOK}": {
                **_operation("send", _WEBHOOK, POSTED),
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            },
        },
        "components": {
            "messages": {
                **{model.__name__: _message(model, channel) for channel in CHANNELS for model in channel.messages},
                **{model.__name__: _payload(model) for model in only_posted},
            },
            "schemas": definitions["$defs"],
        },
    }


def _channel(channel: Channel) -> Json:
    policy = ["compact"] if channel.compacted else ["delete"]
    return {
        "address": channel.topic,
        "description": channel.about,
        "messages": {m.__name__: {"$ref": f"#/components/messages/{m.__name__}"} for m in channel.messages},
        "bindings": {
            "kafka": {
                "topic": channel.topic,
                "topicConfiguration": {"cleanup.policy": policy},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _posted() -> Json:
    """The address is the receiver's."""
    return {
        "address": None,
        "description": "What `churn-alert deliver webhook` posts, as CloudEvents: requests, or the scores of customers.",
        "messages": {m.__name__: {"$ref": f"#/components/messages/{m.__name__}"} for m in POSTED},
    }


def _operation(action: str, channel: str, messages: tuple[type[BaseModel], ...]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{m.__name__}"} for m in messages],
    }


def _message(model: type[BaseModel], channel: Channel) -> Json:
    return {
        **_payload(model),
        "bindings": {"kafka": {"key": {"type": "string", "description": channel.key}, "bindingVersion": "0.5.0"}},
    }


def _payload(model: type[BaseModel]) -> Json:
    return {
        "name": model.__name__,
        "summary": (model.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
