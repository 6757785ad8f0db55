"""What a setting does, in words: read from the line below it in sections/, so that `churn-alert config --explain` and
docs/settings.md say what the code says.

Only whoever asks pays for reading the source.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from service.config.changes import on_change
from service.config.settings import Settings
from service.config.variables import ENV_PREFIX
from service.errors import ConfigurationError

_UNITS: Final = {
    "_s": "seconds",
    "_days": "days",
    "_hours": "hours",
    "_years": "years",
    "_bytes": "bytes",
    "_per_hour": "messages per hour",
    "_per_day": "messages per day",
    "_per_100_visits": "messages per 100 visits of regulars",
    "_records": "records",
    "_visits": "visits",
    "_share": "part of the customers, 0 to 1",
}
"""By the end of the setting's name."""
_OWN_UNITS: Final = {
    "outreach.level": "that of outreach.measure",
    "outreach.patience": "needless messages per 100 visits of regulars",
    "outreach.daily_limit": "messages per day",
    "outreach.min_value": "money of shop.currency",
    "outreach.volume_for_loyal": "part of the volume, 0 to 1",
    "outreach.frequency_caps.days": "days",
    "outreach.quiet_hours": "",
    "outreach.quiet_days": "",
    **dict.fromkeys(
        ("targets.retention_rate", "targets.churn_rate", "targets.repeat_purchase_rate", "targets.csat"), "percent"
    ),
    **dict.fromkeys(
        ("targets.lifetime_value", "targets.revenue", "targets.average_order_value"), "money of shop.currency"
    ),
    "targets.purchase_frequency": "orders per customer",
    "targets.nps": "points",
    "targets.ces": "mean answer, 1 to 7",
    "notices.thresholds.limit": "that of the number",
    "notices.thresholds.hysteresis": "that of the number",
    "notices.thresholds.at_least": "people or answers",
}
_EXAMPLES: Final[Mapping[str, object]] = {
    "kafka.instance_id": "worker-1",
    "kafka.sasl_username": "churn-alert",
    "kafka.ssl_cafile": "/etc/ssl/certs/kafka.pem",
    "kafka.ssl_certfile": "/etc/churn-alert/worker.pem",
    "kafka.ssl_keyfile": "/etc/churn-alert/worker.key",
    "kafka.ssl_key_password_file": "/run/secrets/kafka-key-password",
    "kafka.sasl_password_file": "/run/secrets/kafka-password",
    "kafka.oauth_token_file": "/var/run/secrets/kafka/token",
    "kafka.oauth_token_url": "https://login.example/oauth2/token",
    "kafka.oauth_client_id": "churn-alert",
    "kafka.oauth_client_secret_file": "/run/secrets/kafka-client-secret",
    "kafka.oauth_scope": "kafka",
    "kafka.oauth_audience": "kafka.cafe.example",
    "kafka.oauth_cafile": "/etc/ssl/certs/login.pem",
    "kafka.oauth_aws_region": "eu-west-3",
    "kafka.oauth_extensions": {"logicalCluster": "lkc-1234"},
    "shop.erasure_salt_file": "/run/secrets/erasure-salt",
    "web.token_file": "/run/secrets/page-token",
    "deliver.smtp.password_file": "/run/secrets/smtp-password",
    "deliver.webhook.secret_file": "/run/secrets/webhook-secret",
    "deliver.webhook.authorization_file": "/run/secrets/webhook-authorization",
    "deliver.unsubscribe_secret_file": "/run/secrets/unsubscribe-secret",
    "deliver.unsubscribe_secret_before_file": "/run/secrets/unsubscribe-secret-before",
    "deliver.events_token_file": "/run/secrets/events-token",
    "shop.rates": {"USD": "0.92"},
    "shop.store_timezones": {"north": "Europe/Oslo"},
    "shop.name": "Café Anna",
    "shop.address": "1 Market Street, Springfield",
    "shop.url": "https://cafe.example/order",
    "shop.feedback_url": "https://cafe.example/feedback?order={decision_id}",
    "outreach.rungs": [
        {"name": "remind"},
        {"name": "incentive", "strictness": 0.3, "offer": "coffee"},
    ],
    "outreach.rungs.name": "remind",
    "outreach.rungs.offer": "coffee",
    "outreach.rungs.template": "win_back.remind",
    "outreach.frequency_caps.messages": 1,
    "outreach.frequency_caps.days": 14.0,
    "outreach.consent": "external",
    "outreach.measure": "patience",
    "outreach.level": 2.0,
    "outreach.control_share": 0.1,
    "outreach.second_visit_offer": "coffee",
    "outreach.volume_per_100_visits": 5.0,
    "outreach.volume_per_day": 10.0,
    "outreach.quiet_hours": "21:00-09:00",
    "outreach.quiet_days": ["sunday", "2026-12-25", "01-01"],
    "outreach.daily_limit": 200,
    "outreach.min_value": 50,
    "targets.retention_rate": 65.0,
    "targets.churn_rate": 35.0,
    "targets.repeat_purchase_rate": 40.0,
    "targets.lifetime_value": 120,
    "targets.revenue": 25000,
    "targets.average_order_value": 7.5,
    "targets.purchase_frequency": 2.5,
    "targets.nps": 40.0,
    "targets.csat": 85.0,
    "targets.ces": 5.5,
    "outreach.messages_are_sent": True,
    "inputs.purchases.fields": {
        "event_id": "id",
        "customer_id": "customer.id",
        "occurred_at": "created",
        "amount": "total",
    },
    "inputs.purchases.lines": {"sku": "article", "name": "title"},
    "inputs.purchases.timezone": "Europe/Paris",
    "inputs.purchases.only": {"state": ["paid"]},
    "inputs.purchases.refund_if": {"type": ["refund"]},
    "inputs.purchases.profile": "shopify",
    "inputs.purchases.not_if": {"test": [True]},
    "inputs.purchases.needs": ["paid_at"],
    "inputs.purchases.cancelled_if": {"state": ["cancelled"]},
    "inputs.purchases.given_back": "refunded_cents",
    "inputs.surveys.given_back": "refunded_cents",
    "inputs.purchases.schema_file": "/etc/churn-alert/order.avsc",
    "inputs.purchases.message": "shop.v1.Order",
    "inputs.surveys.schema_file": "/etc/churn-alert/answer.avsc",
    "inputs.surveys.message": "shop.v1.Answer",
    "ingest.public_url": "https://shop.example/churn",
    "registry.url": "https://registry.example:8081",
    "registry.username": "churn-alert",
    "registry.password_file": "/run/secrets/registry-password",
    "registry.token_file": "/run/secrets/registry-token",
    "registry.ca_file": "/etc/churn-alert/registry-ca.pem",
    "registry.cert_file": "/etc/churn-alert/registry-client.pem",
    "registry.key_file": "/etc/churn-alert/registry-client-key.pem",
    "inputs.surveys.fields": {
        "event_id": "token",
        "customer_id": "email",
        "occurred_at": "at",
        "survey": "=nps",
        "score": "answer",
    },
    "inputs.customers.topic": "crm.public.contacts",
    "inputs.customers.fields": {"customer_id": "shop_number", "email": "mail", "occurred_at": "updated_at"},
    "inputs.customers.consent_if": {"newsletter": ["subscribed"]},
    "inputs.customers.withdrawn_if": {"archived": [True]},
    "inputs.customers.erased_if": {"gdpr": ["erase"]},
    "inputs.customers.only": {"type": ["person"]},
    "inputs.customers.timezone": "Europe/Paris",
    "inputs.customers.schema_file": "/etc/churn-alert/contact.avsc",
    "inputs.customers.message": "crm.v1.Contact",
    "inputs.surveys.timezone": "Europe/Paris",
    "inputs.surveys.only": {"form": ["nps-2026"]},
    "outreach.service_recovery.person": "Anna Le Goff",
    "outreach.service_recovery.write_to": "anna@cafe.example",
    "outreach.feedback_request.every_days": 180.0,
    "outreach.feedback_request.survey_url": "https://cafe.example/survey?order={order_id}",
    "web.hosts": ["www.cafe.example"],
    "deliver.group": "churn-alert-mail",
    "deliver.per_second": 5.0,
    "deliver.public_url": "https://cafe.example/news",
    "deliver.templates": "/etc/churn-alert/templates",
    "deliver.smtp.host": "smtp.provider.example",
    "deliver.smtp.port": 587,
    "deliver.smtp.username": "anna",
    "deliver.smtp.ca_file": "/etc/ssl/certs/mail.pem",
    "deliver.smtp.sender": "Café Anna <hello@cafe.example>",
    "deliver.smtp.reply_to": "anna@cafe.example",
    "deliver.webhook.url": "https://crm.example/hooks/churn-alert",
    "deliver.webhook.ca_file": "/etc/ssl/certs/crm.pem",
    "letter.to": ["Anna <anna@cafe.example>"],
    "notices.thresholds": [{"name": "few-come-back", "number": "retention_rate", "limit": 60.0}],
    "notices.thresholds.name": "few-come-back",
    "notices.thresholds.number": "retention_rate",
    "notices.thresholds.limit": 60.0,
    "notices.thresholds.hysteresis": 3.0,
    "ingest.sources.kind": "shopify",
    "ingest.sources.name": "shop-north",
    "ingest.sources.secret": "what-the-shop-system-shows",
    "ingest.sources.secret_file": "/run/secrets/shopify",
    "ingest.sources.token": "sixteen-characters-or-more",
    "ingest.sources.token_file": "/run/secrets/token-of-the-shop",
    "ingest.sources.url": "https://shop.example/churn/ingest/square",
    "ingest.sources.customer": "customer.id",
    "ingest.sources.topic": "purchases",
    "web.tokens.name": "till",
    "web.tokens.token": "sixteen-characters-or-more",
    "web.tokens.token_file": "/run/secrets/token-of-the-till",
    "web.tokens.scopes": ["numbers", "persons"],
}
"""Of settings whose default says too little."""
_EXAMPLES_BY_NAME: Final[Mapping[str, object]] = {
    "offer": "FREE-COFFEE",
    "at_most_per_day": 20,
    "at_most_per_week": 100,
}
"""Of settings that several sections have."""
_IN_LISTS: Final = (
    "outreach.rungs.",
    "outreach.frequency_caps.",
    "web.tokens.",
    "ingest.sources.",
    "notices.thresholds.",
)
"""Tables of which there may be several."""
_OWN_RANGES: Final = {
    "outreach.level": "more than 0; at most 50 (budget, multiple) or 0.5 (probability)",
    "outreach.volume_per_100_visits": "more than 0, at most 100",
    "outreach.volume_per_day": "more than 0",
    "outreach.volume_for_loyal": "at least 0, less than 1",
    "outreach.quiet_hours": "HH:MM-HH:MM",
    "shop.timezone": "an IANA zone such as Europe/Paris",
    "shop.day_starts_at": "HH:MM",
}
"""Of what more than bounds has to be said."""
_GIVEN_APART: Final = "by the environment, rather than in the file"
"""Of a secret no example is given."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one setting."""

    key: str
    """As the file has it: section.key."""
    text: str
    """What it does."""
    unit: str
    """Empty: none."""
    default: str
    range: str
    """What may be given; empty: anything of its type."""
    example: str
    """A line of the file; of a secret, how to give it."""
    variable: str
    """The environment variable that sets it; empty: none sets it alone."""
    changed: str
    """What happens when it is changed under a living state."""
    secret: bool = False
    in_list: bool = False
    """It is one of a table of which there may be several."""


def settings_explained() -> list[Explanation]:
    """Of every setting, in the order of the sections."""
    return [_explanation(key, model, name) for key, model, name in _settings(Settings, "")]


def explained(key: str) -> list[Explanation]:
    """Of the setting of that name, with its section or without where only one has it; of all of a section.

    Raises ConfigurationError, with the names that come nearest, where there is none.
    """
    wanted, everything = key.strip().lower().replace("__", ".").removeprefix(ENV_PREFIX.lower()), settings_explained()
    found = [each for each in everything if each.key == wanted]
    found = found or [each for each in everything if each.key.startswith(f"{wanted}.")]
    found = found or [each for each in everything if each.key.endswith(f".{wanted}")]
    if found:
        return found
    keys = {each.key: each.key for each in everything}
    keys |= {each.key.rpartition(".")[2]: each.key for each in everything}
    near = dict.fromkeys(keys[name] for name in get_close_matches(wanted, keys, n=4, cutoff=0.5))
    nearest = f"; the nearest are {', '.join(near)}" if near else ""
    raise ConfigurationError(f"{key[:100]} is no setting{nearest}; `churn-alert config` lists them all.")


def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel], str]]:
    """(key, its model, its name there) of every setting below a model, tables before what is in them."""
    for name, field in model.model_fields.items():
        key, inner = f"{prefix}{name}", _model_in(field.annotation)
        if prefix and (inner is None or get_origin(_bare(field.annotation)) is list):
            yield key, model, name
        if inner is not None:
            yield from _settings(inner, f"{key}.")


def _bare(annotation: Any) -> Any:
    """Without Annotated and None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        inner = [each for each in get_args(annotation) if each is not NoneType]
        return _bare(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field is, or the table that its list is of."""
    bare = _bare(annotation)
    if get_origin(bare) is list:
        bare = _bare(get_args(bare)[0])
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _explanation(key: str, model: type[BaseModel], name: str) -> Explanation:
    field = model.model_fields[name]
    bare = _bare(field.annotation)
    secret = isinstance(bare, type) and issubclass(bare, SecretStr)
    in_list = key.count(".") > 1 and key.startswith(_IN_LISTS)
    return Explanation(
        key=key,
        text=_texts(model).get(name, ""),
        unit=_unit(key),
        default="required" if field.is_required() else _toml(field.get_default(call_default_factory=True)),
        range=_OWN_RANGES.get(key) or _range(field, bare),
        example=_GIVEN_APART if secret and not in_list else _example(key, field, in_list=in_list),
        variable="" if in_list else f"{ENV_PREFIX}{key.replace('.', '__')}".upper(),
        changed=str(on_change(key) or ""),
        secret=secret,
        in_list=in_list,
    )


@cache
def _texts(model: type[BaseModel]) -> dict[str, str]:
    """The line below each field of a model, as its source has it; a base class's, where it has none."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not (issubclass(base, BaseModel) and base.__module__.startswith("service.")):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        if not isinstance(tree, ast.ClassDef):
            continue
        for given, below in pairwise(tree.body):
            if isinstance(given, ast.AnnAssign) and isinstance(given.target, ast.Name):
                said = below.value if isinstance(below, ast.Expr) else None
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    texts[given.target.id] = " ".join(said.value.split())
    return texts


def _unit(key: str) -> str:
    own = _OWN_UNITS.get(key)
    if own is not None:
        return own
    return next((unit for ending, unit in _UNITS.items() if key.endswith(ending)), "")


def _range(field: FieldInfo, bare: Any) -> str:
    """What may be given."""
    if get_origin(bare) is Literal:
        return ", ".join(str(each) for each in get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return ", ".join(str(each.value) for each in bare)
    if bare is bool:
        return "true, false"
    bounds = {name: getattr(each, name) for each in _metadata(field) for name in _BOUNDS if hasattr(each, name)}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    of_what = "entries" if get_origin(bare) in {list, dict} else "characters"
    said = [_BOUNDS[name].format(_number(bound), of_what) for name, bound in bounds.items()]
    return ", ".join(said)


_BOUNDS: Final = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} {}",
    "max_length": "at most {} {}",
    "pattern": "of the form {}",
}


def _metadata(field: FieldInfo) -> Iterator[object]:
    """Bounds of the field, those inside an optional one too."""
    yield from field.metadata
    annotation = field.annotation
    for each in get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,):
        if get_origin(each) is Annotated:
            for part in get_args(each)[1:]:
                yield from part.metadata if isinstance(part, FieldInfo) else (part,)


def _number(bound: object) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,g}" if isinstance(bound, float) else str(bound)


def _example(key: str, field: FieldInfo, *, in_list: bool) -> str:
    """A line of the file."""
    section, _, name = key.rpartition(".")
    value = _EXAMPLES.get(key, _EXAMPLES_BY_NAME.get(name))
    if value is None:
        value = None if field.is_required() else field.get_default(call_default_factory=True)
    if value is None:
        value = "…"
    return f"in a table of {section}: {name} = {_toml(value)}" if in_list else f"[{section}] {name} = {_toml(value)}"


def _toml(value: object) -> str:
    """As the file has it."""
    match value:
        case None:
            return "unset"
        case SecretStr():
            return "a secret"
        case BaseModel():
            return _toml(value.model_dump(mode="json"))
        case Enum():
            return _toml(value.value)
        case dict():
            return (
                "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }" if value else "{}"
            )
        case list() | tuple():
            return "[" + ", ".join(_toml(inner) for inner in value) + "]"
        case bool() | int() | float():
            return json.dumps(value)
        case Path():
            return json.dumps(str(value))
        case _:
            return json.dumps(str(value), ensure_ascii=False)
