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
}  # fmt: skip
