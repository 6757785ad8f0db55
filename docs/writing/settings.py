"""docs/settings.md: every setting, from the models."""

from __future__ import annotations

import re
from typing import Final

from docs.writing.regions import table
from service.config.changes import CHANGES, Change, Fate
from service.config.explain import Explanation, settings_explained

_FORM: Final = re.compile(r"(of the form )(\S+)")
"""A regular expression, whose signs Markdown would take for its own."""
HEADS = ("setting", "what it does", "unit, and what may be given", "default", "example")


def tables() -> str:
    """A heading and a table for each table of the file, in the order of the models."""
    groups: dict[str, list[Explanation]] = {}
    for each in settings_explained():
        groups.setdefault(each.key.rpartition(".")[0], []).append(each)
    return "\n\n".join(f"### {_heading(name, rows)}\n\n{table(HEADS, _rows(rows))}" for name, rows in groups.items())


def _heading(name: str, rows: list[Explanation]) -> str:
    """As the file opens the table; one of a list has two brackets."""
    return f"[{name}]" if rows[0].variable else f"[[{name}]]"


def _rows(explained: list[Explanation]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{each.key}`",
            each.text,
            "; ".join(part for part in (each.unit, _FORM.sub(r"\1`\2`", each.range)) if part),
            each.default if each.default in {"unset", "required"} else f"`{each.default}`",
            f"`{_line(each)}`",
        )
        for each in explained
    ]


def _line(each: Explanation) -> str:
    """Without the heading, which stands above; of a secret the variable, which is where it belongs."""
    name = each.key.rpartition(".")[2]
    _, found, line = each.example.partition(f"{name} = ")
    return found + line if found else f"{each.variable}=…"


def changes() -> str:
    """A table for each fate of a state; settings of which the same is to be said share a row."""
    return "\n\n".join(f"### {fate.value.capitalize()}\n\n{_of(fate)}" for fate in reversed(Fate))


def _of(fate: Fate) -> str:
    rows: dict[Change, list[str]] = {}
    for key, change in CHANGES.items():
        if change.fate is fate:
            rows.setdefault(change, []).append(f"all others of `{key[:-2]}`" if key.endswith(".*") else f"`{key}`")
    said: list[tuple[str, ...]] = [(", ".join(keys), change.text + ".") for change, keys in rows.items()]
    return table(("setting", "what happens"), said)
