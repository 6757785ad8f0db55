"""A report as a program sees it, beside what it was made from."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from service.backtest.run import Result
from service.config import Settings

SETTINGS = Settings().changed(
    outreach={"consent": "external"}, shop={"timezone": "Europe/Paris", "currency": "EUR", "regular_min_visits": 4}
)


@dataclass(repr=False)
class Made:
    """A report and what it was made from."""

    result: Result
    directory: Path

    def page(self) -> Page:
        return Page.of(self.directory / "report.html")

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.directory / name).open(newline="", encoding="utf-8") as file:
            return [*csv.DictReader(file)]


@dataclass(repr=False)
class Page(HTMLParser):
    """What a program sees of the page."""

    html: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    tables: list[list[list[str | None]]] = field(default_factory=list)
    """table → row → raw values of its cells; None for a cell without one."""
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, path: Path) -> Page:
        page = cls(path.read_text(encoding="utf-8"))
        page.feed(page.html)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        match tag:
            case "table":
                self.tables.append([])
            case "tr":
                self.tables[-1].append([])
            case "td":
                self.tables[-1][-1].append(None)
            case "data" if self.tables and self.tables[-1] and self.tables[-1][-1]:
                self.tables[-1][-1][-1] = given["value"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def part(self, section: str) -> Page:
        """One section alone."""
        page = Page(self.html.partition(f'<section id="{section}"')[2].partition("</section>")[0])
        page.feed(page.html)
        return page

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [given for name, given in self.tags if name == tag]
