"""The table of docs/PRIVACY.md: which topic holds what of a person, for how long, and how it goes. What is kept for how
long is read from the plan by which the topics are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from docs.writing.regions import table
from service.cluster.topic_plan import DAY_MS, TopicSpec, topic_plan
from service.config import NoticeSettings, Settings

HEADS: Final = ("topic", "what it holds of a person", "for how long", "what an erasure does")
PARTITIONS: Final = 2
"""With so many there is every kind of topic."""
_HOUR_MS: Final = DAY_MS // 24
GROUP: Final = "GROUP"
"""In place of the group's name, by which the internal topics are called."""
_NOTHING_AT_ONCE: Final = "Nothing: the record goes when its time is over. Later events of the person are refused."


class Held(NamedTuple):
    """Of a person, in one topic."""

    what: str
    """With the names of the fields, which a test looks up."""
    setting: str
    """That says how long; empty: it is fixed."""
    erased: str
    until: str = "while the person is a customer"
    """Of a topic that keeps the newest record of each key."""


NOBODY: Final = Held("Nothing: counts and sums of the whole shop, in which nobody is found again.", "", "Nothing.")
HELD: Final[Mapping[str, Held]] = {
    "purchases": Held(
        "`customer_id`; what was bought, when, where and for how much (`occurred_at`, `amount`, `items`, `store_id`, `channel`, "
        "`order_id`).",
        "kafka.inputs_retention_days",
        _NOTHING_AT_ONCE,
    ),
    "surveys": Held(
        "`customer_id`; answers (`survey`, `score`) with what was written (`comment`), and the `order_id` they are about.",
        "kafka.inputs_retention_days",
        _NOTHING_AT_ONCE,
    ),
    "customers": Held(
        "`customer_id`; `first_name`, `contact` (e-mail, telephone, id in the CRM), `locale`, `timezone`, `marketing_consent`, "
        "`profiling`, `bounce`, `complaint`; that two ids are one person (`merged_into`).",
        "kafka.inputs_retention_days",
        "Nothing to what was said before; the erasure itself, which names the id, lies here as well until its time is over.",
    ),
    "outreach": Held(
        "Whom to write to and why: `customer_id`, `contact`, `first_name`, `locale`, `timezone`, `consent`, the sentence with "
        "its numbers (`sentence`, `reasons`), `favourite_items`, `last_items`, `latest_nps`, `latest_csat`, `churn_risk`, values.",
        "kafka.outreach_retention_days",
        "What has not gone out is cancelled at once. The records go when their time is over.",
    ),
    "outreach-decisions": Held(
        "Every decision with what it rests on: `customer_id`, `first_name`, `locale`, `sentence`, `favourite_items`, `last_items`, "
        "`latest_nps`, `latest_csat`, `churn_risk`, values. No address.",
        "kafka.decisions_retention_days",
        "Nothing new is written of the person. The records go when their time is over.",
    ),
    "dead-letters": Held(
        "The record that could not be understood as it came (`value_base64`, `key_base64`), whatever was in it.",
        "kafka.dead_letters_retention_days",
        "Nothing: the record goes when its time is over. Set a shorter time where that is too long.",
    ),
    "customer-scores": Held(
        "How a customer stands: `customer_id`, `segment`, `health`, `churn_risk`, visits, orders, revenue, dates, `answers` "
        "(`latest_nps`, `latest_csat`), `marketing_consent`, `store`; of who is not healthy the newest `visit_days`. No name "
        "and no address.",
        "kafka.compaction_lag_days",
        "The record is replaced by an empty one at once.",
    ),
    "deliveries": Held(
        "What has become of each message: `customer_id`, `channel`, `state`, `reason`, times, and what the mail "
        "server called it (`provider_id`). No name and no address.",
        "",
        "The records are written anew without the `customer_id` and the `provider_id` at once.",
        until="until the request has expired and `outreach` no longer holds it, and a day or two",
    ),
    "period-metrics": NOBODY,
    "shop-notices": NOBODY,
    f"{GROUP}-state": Held(
        "All that is known: purchases of the kept history, rhythm, answers, profile, consent, what was sent and what waits.",
        "kafka.compaction_lag_days",
        "The person's records are replaced by empty ones at once, under every id. A keyed hash of each id stays, by which later "
        "events are refused.",
    ),
    f"{GROUP}-ledger": NOBODY,
    f"{GROUP}-carried": Held(
        "Copies of records of the inputs that lay in a partition they do not belong to. With one partition there is no such topic.",
        "kafka.inputs_retention_days",
        _NOTHING_AT_ONCE,
    ),
}


def topics() -> str:
    """One row a topic. Raises KeyError for a topic of which it is not said what it holds."""
    threshold = {"name": "any", "number": "nps", "limit": 0}
    settings = Settings.model_construct(notices=NoticeSettings.model_validate({"thresholds": [threshold]}))
    group = settings.kafka.group
    rows: list[tuple[str, ...]] = []
    for spec in topic_plan(settings, PARTITIONS):
        name = spec.name.replace(f"{group}-", f"{GROUP}-")
        held = HELD[name]
        rows.append((f"`{name}`", held.what, _how_long(spec, held), held.erased))
    return table(HEADS, rows)


def _how_long(spec: TopicSpec, held: Held) -> str:
    kept, lag = spec.configs.get("retention.ms"), spec.configs.get("max.compaction.lag.ms")
    by = f" (`{held.setting}`)" if held.setting else ""
    if kept is not None:
        return f"{_days(kept)}{by}, and {_days(spec.configs['segment.ms'])} more at most"
    if lag is not None:
        keys = _days(spec.configs["delete.retention.ms"])
        return f"The newest {held.until}; what was replaced {_days(lag)}{by}; the key of what was erased {keys} more"
    return "For good"


def _days(milliseconds: str) -> str:
    days, rest = divmod(int(milliseconds), DAY_MS)
    text = f"{days} {'day' if days == 1 else 'days'}"
    return text if rest == 0 else f"{text} and {rest // _HOUR_MS} hours"
