"""Times and amounts of the usual form are read digit by digit; they must mean what Python's own readers say."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation, Overflow
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import Calendar, to_us
from service.history.amounts import AmountReader
from service.history.timestamps import TimestampReader

ZONES = ("UTC", "Europe/Paris", "America/St_Johns")
DIGITS = st.text("0123456789 .:-+٣", min_size=2, max_size=2)
NEARLY_TIMES = st.builds(
    lambda day, between, h, m, s, end: f"{day}{between}{h}:{m}:{s}{end}",
    st.sampled_from(["2024-03-30", "2024-03-31", "2024-02-30", "2017-10-29", "1970-01-01"]),
    st.sampled_from("T x"),
    DIGITS,
    DIGITS,
    DIGITS,
    st.sampled_from(["", "Z", "z", "X", "ZZ", "+02:00"]),
)


@given(
    st.lists(st.tuples(st.dates(date(1970, 1, 2), date(2199, 12, 30)), st.times(), st.booleans()), min_size=1),
    st.sampled_from(ZONES),
)
def test_a_plain_time_is_the_instant_that_python_reads(moments: list[tuple[date, time, bool]], zone: str) -> None:
    reader = TimestampReader(Calendar(ZoneInfo(zone)))

    for day, clock, in_utc in [*moments, *moments]:  # once more from the cached days
        local = datetime.combine(day, clock.replace(microsecond=0), UTC if in_utc else ZoneInfo(zone))
        text = f"{day}T{clock:%H:%M:%S}" + "Z" * in_utc
        assert reader.read(text) == to_us(local.astimezone(UTC))


@given(st.lists(NEARLY_TIMES, min_size=1))
def test_what_is_nearly_a_plain_time_reads_the_same_whatever_was_read_before(texts: list[str]) -> None:
    known = TimestampReader(Calendar(ZoneInfo("Europe/Paris")))
    for warm in ("2024-03-30T01:02:03", "2024-03-30T01:02:03Z", "2017-10-29T01:02:03Z", "1970-01-01T05:00:00"):
        known.read(warm)

    for text in texts:
        assert known.read(text) == TimestampReader(Calendar(ZoneInfo("Europe/Paris"))).read(text)


@given(st.text("0123456789.-+e ", max_size=12) | st.decimals(0, 10**9, places=2).map(str), st.integers(0, 3))
def test_an_amount_is_the_decimal_that_its_text_says(text: str, digits: int) -> None:
    found = AmountReader(digits).read(text)

    try:
        said = Decimal(text.strip() or "0").scaleb(digits)
    except (InvalidOperation, Overflow):
        assert found is None
    else:
        assert found is None or found == said
        if text.replace(".", "", 1).isdecimal():
            assert found is not None
