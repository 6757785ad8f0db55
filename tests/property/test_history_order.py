"""The order of a file's rows must not matter to the events that come out of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.calendar import Calendar
from service.domain.events import Event
from service.history import open_history
from tests.support.examples import examples

HEADER = "customer_id,timestamp,amount,order_id\n"
ROWS = st.lists(
    st.builds(
        "{},2024-03-{:02d}T{:02d}:{:02d},{},{}".format,
        st.sampled_from(["ann", "bob", "cyd"]),
        st.integers(1, 4),
        st.integers(0, 23),
        st.integers(0, 59),
        st.integers(-500, 500),
        st.sampled_from(["", "", "1", "2"]),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row.split(",")[1],  # rows of the same instant keep the file's order, so it matters to them
)


def events_of(rows: list[str], in_memory_lines: int) -> list[Event]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "log.csv"
        path.write_text(HEADER + "".join(row + "\n" for row in rows), encoding="utf-8")
        history = open_history(
            [path], calendar=Calendar(ZoneInfo("Europe/Paris")), minor_digits=2, in_memory_lines=in_memory_lines
        )
        return list(history.events())


@settings(max_examples=examples(60), deadline=None)
@given(rows=ROWS, data=st.data(), in_memory_lines=st.sampled_from([1, 3, 1000]))
def test_a_shuffled_file_gives_the_events_of_the_sorted_one(
    rows: list[str], data: st.DataObject, in_memory_lines: int
) -> None:
    shuffled = data.draw(st.permutations(rows))
    in_order = sorted(rows, key=lambda row: row.split(",")[1])

    assert events_of(shuffled, in_memory_lines) == events_of(in_order, 1000)


@settings(max_examples=examples(60), deadline=None)
@given(rows=ROWS)
def test_events_come_in_order_of_time_with_ids_unique_per_customer_and_no_money_lost(rows: list[str]) -> None:
    events = events_of(rows, 1000)

    assert [event.at_us for event in events] == sorted(event.at_us for event in events)
    assert len({(event.customer_id, event.event_id) for event in events}) == len(events)
    total = sum((-1 if getattr(event, "refund", False) else 1) * getattr(event, "amount_minor", 0) for event in events)
    assert total == 100 * sum(int(row.split(",")[2]) for row in rows)
