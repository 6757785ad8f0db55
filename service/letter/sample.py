"""A made-up week, to look at a letter without a broker; the same whenever it is looked at."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

from service.config import Settings
from service.domain.calendar import to_day
from service.domain.periods.numbers import Counts
from service.domain.periods.rows import RowMaker
from service.letter.content import Key, Letter, letter_of

WEEK: Final = date(2026, 2, 23)
_NOW: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def sample_of(settings: Settings) -> Letter:
    shop = settings.policy().shop
    maker = RowMaker(shop)
    money = 10**shop.minor_digits

    def row(granularity: str, start: date, end: date, buyers: int, before: int, promoters: int) -> Any:
        counts = Counts(
            buyers=buyers, new=buyers // 9, retained=before * 7 // 10, repeaters=buyers // 2, orders=buyers * 2,
            revenue_minor=buyers * 11 * money, nps_promoters=promoters, nps_passives=18, nps_detractors=60 - promoters // 2,
        )  # fmt: skip
        first, last = to_day(start), to_day(end)
        return maker.row(granularity, first, last, last, now=counts, before=Counts(buyers=before))

    rows: dict[Key, Any] = {
        ("week", date(2026, 2, 16)): row("week", date(2026, 2, 16), WEEK, 151, 148, 20),
        ("week", WEEK): row("week", WEEK, date(2026, 3, 2), 158, 151, 22),
        ("month", date(2026, 1, 1)): row("month", date(2026, 1, 1), date(2026, 2, 1), 380, 371, 96),
        ("month", date(2026, 2, 1)): row("month", date(2026, 2, 1), date(2026, 3, 1), 396, 380, 62),
    }
    scores = [
        {
            "customer_id": f"C-10{17 + 3 * place}", "segment": "quiet", "visits": 12 + place, "value_at_risk": f"{412 - 31 * place}.50",
            "marketing_consent": True, "as_of": "2026-02-01T09:00:00Z", "last_visit_at": f"2026-01-{28 - place:02}T09:00:00Z", "usual_gap_days": 6.0 + place / 2,
            "tail_probability": 0.031 + place / 100,
        }
        for place in range(min(12, settings.letter.people))
    ]  # fmt: skip
    found = letter_of(settings, WEEK, rows, scores, _NOW.timestamp())
    if found is None:
        raise ValueError("the sample's week is not over")
    return found
