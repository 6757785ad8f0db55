"""Puts the sections on one page. A new section is a module with `compose`, a template of its name, and a line in `sections_of`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from service.report import alerts, budget, compare, customers, numbers, promise, read, risk, timelines
from service.report.material import Facts
from service.report.texts import tongue_in
from service.wording.formats import Words
from service.wording.sentences import Language

_TEMPLATES = Environment(
    loader=PackageLoader("service.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sections_of(facts: Facts, words: Words) -> list[tuple[str, Any]]:
    """(name of the template, what it prints), in the order of the page."""
    return [
        ("read", read.compose(facts, words)),
        ("numbers", numbers.compose(facts, words, facts.result.settings.shop)),
        ("customers", customers.compose(facts, words)),
        ("alerts", alerts.compose(facts, words)),
        ("timelines", timelines.compose(facts, words)),
        ("compare", compare.compose(facts, words)),
        ("promise", promise.compose(facts, words)),
        ("budget", budget.compose(facts, words)),
        ("risk", risk.compose(facts, words)),
    ]


def render(facts: Facts, language: Language = Language.EN) -> str:
    """The page as HTML: no script, nothing loaded from anywhere."""
    tongue = tongue_in(language)
    words = Words(facts.result.settings.shop, tongue)
    return _TEMPLATES.get_template("report.html").render(
        language=language.value, say=tongue.say, sections=sections_of(facts, words)
    )


def write_report(path: Path, facts: Facts, language: Language = Language.EN) -> Path:
    path.write_text(render(facts, language), encoding="utf-8")
    return path
