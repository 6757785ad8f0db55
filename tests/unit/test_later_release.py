"""One step back: what a later release has added to a record is kept for it, or this release refuses the state before it
writes anything. Nothing of it is dropped in silence, whatever record it was added to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from service.cluster.known_logs import KnownLog
from service.domain import wide_numbers
from service.domain.changelog import (
    BRAKE_KEY,
    JUDGED_PREFIX,
    LOGS_KEY,
    MADE_UNDER_KEY,
    NEWCOMERS_KEY,
    OF_NEWCOMERS,
    PACE_KEY,
    PART_PREFIX,
    PARTITION_KEY,
    POSITION_KEY,
    RETRIED_PREFIX,
    RHYTHM_PREFIX,
    ROW_PREFIX,
    SENT_PREFIX,
    SOURCE_PREFIX,
    STUMBLED_PREFIX,
    TABLE_KEY,
    day_key,
    month_key,
    pack,
    pack_positions,
    unpack_positions,
)
from service.domain.customer_fields import FIELDS
from service.domain.learning.silences import Row
from service.domain.occasion import Occasion
from service.domain.outreach.brake import BrakeState
from service.domain.partition_state import PartitionState
from service.domain.periods.day_part import DayPart
from service.domain.rhythm import RhythmState
from service.errors import ConfigurationError
from service.streaming.made_under import MadeUnder
from tests.support.engines import purchase
from tests.support.load import settings_for
from tests.unit.test_made_under import SETTINGS, a_life, revived, told_by

STATE, LEDGER = SETTINGS.kafka.state_topic, SETTINGS.kafka.ledger_topic
MORE = "of a later release"
ANNA = b"anna"


def a_partition(change: Callable[[list[Any]], None]) -> bytes:
    record = wide_numbers.decode(PartitionState().pack())
    change(record)
    return pack(record)


def anna(**fields: object) -> bytes:
    """Her record with those fields; `rare` is a map."""
    kept = a_life()[STATE, ANNA]
    assert kept is not None
    record = [*wide_numbers.decode(kept), *([{}] if "rare" in fields else [])]
    for name, value in fields.items():
        record[1 + FIELDS.index(name)] = value
    return pack(record)


SILENCES = Row().fields()
OF_STATE: dict[str, tuple[bytes, bytes]] = {
    "the brake": (BRAKE_KEY, pack([*BrakeState().fields(), MORE])),
    "a kind's pace": (PACE_KEY, pack([["win_back", 1, 1, 1, 1, MORE]])),
    "the table": (TABLE_KEY, pack([[], 1.0, [], [], MORE])),
    "a row of silences": (ROW_PREFIX + b"\0", pack([*SILENCES, MORE])),
    "a part of it": (PART_PREFIX + b"\0\0", pack([0, 0.0, 0.0, [], [], [], MORE])),
    "more bins": (ROW_PREFIX + b"\0", pack([[*SILENCES[0], 0.0], *SILENCES[1:]])),  # type: ignore[misc]
    "more bins of what was cut": (SENT_PREFIX + b"\0", pack([*SILENCES[0], 0.0])),  # type: ignore[misc]
    "an hour": (RHYTHM_PREFIX + b"\0", pack([1.0, 1.0, 0, MORE])),
    "a store": (SOURCE_PREFIX + bytes(8), pack(["store", 0, 0, 0, RhythmState().fields(), MORE])),
    "a store's rhythm": (SOURCE_PREFIX + bytes(8), pack(["store", 0, 0, 0, [*RhythmState().fields(), MORE]])),
    "a store's hour": (SOURCE_PREFIX + bytes(9), pack([1.0, 1.0, 0, MORE])),
    "what had been learned": (JUDGED_PREFIX + bytes(8), pack([1, [], 1.0, [], [], [], MORE])),
    "what alerts did": (PARTITION_KEY, a_partition(lambda record: record[5][0].extend([0, 0.0, MORE]))),
    "a class of regulars": (PARTITION_KEY, a_partition(lambda record: record[5].append([]))),
    "answers": (ANNA, anna(answers=[9, 1, None, 0, None, 0, None, None, None, MORE])),
    "favourites": (ANNA, anna(items=[{"tea": 1}, [], MORE])),
    "a profile": (ANNA, anna(profile=[None] * 40)),
    "an absence": (ANNA, anna(rare={"absence": [None, None, 0, "", 0, MORE]})),
    "what is followed": (ANNA, anna(rare={"followed": [[], None, MORE]})),
    "a following": (ANNA, anna(rare={"followed": [[[""] * 12], None]})),
    "an occasion": (ANNA, anna(rare={"occasions": [[*Occasion().fields(), MORE]]})),
    "a customer": (ANNA, pack([*wide_numbers.decode(anna(rare={})), MORE])),
    "a log": (LOGS_KEY, msgspec.msgpack.encode({"purchases": [*msgspec.structs.astuple(KnownLog()), MORE]})),
}
OF_NEWCOMERS_ALONE: dict[str, tuple[bytes, bytes]] = {
    "newcomers": (NEWCOMERS_KEY, pack([[], None, MORE])),
    "their curves": (NEWCOMERS_KEY, pack([[], [[], 1.0, MORE]])),
    "more bins": (NEWCOMERS_KEY, pack([[[0.0] * 99], None])),
    "more bins of what was cut": (SENT_PREFIX + bytes((OF_NEWCOMERS,)), pack([[0.0] * 99])),
}
OTHER_CLASSES: dict[str, tuple[bytes, bytes]] = {
    "classes": (NEWCOMERS_KEY, pack([[[]] * 9, None])),
    "what was cut": (SENT_PREFIX + bytes((OF_NEWCOMERS,)), pack([[]] * 9)),
}
"""shop.regular_min_visits decides how many there are."""
OF_LEDGER: dict[str, tuple[bytes, bytes]] = {
    "a day": (day_key(20_000), pack([*msgspec.structs.astuple(DayPart()), MORE])),
    "a month": (month_key(24_000), pack([["win_back", "remind", False, ["0"] * 13, MORE]])),
    "an arm": (month_key(24_000), pack([["win_back", "remind", False, ["0"] * 14]])),
    "an error of our own": (STUMBLED_PREFIX + b"x", pack(["record", 1, 0, "", "", "", MORE])),
    "a letter that was sent back": (RETRIED_PREFIX + b"x", pack([1, True, 0, "", "", MORE])),
    "a log": (LOGS_KEY, msgspec.msgpack.encode({STATE: [*msgspec.structs.astuple(KnownLog()), MORE]})),
}


@pytest.mark.parametrize("what", OF_STATE)
def test_what_would_be_dropped_of_the_state_is_refused_before_anything_is_written(what: str) -> None:
    key, value = OF_STATE[what]

    with pytest.raises(ConfigurationError, match=f"later release has written to {STATE}-0 .* Run that release again"):
        revived(a_life() | {(STATE, key): value}, SETTINGS)


@pytest.mark.parametrize("what", OF_NEWCOMERS_ALONE)
def test_the_same_of_what_is_learned_of_newcomers_where_they_are_nudged(what: str) -> None:
    settings = settings_for("nowhere:9092", outreach={"second_visit": True})
    key, value = OF_NEWCOMERS_ALONE[what]

    with pytest.raises(ConfigurationError, match=f"later release has written to {STATE}-0 .* Run that release again"):
        revived(a_life() | {(STATE, key): value}, settings)


@pytest.mark.parametrize("what", OTHER_CLASSES)
def test_another_number_of_classes_is_another_setting_and_no_later_release(what: str) -> None:
    settings = settings_for("nowhere:9092", outreach={"second_visit": True})
    key, value = OTHER_CLASSES[what]

    revived(a_life() | {(STATE, key): value}, settings)


@pytest.mark.parametrize("what", OF_LEDGER)
def test_what_would_be_dropped_of_the_ledger_is_refused_before_anything_is_written(what: str) -> None:
    key, value = OF_LEDGER[what]

    with pytest.raises(ConfigurationError, match=f"later release has written to {LEDGER}-0 .* Run that release again"):
        revived(a_life() | {(LEDGER, key): value}, SETTINGS)


def test_without_what_is_too_much_each_of_these_is_read() -> None:
    """So that it is refused for nothing else."""
    for known in (
        (STATE, BRAKE_KEY, pack(BrakeState().fields())),
        (STATE, PACE_KEY, pack([["win_back", 1, 1, 1, 1]])),
        (STATE, TABLE_KEY, pack([[], 1.0, [], []])),
        (STATE, NEWCOMERS_KEY, pack([[], None])),
        (STATE, ROW_PREFIX + b"\0", pack(SILENCES)),
        (STATE, PART_PREFIX + b"\0\0", pack([0, 0.0, 0.0, [], [], []])),
        (STATE, SENT_PREFIX + b"\0", pack(SILENCES[0])),  # type: ignore[arg-type]
        (STATE, RHYTHM_PREFIX + b"\0", pack([1.0, 1.0, 0])),
        (STATE, SOURCE_PREFIX + bytes(8), pack(["store", 0, 0, 0, RhythmState().fields()])),
        (STATE, SOURCE_PREFIX + bytes(9), pack([1.0, 1.0, 0])),
        (STATE, PARTITION_KEY, a_partition(lambda record: record[5][0].extend([0, 0.0]))),
        (STATE, ANNA, anna(answers=[9, 1, None, 0, None, 0, None, None, None])),
        (STATE, ANNA, anna(items=[{"tea": 1}, []])),
        (STATE, ANNA, anna(rare={"absence": [None, None, 0, "", 0]})),
        (STATE, ANNA, anna(rare={"followed": [[], None]})),
        (STATE, ANNA, anna(rare={"occasions": [Occasion().fields()]})),
        (LEDGER, day_key(20_000), pack(msgspec.structs.astuple(DayPart()))),
        (LEDGER, month_key(24_000), pack([["win_back", "remind", False, ["0"] * 13]])),
        (LEDGER, STUMBLED_PREFIX + b"x", pack(["record", 1, 0, "", "", ""])),
        (LEDGER, RETRIED_PREFIX + b"x", pack([1, True, 0, "", ""])),
    ):
        topic, key, value = known
        revived(a_life() | {(topic, key): value}, SETTINGS)


def test_what_is_kept_beside_what_a_state_was_made_under_outlives_a_setting_that_changes() -> None:
    kept = a_life()
    told = kept[LEDGER, MADE_UNDER_KEY]
    assert told is not None
    kept[LEDGER, MADE_UNDER_KEY] = msgspec.msgpack.encode({**msgspec.msgpack.decode(told), MORE: [1]})

    job = revived(kept, settings_for("nowhere:9092", shop={"regular_min_visits": 3}))
    job.engine.apply(purchase("anna", 9.0))
    written = told_by(job)[LEDGER, MADE_UNDER_KEY]

    assert written is not None
    assert MadeUnder.unpack(written).regular_min_visits == 3
    assert msgspec.msgpack.decode(written)[MORE] == [1]


def test_what_is_kept_among_the_positions_is_written_again() -> None:
    kept = a_life()
    kept[STATE, POSITION_KEY] = pack_positions(
        {SETTINGS.kafka.topics.purchases: 4, "another topic": 5, "kind:of it": 6}
    )

    job = revived(kept, SETTINGS)
    job.engine.apply(purchase("anna", 9.0))
    written = told_by(job)[STATE, POSITION_KEY]

    assert written is not None
    positions = unpack_positions(written)
    assert (positions["another topic"], positions["kind:of it"]) == (5, 6)
