"""Merging the input topics of one partition number by event time."""

from __future__ import annotations

from random import Random

import pytest

from service.domain.merge import Merge

Record = tuple[int | None, str]


def merge_of(*topics: list[Record]) -> Merge[Record]:
    merge: Merge[Record] = Merge(len(topics), lambda record: record[0])
    for source, records in enumerate(topics):
        merge.put(source, records)
    return merge


def names(taken: list[tuple[int, Record]]) -> str:
    return "".join(record[1] for _, record in taken)


def everything_read(source: int) -> bool:
    return True


def nothing_read(source: int) -> bool:
    return False


def test_the_oldest_head_comes_first() -> None:
    merge = merge_of([(1, "a"), (4, "d")], [(2, "b"), (5, "e")], [(3, "c")])

    assert names(merge.take(everything_read)) == "abcde"
    assert len(merge) == 0


def test_an_empty_topic_that_is_not_at_its_end_is_waited_for() -> None:
    merge = merge_of([(1, "a")], [])

    assert merge.take(lambda source: source != 1) == []
    assert names(merge.take(lambda source: source == 1)) == "a"


def test_it_stops_where_a_topic_runs_out_that_is_not_at_its_end() -> None:
    merge = merge_of([(1, "a"), (2, "b"), (9, "z")], [(3, "c")])

    assert names(merge.take(nothing_read)) == "abc"
    assert merge.buffered(0) == 1

    merge.put(1, [(4, "d")])
    assert names(merge.take(nothing_read)) == "d"


def test_a_single_topic_needs_no_waiting() -> None:
    merge = merge_of([(2, "a"), (1, "b")])

    assert names(merge.take(nothing_read)) == "ab"


def test_ties_go_to_the_topic_with_the_lower_number() -> None:
    merge = merge_of([(5, "b")], [(5, "c")], [(4, "a")])

    assert names(merge.take(everything_read)) == "abc"


def test_within_a_topic_the_order_stays_whatever_the_times() -> None:
    merge = merge_of([(9, "b"), (1, "c")], [(5, "a"), (10, "d")])

    assert names(merge.take(everything_read)) == "abcd"


def test_a_record_without_a_readable_time_goes_first_once_it_is_the_head() -> None:
    merge = merge_of([(1, "b"), (2, "c")], [(None, "a"), (None, "_"), (3, "d")])

    assert names(merge.take(everything_read)) == "a_bcd"


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_a_limit_cuts_without_changing_the_order(limit: int) -> None:
    topics: list[list[Record]] = [[(1, "a"), (4, "d"), (6, "f")], [(2, "b"), (3, "c"), (5, "e")], [(7, "g")]]
    merge, whole = merge_of(*topics), ""

    while len(merge):
        taken = merge.take(everything_read, limit)
        assert 0 < len(taken) <= limit
        whole += names(taken)

    assert whole == "abcdefg"


def test_clearing_forgets_what_was_buffered() -> None:
    merge = merge_of([(1, "a")], [(2, "b")])

    merge.clear()

    assert merge.take(everything_read) == []


@pytest.mark.parametrize("seed", range(20))
def test_the_order_does_not_depend_on_how_the_records_were_fetched(seed: int) -> None:
    random = Random(seed)
    topics: list[list[Record]] = [
        [(random.randrange(40), f"{source}{n} ") for n in range(random.randrange(1, 15))] for source in range(3)
    ]
    expected = names(merge_of(*topics).take(everything_read))

    merge: Merge[Record] = Merge(3, lambda record: record[0])
    left = [list(records) for records in topics]
    found = ""
    while any(left) or len(merge):
        source = random.randrange(3)
        count = random.randrange(4)
        merge.put(source, left[source][:count])
        del left[source][:count]
        found += names(merge.take(lambda source: not left[source], random.randrange(1, 6)))

    assert found == expected
