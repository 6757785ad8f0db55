"""Puts the sections on one page.

A new section is a module in `sections`, a template of its name, and a line in `sections_of`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from service.report.material import Facts
from service.report.proposed import proposed_of
from service.report.sections import (
    alerts,
    budget,
    compare,
    customers,
    numbers,
    promised_and_kept,
    risk,
    timelines,
    todo,
    what_was_read,
)
from service.wording.catalogue import catalogue_in
from service.wording.formats import Formats
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
        ("todo", todo.compose(facts, formats)),
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


def formats_of(facts: Facts) -> Formats:
    """Of the language that was asked for."""
    return Formats(facts.shop, catalogue_in(facts.asked.language))


def render(facts: Facts) -> str:
    """The page as HTML: no script, nothing loaded from anywhere."""
    formats = formats_of(facts)
    return _TEMPLATES.get_template("report.html").render(
        language=facts.asked.language.code,
        say=formats.say,
        shop=facts.shop.name,
        sections=sections_of(facts, formats),
    )


def write_report(path: Path, facts: Facts) -> Path:
    path.write_text(render(facts), encoding="utf-8")
    return path


def told_at_a_terminal(facts: Facts) -> list[str]:
    """The headline figures of the page, in the language that the commands speak."""
    formats = Formats(facts.shop, catalogue_in(DEFAULT))
    return [*todo.in_words(facts, formats), alerts.needless_sentence(facts, formats), *alerts.decided(facts, formats)]


def proposal_in_words(facts: Facts) -> str:
    """The proposal as the report says it, in the language that the commands speak."""
    formats, proposed = Formats(facts.shop, catalogue_in(DEFAULT)), proposed_of(facts)
    if proposed is None or proposed.budget is not None:
        return budget.proposal_sentence(facts, formats)
    return " ".join(todo.policy_sentences(proposed, formats))
