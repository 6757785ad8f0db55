"""The examples of docs/events.md."""

from __future__ import annotations

import json
from collections.abc import Iterable

from docs.writing.examples import INPUTS, Example, outputs


def inputs_page() -> str:
    """What a shop sends in."""
    return _sections(INPUTS)


def outputs_page() -> str:
    """What the service says."""
    return _sections(outputs())


def _sections(examples: Iterable[Example]) -> str:
    return "\n\n".join(_section(each) for each in examples)


def _section(example: Example) -> str:
    path = f"../schemas/json/{example.schema}.schema.json"
    place = f"On `{example.topic}`, key `{example.key}`; described by [{example.schema}]({path})."
    text = f"### {example.title}\n\n{place} {example.about}".rstrip()
    if example.value is None:
        return text
    return f"{text}\n\n```json\n{json.dumps(example.value, indent=2, ensure_ascii=False)}\n```"
