"""Events → files in the same format that is read, so that a simulated or converted log can be backtested as well as streamed.

Reading them again gives equal events. An order with several items becomes several rows: its amount in the first, empty in the others.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from service.domain.calendar import to_datetime
from service.domain.events import Event, Item, Purchase, SurveyAnswer
from service.domain.money import decimal_text

PURCHASE_HEADER = ("customer_id", "timestamp", "amount", "event_id", "order_id", "sku", "item")
SURVEY_HEADER = ("customer_id", "timestamp", "survey", "score", "event_id", "order_id")
_NO_ITEM = (Item("", ""),)


def write_history(events: Iterable[Event], purchases: Path, surveys: Path, *, minor_digits: int) -> int:
    """Writes purchases and survey answers (other events are left out), UTC; a name ending in .gz is packed. Returns how many events."""
    written = 0
    with ExitStack() as files:
        put_purchase = csv.writer(files.enter_context(_create(purchases)), lineterminator="\n").writerow
        put_answer = csv.writer(files.enter_context(_create(surveys)), lineterminator="\n").writerow
        put_purchase(PURCHASE_HEADER)
        put_answer(SURVEY_HEADER)
        for event in events:
            when = to_datetime(event.at_us).isoformat()
            if isinstance(event, Purchase):
                signed = -event.amount_minor if event.refund else event.amount_minor
                amount = decimal_text(signed, minor_digits)
                for item in event.items or _NO_ITEM:
                    put_purchase((event.customer_id, when, amount, event.event_id, event.order_id, item.sku, item.name))
                    amount = ""
            elif isinstance(event, SurveyAnswer):
                put_answer((event.customer_id, when, event.survey, event.score, event.event_id, event.order_id))
            else:
                continue
            written += 1
    return written


def _create(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        # A fixed mtime: the same events give the same bytes.
        return TextIOWrapper(gzip.GzipFile(path, "wb", compresslevel=6, mtime=0), encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")
