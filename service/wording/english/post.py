"""What the shop itself is sent, in English: notices and the weekly letter."""

from __future__ import annotations

from collections.abc import Mapping

POST: Mapping[str, str] = {
    "notice.below.begins": "{number} was {value} in {period}: below the limit of {limit}.",
    "notice.below.ends": "{number} was {value} in {period}: back above the limit of {limit}.",
    "notice.above.begins": "{number} was {value} in {period}: above the limit of {limit}.",
    "notice.above.ends": "{number} was {value} in {period}: back below the limit of {limit}.",
    "notice.falls": "{number} fell from {before} in {then} to {value} in {period}: more than chance explains.",
    "notice.rises": "{number} rose from {before} in {then} to {value} in {period}: more than chance explains.",
    "letter.subject": "{shop}: your week, {week}",
    "letter.your_shop": "Your shop",
    "letter.opening": "Your week, {week}",
    "letter.week": "The week",
    "letter.month": "The month: {month}",
    "letter.item": "{name}: {value}",
    "letter.before": "{before} the week before",
    "letter.people": "Worth a call",
    "letter.people.intro": "Regulars who have gone quiet, and what is at risk with each: what they would bring within a year, times the chance that they have left. The largest sums first.",
    "letter.nobody": "Nobody has gone quiet for whom much is at stake.",
    "letter.page": "All numbers",
    "letter.foot": "This letter goes to the shop only, and names customers: please do not pass it on. It is switched off by letter.enabled = false.",
}  # fmt: skip
