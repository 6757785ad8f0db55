"""An engine made from settings."""

from __future__ import annotations

from service.config import Settings
from service.domain.events import Erasure, Profile
from service.engines import new_engine


def erased_hashes(settings: Settings) -> list[bytes]:
    engine = new_engine(settings)
    engine.apply(Erasure("e1", "anna", 0))
    return [key for key, _ in engine.drain().state if key.startswith(b"\x00erased:")]


def test_the_hash_of_an_erased_customer_depends_on_the_installations_secret() -> None:
    secret, other = ({"erasure_salt": salt * 16} for salt in "ab")
    hashes = [erased_hashes(Settings().changed(shop=shop)) for shop in ({}, secret, other)]

    assert all(len(found) == 1 for found in hashes)
    assert len({found[0] for found in hashes}) == 3
    assert erased_hashes(Settings().changed(shop=secret)) == hashes[1]


def test_a_volume_of_the_whole_shop_is_split_evenly_over_the_partitions() -> None:
    daily, relative = {"volume_per_day": 6.0}, {"volume_per_100_visits": 6.0}
    one, whole, same = (
        new_engine(Settings().changed(outreach=outreach), partitions=partitions).policy.outreach
        for outreach, partitions in ((daily, 4), (daily, 1), (relative, 4))
    )

    assert (one.volume_per_day, whole.volume_per_day, same.volume_per_100_visits) == (1.5, 6.0, 6.0)


def test_an_erased_customer_stays_refused_after_a_restart_with_the_same_secret() -> None:
    settings = Settings().changed(shop={"erasure_salt": "a" * 16})
    before, after = new_engine(settings), new_engine(settings)
    before.apply(Erasure("e1", "anna", 0))
    for key, value in before.drain().state:
        after.restore(key, value)
    after.restored()

    after.apply(Profile("p1", "anna", 1, first_name="Anna"))

    assert "anna" not in after.customers
    assert after.counts.of_erased == 1


def test_an_erasure_of_before_there_was_a_secret_still_holds_when_there_is_one() -> None:
    before = new_engine(Settings())
    before.apply(Erasure("e1", "anna", 0))
    after = new_engine(Settings().changed(shop={"erasure_salt": "a" * 16}))
    for key, value in before.drain().state:
        after.restore(key, value)
    after.restored()

    after.apply(Profile("p1", "anna", 1, first_name="Anna"))
    after.apply(Profile("p2", "bert", 1, first_name="Bert"))

    assert set(after.customers) == {"bert"}
