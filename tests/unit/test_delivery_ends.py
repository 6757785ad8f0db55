"""What a deliverer knew when it lost its broker is not forgotten by the process that takes its place."""

from __future__ import annotations

import pytest

from service.delivery.desk import Said
from service.delivery.ends import VARIABLE, ends_known, keep_ends, take_ends
from service.delivery.memory import Entry, Memory, State
from service.domain.calendar import DAY_US
from tests.support.delivery_world import NOW_US

END = Entry(State.DELIVERED, "", NOW_US, 2, NOW_US + DAY_US, "c1", sample=False)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        (END._replace(state=State.ATTEMPTED), True),
        (END._replace(state=State.ATTEMPTED, attempts=3), False),  # somebody else has begun it since
        (END._replace(state=State.BOUNCED), False),
    ],
)
def test_an_end_is_believed_of_the_attempt_that_it_is_about(entry: Entry, known: bool) -> None:
    memory = Memory("smtp", DAY_US)
    memory.put("r1", entry)
    keep_ends("smtp", [Said("r1", END), Said("r2", END), Said("r3", None)])

    kept = take_ends("smtp")

    assert kept == {"r1": END, "r2": END}
    assert ends_known(kept, memory) == ([Said("r1", END)] if known else [])
    assert take_ends("smtp") == {}


def test_what_is_kept_for_another_channel_or_is_nonsense_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_ends("webhook", [Said("r1", END)])
    assert take_ends("smtp") == {}

    monkeypatch.setenv(VARIABLE, "nonsense AAAA ====")
    assert take_ends("smtp") == {}
