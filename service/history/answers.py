"""Answers as survey tools export them → rows of ours: a column a question, labelled scales, several in a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from schemas.scales import SCALES
from service.errors import ConfigurationError
from service.history.dates import TimeColumn
from service.history.evidence import Evidence
from service.history.grids import Grid, open_grid
from service.history.layout import Layout, Wishes
from service.history.left_out import ReadReport
from service.history.planned import Planned
from service.history.questions import all_questions_of, asked, is_turned_round, other_scale, scale_of, score_of
from service.history.sources import Source

_LOOKED_AT: Final = 300
_ENOUGH: Final = 20
_SHORTER: Final = 5


class PlannedAnswers(Planned):
    """A table of survey answers."""

    option = "--map-surveys customer_id=…,timestamp=…,nps=… (or csat, ces)"

    _asked: dict[str, int]
    _scales: dict[str, str]

    def __init__(self, source: Source, layout: Layout, wishes: Wishes) -> None:
        super().__init__(source, layout, wishes)
        self._said: list[str] = []

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
            time.since_1904 = grid.since_1904
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
        self._scales = {}
        if not self._asked and "score" not in at:
            found_in = all_questions_of(header, first)
            self._asked = {survey: places[0] for survey, places in found_in.items()}
            self._scales = {
                survey: scale_of(survey, [row[place] for row in first if place < len(row)])
                for survey, place in self._asked.items()
            }
            self._check_alone(found_in, header)
            if not self._asked:
                raise ConfigurationError(
                    f"{self.path} has no column whose question is known (would recommend: nps, satisfied: csat, easy: ces) and "
                    'whose cells are scores. Say it: --map-surveys nps="COLUMN" (or csat, ces).'
                )
        self._survey = "" if "survey" in at else self._by_name(header)
        self._check_scales(header, first)

    def _check_alone(self, asked: Mapping[str, Sequence[int]], header: Sequence[str]) -> None:
        for survey, places in asked.items():
            if len(places) > 1:
                names = " and ".join(repr(header[place].strip()[:60]) for place in places[:3])
                raise ConfigurationError(
                    f"{self.path} asks for {survey} in more than one column ({names}): name the one that counts with "
                    f'--map-surveys {survey}="COLUMN".'
                )

    def _check_scales(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Raises ConfigurationError for a scale whose lowest number is the best; a shorter one is said."""
        for survey, place in self._asked.items():
            cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
            wrong = next((text for text in (header[place], *cells) if is_turned_round(survey, text)), None)
            if wrong is not None:
                raise ConfigurationError(
                    f"{self.path}: in {header[place].strip()[:60]!r} the lowest number is the best answer ({wrong.strip()[:80]!r}), while a "
                    "higher score is the better one here: turn the numbers round and give the file again."
                )
            other = other_scale(survey, header[place])
            if other:
                low, high = SCALES[survey]
                raise ConfigurationError(
                    f"{self.path}: {header[place].strip()[:60]!r} was asked on a scale of {other}, and {survey} goes from {low} to {high}: what the "
                    "answers would be there nobody knows. Write them on that scale, or leave the file out."
                )
            highest = max((int(cell) for cell in cells if cell.isascii() and cell.isdigit()), default=0)
            if survey != "csat" and len(cells) >= _ENOUGH and highest <= _SHORTER and all(map(str.isdigit, cells)):
                self._said.append(
                    f"  {header[place].strip()[:60]}: no answer is above {highest}, and {survey} goes to {SCALES[survey][1]}: was it asked on a shorter scale?"
                )

    def sentences(self) -> list[str]:
        """What was understood, and what may be wrong with the scale."""
        return [*super().sentences(), *self._said]

    def asked(self) -> list[tuple[str, str]]:
        """Surveys and the columns of their scores, where each has one."""
        return [(survey, self.layout.header[place].strip()[:60]) for survey, place in self._asked.items()]

    def _by_name(self, header: Sequence[str]) -> str:
        place = self.layout.at.get("score")
        if place is None or self.profile is not None:
            return "nps"
        said = f"{header[place]} {Path(self.path).name}".casefold()
        for survey, words in asked().items():
            if words.search(said):
                return survey
        raise ConfigurationError(
            f"{self.path} does not say of which survey its scores are: name the column --map-surveys nps={header[place].strip()} (or csat, ces)."
        )

    def _rows(self, grid: Grid, report: ReadReport) -> Iterator[Sequence[str]]:
        assert self.evidence is not None  # noqa: S101 - looked at
        at, time = self.layout.at, self.evidence.times["timestamp"]
        customer_at, when_at = at["customer_id"], at["timestamp"]
        last, header = max(at.values()), self.layout.header
        tests = {
            value.casefold(): reason
            for reason, values in (self.profile.left_out if self.profile else {}).items()
            for value in values
        }
        for row in islice(grid.rows, self.layout.rows_before, None):
            if not any(cell.strip() for cell in row):
                continue
            row.extend([""] * (last + 1 - len(row)))
            if row[when_at] == header[when_at]:
                continue  # once more, where files were put together
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
                score = score_of(survey, text, self._scales.get(survey, ""))
                one = f"{event}-{survey}" if event and len(self._asked) > 1 else event
                yield (row[customer_at], when, survey, text if score is None else str(score), one, order)
