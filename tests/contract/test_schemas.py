"""The checked-in contracts are the models', every field explains itself, and no output breaks whoever reads it
already."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.asyncapi import CHANNELS, document
from schemas.compatibility import breaking_changes
from schemas.export import BASELINE, INPUTS, OUTPUTS, check, export, schema_of

Schema = dict[str, Any]


def test_the_checked_in_files_are_what_the_models_say() -> None:
    assert check() == [], "run `churn-alert schemas export`"


def test_a_drift_is_named(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "asyncapi.json").write_text("{}")
    (tmp_path / "json" / "purchase.schema.json").unlink()
    (tmp_path / "json" / "gone.schema.json").write_text("{}")

    assert check(tmp_path) == [
        "json/purchase.schema.json is missing",
        "asyncapi.json differs from the models",
        "json/gone.schema.json is no longer generated",
    ]


def test_every_released_output_has_a_baseline() -> None:
    assert {path.name.removesuffix(".schema.json") for path in BASELINE.iterdir()} == set(OUTPUTS)


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_no_output_breaks_a_consumer_of_the_released_one(name: str) -> None:
    released = json.loads((BASELINE / f"{name}.schema.json").read_text(encoding="utf-8"))

    assert breaking_changes(released, schema_of(OUTPUTS[name])) == []


@pytest.mark.parametrize("name", sorted({**INPUTS, **OUTPUTS}))
def test_every_field_is_described(name: str) -> None:
    schema = schema_of({**INPUTS, **OUTPUTS}[name])

    objects = [schema, *schema.get("$defs", {}).values()]
    undescribed = [
        field for part in objects for field, about in part.get("properties", {}).items() if not about.get("description")
    ]

    assert undescribed == []
    jsonschema.Draft202012Validator.check_schema(schema)


def test_asyncapi_names_every_topic_and_the_webhook_and_resolves_every_reference() -> None:
    text = document()

    assert set(text["channels"]) == {
        "purchases", "surveys", "customers", "outreach", "outreach-decisions", "customer-scores", "period-metrics", "dead-letters",
        "deliveries", "shop-notices", "webhook",
    }  # fmt: skip
    assert len(text["operations"]) == len(CHANNELS) + 1
    assert "CustomerRemovedEvent" in text["channels"]["webhook"]["messages"]
    for reference in references(text):
        assert reference.startswith("#/")
        found: Any = text
        for part in reference[2:].split("/"):
            found = found[part]


def references(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in references(value)]
    if isinstance(part, list):
        return [found for value in part for found in references(value)]
    return []


OLD: Schema = {
    "type": "object",
    "required": ["id", "type", "data"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "type": {"const": "outreach.requested", "type": "string"},
        "data": {"$ref": "#/$defs/Data"},
    },
    "$defs": {
        "Data": {
            "type": "object",
            "required": ["kind", "outcome", "visits", "risk", "items"],
            "properties": {
                "kind": {"enum": ["win_back", "delight"], "type": "string"},
                "outcome": {"enum": ["released", "withheld"], "type": "string"},
                "visits": {"type": "integer", "minimum": 0},
                "risk": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]},
                "items": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
                "at": {"type": "string", "pattern": "Z$"},
            },
        }
    },
}
FIELDS = ("$defs", "Data", "properties")
REMOVED = object()


def changed(path: tuple[str, ...], value: object) -> Schema:
    new = copy.deepcopy(OLD)
    part: Any = new
    for step in path[:-1]:
        part = part[step]
    if value is REMOVED:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return new


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        (("properties", "id"), REMOVED, "id: field removed"),
        (("properties", "type", "const"), "other", "type: constant changed"),
        (("properties", "type"), {"type": "string"}, "type: no longer one of"),
        (("properties", "id", "type"), "integer", "id: type changed from string to integer"),
        (("properties", "id", "type"), REMOVED, "id: type changed from string to anything"),
        (("properties", "id", "minLength"), 0, "id: minLength lowered"),
        (("required",), ["id", "type"], "data: no longer always present"),
        ((*FIELDS, "visits"), REMOVED, "data.visits: field removed"),
        ((*FIELDS, "visits", "type"), "number", "data.visits: type changed"),
        ((*FIELDS, "visits", "minimum"), REMOVED, "data.visits: minimum lowered"),
        (
            (*FIELDS, "visits"),
            {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
            "data.visits: type changed",
        ),
        ((*FIELDS, "outcome", "enum"), ["released", "withheld", "lost"], "data.outcome: value added: lost"),
        ((*FIELDS, "kind", "enum"), ["win_back", "milestone"], "data.kind: value added: milestone"),
        ((*FIELDS, "risk", "anyOf"), [{"type": "number", "minimum": 0, "maximum": 100}], "data.risk: maximum raised"),
        ((*FIELDS, "risk", "anyOf"), [{"type": "string"}, {"type": "null"}], "data.risk: type changed"),
        ((*FIELDS, "items", "items"), {"type": "object"}, "data.items[]: type changed"),
        ((*FIELDS, "items", "items"), REMOVED, "data.items: list elements may be anything"),
        ((*FIELDS, "items", "maxItems"), 6, "data.items: maxItems raised"),
        ((*FIELDS, "at", "pattern"), REMOVED, "data.at: pattern changed"),
    ],
)
def test_a_breaking_change_is_found_and_named(path: tuple[str, ...], value: object, finding: str) -> None:
    found = breaking_changes(OLD, changed(path, value))

    assert len(found) == 1
    assert found[0].startswith(finding)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("properties", "extra"), {"type": "string"}),
        (("properties", "id", "description"), "text"),
        (("properties", "id", "maxLength"), 40),
        (("required",), ["id", "type", "data", "extra"]),
        ((*FIELDS, "kind", "enum"), ["win_back", "delight", "milestone"]),
        ((*FIELDS, "outcome", "enum"), ["released"]),
        ((*FIELDS, "visits", "minimum"), 1),
        ((*FIELDS, "risk", "anyOf"), [{"type": "number", "minimum": 0, "maximum": 1}]),
        ((*FIELDS, "risk"), {"type": "number", "minimum": 0, "maximum": 0.5}),
    ],
)
def test_a_change_that_breaks_nobody_passes(path: tuple[str, ...], value: object) -> None:
    assert breaking_changes(OLD, changed(path, value)) == []
