"""A settings file to begin with: every setting, what it means, and its default as a comment.

It says what docs/settings.md says (explain.py). What is given stands as it is; every default is a comment, so that a
later release may choose a better one and nobody has pinned the old one by accident.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Final

from service.config.explain import Explanation, settings_explained

_WIDTH: Final = 100
_HEAD: Final = """\
# Settings of Churn Alert. Whatever begins with a single # is at its default: take the # away to set it.
# `churn-alert config` prints what is in force, `churn-alert config --explain KEY` says more of one setting.
# The environment goes before this file: CHURN_ALERT_SHOP__NAME is shop.name.
"""
_SAYS_LITTLE: Final = ("true, false", "of the form")
"""Ranges that tell people nothing."""


def commented_toml(given: Mapping[str, object]) -> str:
    """A whole file. `given`: section.key → its value, of text, numbers, truth values and lists of them.

    Raises KeyError where one of them is no setting.
    """
    sections: dict[str, list[Explanation]] = {}
    for each in settings_explained():
        if not each.in_list:
            sections.setdefault(each.key.rpartition(".")[0], []).append(each)
    unknown = given.keys() - {each.key for settings in sections.values() for each in settings}
    if unknown:
        raise KeyError(min(unknown))
    blocks = [_HEAD]
    for section, settings in sections.items():
        lines = [f"[{section}]"]
        for each in settings:
            lines += ["", *_said(each), _line(each, given)]
        blocks.append("\n".join(lines) + "\n")
    return "\n\n".join(blocks)


def _said(each: Explanation) -> Iterator[str]:
    told = each.text.lower()
    facts = [each.text]
    if each.unit and each.unit.partition(" ")[0] not in told:
        facts.append(f"Unit: {each.unit}.")
    if each.range and not each.range.startswith(_SAYS_LITTLE):
        facts.append(f"Allowed: {each.range}.")
    yield from wrap(" ".join(facts), _WIDTH, initial_indent="## ", subsequent_indent="## ", break_on_hyphens=False)


def _line(each: Explanation, given: Mapping[str, object]) -> str:
    section, _, name = each.key.rpartition(".")
    if each.key in given:
        return f"{name} = {json.dumps(given[each.key], ensure_ascii=False)}"
    if each.secret:
        return f"## {name} is not set, and is better given by the environment or a file of its own"
    if each.default == "unset":
        example = each.example.removeprefix(f"[{section}] ")
        return f"## {name} is not set; for example {example}"
    return f"# {name} = {each.default}"
