"""Whatever happens to the bytes of a batch: it is the same records, or others and references; never an error, never a
standstill, and what lies around it is read."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from service.fetching import Limits, SetAside
from tests.support.examples import examples
from tests.support.hostile_batches import Made, batch, with_checksum
from tests.support.read_batches import LogReader, ordinary

CODECS = st.sampled_from([0, 1, 2, 3, 4])
CONTENT = st.none() | st.binary(max_size=40)
HEADERS = st.lists(st.tuples(st.just(b"name") | st.binary(max_size=3), CONTENT), max_size=3)
MADE = st.tuples(CONTENT, CONTENT, HEADERS).map(lambda parts: Made(*parts))
BEFORE, AFTER = batch(0, [Made(b"before")]), batch(100, [Made(b"after")])


@given(st.lists(st.lists(MADE, min_size=1, max_size=6), min_size=1, max_size=4), CODECS)
@settings(max_examples=examples(40), deadline=None)
def test_what_is_in_order_is_what_aiokafka_reads(batches: list[list[Made]], codec: int) -> None:
    texts = [
        [made._replace(headers=[(b"name", value) for _, value in made.headers]) for made in one] for one in batches
    ]
    log, base = list[tuple[int, bytes]](), 0
    for records in texts:
        log.append((base + len(records) - 1, batch(base, records, codec)))
        base += len(records)

    assert LogReader(log).all() == list(ordinary(b"".join(content for _, content in log)))


@given(
    st.lists(MADE, min_size=1, max_size=8),
    CODECS,
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 60),
)
@settings(max_examples=examples(150), deadline=None)
def test_whatever_happens_to_a_batch_the_position_passes_it(
    records: list[Made], codec: int, changes: list[tuple[int, int]], sound: bool, shorter: int
) -> None:
    content = bytearray(batch(10, records, codec, last_delta=89))
    for place, byte in changes:
        content[place % len(content)] = byte
    if shorter > 50:
        del content[-(shorter - 50) :]
    hostile = with_checksum(bytes(content)) if sound else bytes(content)
    reader = LogReader([(0, BEFORE), (99, hostile), (100, AFTER)], limits=Limits(1 << 20))

    found = reader.all()

    assert found[0].key == b"before"
    assert found[-1].offset >= 99
    offsets = [each.offset for each in found]
    assert offsets == sorted(set(offsets)), "each place once, in order"
    for earlier, later in pairwise(found):
        assert not isinstance(later, SetAside) or earlier.offset < later.first <= later.last
    assert reader.taken.unpacked <= 2 << 20
