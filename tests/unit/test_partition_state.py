"""The partition's own record is upgraded in place."""

from __future__ import annotations

from math import log

import msgspec
import pytest

from service.domain.feed_delay import DelayState
from service.domain.partition_state import PartitionState
from tests.support.engines import apply_all, make_engine, shop_log


def test_a_record_of_the_release_with_one_curve_for_all_keeps_all_but_the_curve() -> None:
    engine = make_engine()
    apply_all(engine, sorted(shop_log(3, customers=40, days=60), key=lambda event: event.at_us))
    _, clock, population, *rest = msgspec.msgpack.decode(engine.state.pack())
    older = msgspec.msgpack.encode((1, clock, [[0.0] * 61, [0] * 61, [], *population], rest[0]))

    upgraded = PartitionState.unpack(older)

    assert upgraded.population.fields() == engine.state.population.fields()
    assert upgraded.clock.fields() == engine.state.clock.fields()
    assert upgraded.population.mu0 != 0.0
    assert upgraded.population.regulars == engine.everybody.state.regulars > 0


@pytest.mark.parametrize(
    "record", [b"", b"\x90", msgspec.msgpack.encode((99, [], [], [])), msgspec.msgpack.encode(log(2))]
)
def test_what_is_no_record_of_a_known_release_is_refused(record: bytes) -> None:
    with pytest.raises(ValueError, match="partition's record"):
        PartitionState.unpack(record)


def test_what_a_later_release_has_added_is_kept_for_it() -> None:
    engine = make_engine()
    apply_all(engine, sorted(shop_log(3, customers=40, days=60), key=lambda event: event.at_us))
    record = msgspec.msgpack.decode(engine.state.pack())
    record[1] += ["of the clock"]
    record[2] += [1, 2]
    record[11] += [{"of": "the rhythm"}]
    later = msgspec.msgpack.encode([*record, "a further part", 7])

    back = PartitionState.unpack(later)
    back.judgements += 1

    written = msgspec.msgpack.decode(back.pack())
    record[9] += 1
    assert written == [*record, "a further part", 7]


def test_behind_a_part_that_is_not_there_nothing_is_written() -> None:
    record = msgspec.msgpack.decode(PartitionState().pack())
    assert (record[4], record[7]) == ([], [])
    delay = DelayState()
    delay.minute = 1
    later = msgspec.msgpack.encode([*record[:7], [*delay.fields(), "later"], *record[8:]])

    back = PartitionState.unpack(later)

    assert msgspec.msgpack.decode(back.pack())[7][-1] == "later"
    back.delay.minute = 0
    assert msgspec.msgpack.decode(back.pack())[7] == []
