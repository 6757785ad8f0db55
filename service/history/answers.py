"""Answers as survey tools export them → rows of ours: a column a question, labelled scales, several in a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from schemas.scales import SCALES
from service.errors import ConfigurationError
from service.history.dates import TimeColumn
from service.history.evidence import Evidence
from service.history.grids import Grid, open_grid
from service.history.left_out import ReadReport
from service.history.planned import Planned

_ASKED: Final = {
    "nps": re.compile(r"recommend|recommand|weiterempf|empfehl|recomend|consigli|aanbevel|raccomand|(^|[^a-z])e?nps([^a-z]|$)|likelihood"),
    "csat": re.compile(r"satisf|zufrieden|satisfait|soddisf|tevreden|csat"),
    "ces": re.compile(r"effort|how easy|made it easy|easy (was|is) it|easier|facile|facilit|einfach|aufwand|(^|[^a-z])ces([^a-z]|$)"),
}  # fmt: skip
"""What the question of each survey says, in small letters."""
_LABELS: Final[dict[str, dict[str, int]]] = {
    "nps": {"not at all likely": 0, "not likely at all": 0, "very unlikely": 0, "extremely unlikely": 0,
            "extremely likely": 10, "very likely": 10, "pas du tout probable": 0, "très probable": 10,
            "extrêmement probable": 10, "überhaupt nicht wahrscheinlich": 0, "äußerst wahrscheinlich": 10,
            "sehr wahrscheinlich": 10},
    "csat": {"very dissatisfied": 1, "very unsatisfied": 1, "extremely dissatisfied": 1, "dissatisfied": 2, "unsatisfied": 2,
             "somewhat dissatisfied": 2, "neutral": 3, "neither satisfied nor dissatisfied": 3, "satisfied": 4,
             "somewhat satisfied": 4, "very satisfied": 5, "extremely satisfied": 5, "très insatisfait": 1,
             "pas du tout satisfait": 1, "insatisfait": 2, "neutre": 3, "satisfait": 4, "très satisfait": 5,
             "sehr unzufrieden": 1, "unzufrieden": 2, "zufrieden": 4, "sehr zufrieden": 5},
    "ces": {"strongly disagree": 1, "disagree": 2, "somewhat disagree": 3, "neither agree nor disagree": 4, "neutral": 4,
            "undecided": 4, "somewhat agree": 5, "agree": 6, "strongly agree": 7, "extremely difficult": 1,
            "very difficult": 1, "difficult": 2, "somewhat difficult": 3, "neither easy nor difficult": 4,
            "somewhat easy": 5, "easy": 6, "very easy": 7, "extremely easy": 7},
}  # fmt: skip
"""Scales in words, low to high; a label that ends a scale of numbers stands for its last number."""
_NUMBER: Final = re.compile(r"^\W*(\d{1,3})(?:[.,]0+)?(?!\d)|(?<![\d.,])(\d{1,3})\W*$", re.ASCII)
_LOOKED_AT: Final = 300
_SHARE: Final = 0.9


def score_of(survey: str, text: str) -> int | None:
    """The score of "10 - Extremely likely", "Very satisfied" or "7"; None for what is none on the scale."""
    label = " ".join(text.casefold().split())
    low, high = SCALES[survey]
    number = _LABELS[survey].get(label)
    if number is None:
        found = _NUMBER.search(label.split("/")[0] if label.count("/") == 1 else label)
        number = int(found[1] or found[2]) if found is not None else None
    return number if number is not None and low <= number <= high else None


def questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Survey → place of the first column that asks for it, and whose cells are scores."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        asked = " ".join(name.casefold().split())
        for survey, words in _ASKED.items():
            if survey in found or not words.search(asked):
                continue
            cells = [row[place] for row in rows if place < len(row) and row[place].strip()]
            good = sum(score_of(survey, cell) is not None for cell in cells)
            if cells and good >= _SHARE * len(cells):
                found[survey] = place
                break
    return found


class PlannedAnswers(Planned):
    """A table of survey answers."""

    _asked: dict[str, int]

    def look(self) -> None:
        """Reads all of it once. Raises ConfigurationError where two readings fit, or where no answer is found."""
        at, profile = self.layout.at, self.profile
        zone = profile.zone if profile is not None else ""
        name = self.layout.column("timestamp")
        if "utc" in name.lower() or "gmt" in name.lower():
            zone = "+00:00"
        time = TimeColumn(name, zone, self.wishes.zone)
        header = list(self.layout.header)
        first: list[list[str]] = []
        with open_grid(self.source) as grid:
            found = Evidence({"timestamp": time}, {}, encoding=grid.encoding)
            before = list(islice(grid.rows, self.layout.rows_before))
            for row in before[self.layout.header_at + 1 :]:  # a second row says the question that the first one numbers
                header = [f"{name} {row[place]}" if place < len(row) else name for place, name in enumerate(header)]
            for row in grid.rows:
                if at["timestamp"] < len(row):
                    time.see(row[at["timestamp"]])
                if len(first) < _LOOKED_AT:
                    first.append(row)
                if len(found.shown) < 3:
                    found.shown.append(self._as_shown(row))
                found.rows += 1
        time.decide(self.wishes.dates)
        self.evidence = found
        self._asked = {survey: at[survey] for survey in SCALES if survey in at}
        if not self._asked and "score" not in at:
            self._asked = questions_of(header, first)
            if not self._asked:
                raise ConfigurationError(
                    f"{self.path} has no column whose question is known (would recommend: nps, satisfied: csat, easy: ces) and "
                    'whose cells are scores. Say it: --map-surveys nps="COLUMN" (or csat, ces).'
                )
        self._survey = "" if "survey" in at else self._by_name(header)

    def _by_name(self, header: Sequence[str]) -> str:
        place = self.layout.at.get("score")
        if place is None or self.profile is not None:
            return "nps"
        said = f"{header[place]} {Path(self.path).name}".casefold()
        for survey, words in _ASKED.items():
            if words.search(said):
                return survey
        raise ConfigurationError(
            f"{self.path} does not say of which survey its scores are: name the column --map-surveys nps={header[place].strip()} (or csat, ces)."
        )

    def _rows(self, grid: Grid, report: ReadReport) -> Iterator[Sequence[str]]:
        assert self.evidence is not None  # noqa: S101 - looked at
        at, time = self.layout.at, self.evidence.times["timestamp"]
        customer_at, when_at = at["customer_id"], at["timestamp"]
        last = max(at.values())
        tests = {
            value.casefold(): reason
            for reason, values in (self.profile.left_out if self.profile else {}).items()
            for value in values
        }
        for row in islice(grid.rows, self.layout.rows_before, None):
            if not any(cell.strip() for cell in row):
                continue
            row.extend([""] * (last + 1 - len(row)))
            reason = tests.get(row[at["status"]].strip().casefold(), "") if "status" in at else ""
            if reason:
                report.set_aside(reason)
                continue
            when = time.clean(row[when_at])
            event, order = (row[at[name]] if name in at else "" for name in ("event_id", "order_id"))
            if "score" in at and not self._asked:
                survey = row[at["survey"]].strip().lower() if "survey" in at else self._survey
                score = score_of(survey, row[at["score"]]) if survey in SCALES else None
                yield (row[customer_at], when, survey, row[at["score"]] if score is None else str(score), event, order)
                continue
            for survey, place in self._asked.items():
                text = row[place].strip() if place < len(row) else ""
                if not text:
                    continue
                score = score_of(survey, text)
                one = f"{event}-{survey}" if event and len(self._asked) > 1 else event
                yield (row[customer_at], when, survey, text if score is None else str(score), one, order)
