"""Why a customer is on a list: no share is said of another silence than the one that was judged."""

from __future__ import annotations

import pytest

from service.config import ShopSettings
from service.wording.catalogue import catalogue_in
from service.wording.english import LANGUAGE as ENGLISH
from service.wording.formats import Formats
from service.wording.french import LANGUAGE as FRENCH
from service.wording.whys import Silence, why
from tests.support.plain import plain

ENGLISH_FORMATS, FRENCH_FORMATS = (Formats(ShopSettings(), catalogue_in(each)) for each in (ENGLISH, FRENCH))


def told(days: float, judged_days: float, usual: float | None = 13.0, tail: float | None = 0.05) -> str:
    silence = Silence(days, judged_days, usual, tail, visits=9)
    assert plain(why(silence, FRENCH_FORMATS))
    return plain(why(silence, ENGLISH_FORMATS))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (told(20.0, 19.0), "Comes every 13 days, silent for 20 days: longer than 95.0% of such pauses."),
        (told(18.0, 0.0, tail=1.0), "Comes every 13 days, silent for 18 days."),
        (told(18.0, 12.9, tail=0.55), "Comes every 13 days, silent for 18 days."),
        (told(9.0, 0.0, tail=1.0), "Comes every 13 days; last seen 9 days ago, as usual."),
        (told(9.0, 0.0, usual=None), "Came once, 9 days ago."),
        (told(9.0, 0.0, tail=None), "9 visits so far, every 13 days; silent for 9 days."),
    ],
)
def test_a_share_is_said_where_the_silence_was_judged_beyond_the_usual_gap(said: str, sentence: str) -> None:
    assert said == sentence
