"""A state goes on under the zone, the begin of the day, the currency and the secret that it was made under, and with no
longer history, or not at all; who is a regular is counted again where that is told anew."""

from __future__ import annotations

import pytest

from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.changelog import MADE_UNDER_KEY, UNFINISHED_KEY
from service.domain.events import Purchase
from service.engines import secret_mark
from service.errors import ConfigurationError, FatalError
from service.streaming.job import PartitionJob
from service.streaming.made_under import MadeUnder
from tests.support.load import START_US, settings_for

SETTINGS = settings_for("nowhere:9092")
Kept = dict[tuple[str, bytes], bytes | None]


def a_life(settings: Settings = SETTINGS) -> Kept:
    """What a partition has written of two customers, one of five visits and one of three."""
    job = PartitionJob(settings, 0)
    visits = [("anna", day) for day in range(5)] + [("bert", day) for day in range(3)]
    for name, day in sorted(visits, key=lambda visit: visit[1]):
        job.engine.apply(Purchase(f"{name}-{day}", name, START_US + day * DAY_US, 700))
    return told_by(job)


def told_by(job: PartitionJob) -> Kept:
    """What a partition writes of its state."""
    written, found = job.drain(1), Kept()
    assert written is not None
    for place, records in written.records.items():
        if place.topic in {SETTINGS.kafka.state_topic, SETTINGS.kafka.ledger_topic}:
            found.update(((place.topic, key), value) for key, value in records if key is not None)
    return found


def revived(kept: Kept, settings: Settings) -> PartitionJob:
    job = PartitionJob(settings, 0)
    for (topic, key), value in kept.items():
        job.restore(topic, key, value)
    job.restored()
    return job


def test_a_partition_tells_once_what_it_was_made_under() -> None:
    kept = a_life()

    told = kept[SETTINGS.kafka.ledger_topic, MADE_UNDER_KEY]
    again = revived(kept, SETTINGS)
    again.engine.apply(Purchase("late", "anna", START_US + 9 * DAY_US, 700))
    written = again.drain(1)

    assert told is not None
    assert MadeUnder.unpack(told) == MadeUnder("Europe/Paris", "EUR", "00:00", 4, 765, secret_mark(SETTINGS))
    assert written is not None
    assert all(key != MADE_UNDER_KEY for records in written.records.values() for key, _ in records)


@pytest.mark.parametrize(
    ("key", "value"), [("timezone", "America/New_York"), ("currency", "JPY"), ("day_starts_at", "05:00")]
)
def test_another_zone_day_or_currency_is_refused_with_both_values(key: str, value: str) -> None:
    kept, changed = a_life(), SETTINGS.changed(shop={key: value})

    with pytest.raises(ConfigurationError) as refused:
        revived(kept, changed)

    assert f"shop.{key} is {value!r}" in str(refused.value)
    assert f"made under {getattr(SETTINGS.shop, key)!r}" in str(refused.value)


SECRET, OTHER = ({"erasure_salt": letter * 16} for letter in "ab")


def test_a_longer_history_is_refused_and_a_shorter_one_cannot_be_lengthened_again() -> None:
    long = SETTINGS.changed(shop={"history_days": 900})
    kept = a_life(long)
    again = revived(kept, SETTINGS)
    again.engine.apply(Purchase("late", "anna", START_US + 9 * DAY_US, 700))
    kept.update(told_by(again))

    revived(kept, SETTINGS)
    with pytest.raises(ConfigurationError, match=r"shop\.history_days is 900, .* was made under 765"):
        revived(kept, long)


@pytest.mark.parametrize("then", [OTHER, {"erasure_salt": None}], ids=["another", "none"])
def test_a_secret_is_not_exchanged_nor_taken_away(then: dict[str, str | None]) -> None:
    kept = a_life(SETTINGS.changed(shop=SECRET))

    revived(kept, SETTINGS.changed(shop=SECRET))
    with pytest.raises(ConfigurationError, match=r"shop\.erasure_salt is .*erased customers would not be recognised"):
        revived(kept, SETTINGS.changed(shop=then))


def test_the_secret_itself_is_not_in_the_state() -> None:
    assert not any(b"a" * 16 in (value or b"") for value in a_life(SETTINGS.changed(shop=SECRET)).values())


def test_where_a_secret_is_set_afterwards_the_control_group_stays_as_it_was_drawn() -> None:
    half = SETTINGS.changed(outreach={"control_share": 0.5}, shop={"erasure_salt": None})
    kept, names = a_life(half), [f"c{number}" for number in range(64)]
    drawn = revived(kept, half).engine.ladder.programme._control

    later = revived(kept, half.changed(shop=SECRET))
    later.engine.apply(Purchase("late", "anna", START_US + 9 * DAY_US, 700))
    kept.update(told_by(later))
    for settings in (half.changed(shop=SECRET), half.changed(shop=SECRET)):
        now = revived(kept, settings).engine.ladder.programme._control
        assert [now.holds(name, 0) for name in names] == [drawn.holds(name, 0) for name in names]
    fresh = PartitionJob(half.changed(shop=SECRET), 0).engine.ladder.programme._control

    assert [fresh.holds(name, 0) for name in names] != [drawn.holds(name, 0) for name in names]
    with pytest.raises(ConfigurationError, match="erasure_salt"):
        revived(kept, half)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        revived(a_life(), SETTINGS.changed(shop={"currency": "JPY", "timezone": "UTC", "history_days": 800}))

    assert [name in str(refused.value) for name in ("shop.currency", "shop.timezone", "shop.history_days")] == [
        True
    ] * 3


def test_a_state_of_a_release_that_kept_less_takes_over_what_is_set() -> None:
    told = MadeUnder("Europe/Paris", "EUR", "00:00", 4)
    now = SETTINGS.changed(shop={"history_days": 900, **SECRET})

    told.hold(now)

    assert told.going_on(now) == MadeUnder.of(now)
    assert not told.going_on(now).drawn_by_group


def test_a_state_of_an_earlier_release_goes_on_under_what_is_set() -> None:
    kept = a_life()
    del kept[SETTINGS.kafka.ledger_topic, MADE_UNDER_KEY]

    job = revived(kept, SETTINGS.changed(shop={"timezone": "UTC"}))
    job.engine.apply(Purchase("late", "anna", START_US + 9 * DAY_US, 700))
    written = job.drain(1)

    assert written is not None
    told = [value for records in written.records.values() for key, value in records if key == MADE_UNDER_KEY]
    assert [MadeUnder.unpack(value).timezone for value in told if value is not None] == ["UTC"]


def test_who_is_a_regular_is_counted_again() -> None:
    kept = a_life()

    before, after = (revived(kept, SETTINGS.changed(shop={"regular_min_visits": n})).engine for n in (4, 3))

    assert (before.everybody.state.regulars, before.everybody.state.regular_revenue_minor) == (1, 3500)
    assert (after.everybody.state.regulars, after.everybody.state.regular_revenue_minor) == (2, 5600)


def test_commands_read_a_state_under_its_own_settings() -> None:
    made = MadeUnder("Asia/Tokyo", "JPY", "05:00", 3)

    found = made.settings(SETTINGS)

    assert (found.shop.timezone, found.shop.currency, found.shop.minor_digits) == ("Asia/Tokyo", "JPY", 0)
    assert found.kafka == SETTINGS.kafka
    assert MadeUnder.of(SETTINGS).settings(SETTINGS) is SETTINGS


def test_nobody_goes_on_from_a_half() -> None:
    kept = a_life()
    kept[SETTINGS.kafka.state_topic, UNFINISHED_KEY] = b"1"

    with pytest.raises(FatalError, match="is not whole"):
        revived(kept, SETTINGS)

    kept[SETTINGS.kafka.state_topic, UNFINISHED_KEY] = None
    assert revived(kept, SETTINGS).engine.customers.keys() == {"anna", "bert"}


def test_what_is_no_such_record_is_refused() -> None:
    with pytest.raises(ValueError, match="not a record of this release"):
        MadeUnder.unpack(b"\x00")
