"""A notice in one sentence, for a person of the shop."""

from __future__ import annotations

from service.notices.judge import Notice
from service.wording.formats import Formats
from service.wording.period_names import period_name
from service.wording.period_numbers import in_its_unit


def sentence_of(notice: Notice, formats: Formats) -> str:
    """Which number, of which period, and what is wrong with it."""
    threshold, before = notice.threshold, notice.before
    name = formats.catalogue.optional(f"number.{threshold.number}") or formats.catalogue.optional(
        f"column.{threshold.number}"
    )
    filled = {
        "number": name or threshold.number.replace("_", " "),
        "period": period_name(notice.row, formats),
        "value": in_its_unit(threshold.number, notice.value, formats),
    }
    if threshold.limit is not None:
        filled["limit"] = in_its_unit(threshold.number, threshold.limit, formats)
        return formats.say(f"notice.{threshold.when}.{notice.state.value}", **filled)
    if before is not None:
        filled["before"] = in_its_unit(threshold.number, float(getattr(before, threshold.number)), formats)
        filled["then"] = period_name(before, formats)
    return formats.say(f"notice.{threshold.when}", **filled)
