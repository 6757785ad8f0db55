"""README-columns.md: what the columns of the CSV files beside it mean, and the headline figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.report.csv_rows import COLUMNS
from service.report.material import Facts
from service.report.sections.alerts import needless_sentence
from service.wording.catalogue import catalogue_in
from service.wording.formats import Formats


def readme(facts: Facts, files: Iterable[str]) -> str:
    """As Markdown, in the language of the report. `files`: the names of the CSV files that were written."""
    formats = Formats(facts.shop, catalogue_in(facts.asked.language))
    return "\n".join(_lines(facts, files, formats)) + "\n"


def _lines(facts: Facts, files: Iterable[str], formats: Formats) -> Iterator[str]:
    say, shop = formats.say, facts.shop
    yield f"# {say('csv.title')}"
    yield ""
    yield say("csv.intro", zone=shop.timezone, currency=shop.currency)
    yield ""
    yield needless_sentence(facts, formats)
    for file in files:
        yield from ("", f"## {file}", "", say(f"csv.file.{file.removesuffix('.csv')}"), "")
        yield f"| {say('csv.column')} | {say('csv.meaning')} |"
        yield "| --- | --- |"
        for column in COLUMNS[file]:
            yield f"| `{column}` | {say(f'csv.{column}')} |"
