"""The partition's own record is upgraded in place."""

from __future__ import annotations

from math import log

import msgspec
import pytest

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
