"""Puts the sections on one page.

A new section is a module in `sections`, a template of its name, and a line in `sections_of`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from service.report.material import Facts
from service.report.sections import (
    alerts,
    budget,
    compare,
    customers,
    numbers,
    promised_and_kept,
    risk,
    timelines,
    what_was_read,
)
from service.wording.catalogue import catalogue_in
from service.wording.formats import Formats
from service.wording.language import Language
from service.wording.languages import DEFAULT

_TEMPLATES = Environment(
    loader=PackageLoader("service.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sections_of(facts: Facts, formats: Formats) -> list[tuple[str, Any]]:
    """(name of the template, what it prints), in the order of the page."""
    return [
        ("read", what_was_read.compose(facts, formats)),
        ("numbers", numbers.compose(facts, formats)),
        ("customers", customers.compose(facts, formats)),
        ("alerts", alerts.compose(facts, formats)),
        ("timelines", timelines.compose(facts, formats)),
        ("compare", compare.compose(facts, formats)),
        ("promise", promised_and_kept.compose(facts, formats)),
        ("budget", budget.compose(facts, formats)),
        ("risk", risk.compose(facts, formats)),
    ]


def render(facts: Facts, language: Language = DEFAULT) -> str:
    """The page as HTML: no script, nothing loaded from anywhere."""
    catalogue = catalogue_in(language)
    formats = Formats(facts.result.settings.shop, catalogue)
    return _TEMPLATES.get_template("report.html").render(
        language=language.code, say=catalogue.say, sections=sections_of(facts, formats)
    )


def write_report(path: Path, facts: Facts, language: Language = DEFAULT) -> Path:
    path.write_text(render(facts, language), encoding="utf-8")
    return path
