"""Writes the JSON Schema files and the AsyncAPI document, and tells where the checked-in ones have drifted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from schemas import envelope, inputs, outputs
from schemas.asyncapi import document

INPUTS: Final[dict[str, type[BaseModel]]] = {each.schema: each.model for each in inputs.INPUT_CHANNELS}
OUTPUTS: Final[dict[str, type[BaseModel]]] = {
    "outreach.requested": envelope.OutreachRequestedEvent,
    "outreach.cancelled": envelope.OutreachCancelledEvent,
    "outreach.decided": envelope.OutreachDecidedEvent,
    "customer.scored": envelope.CustomerScoredEvent,
    "customer.removed": envelope.CustomerRemovedEvent,
    "period.measured": envelope.PeriodMeasuredEvent,
    "outreach.measured": envelope.OutreachMeasuredEvent,
    "shop.noticed": envelope.ShopNoticedEvent,
    "delivery.recorded": envelope.DeliveryRecordedEvent,
    "dead-letter": outputs.DeadLetter,
}
HERE: Final = Path(__file__).parent
BASELINE: Final = HERE / "baseline"
"""Outputs as last released. A release copies json/ here; until then every change is compared with it."""


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a model."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def render() -> dict[str, str]:
    """Relative path → text of every generated file."""
    files = {f"json/{name}.schema.json": _text(schema_of(model)) for name, model in {**INPUTS, **OUTPUTS}.items()}
    files["asyncapi.json"] = _text(document())
    return files


def export(directory: Path) -> list[Path]:
    """Writes every generated file below `directory`; returns what was written. OSError where it cannot."""
    written = []
    for name, text in render().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def check(directory: Path = HERE) -> list[str]:
    """One sentence per generated file that is missing, stale or no longer generated; empty = no drift."""
    expected = render()
    drifts = []
    for name, text in expected.items():
        path = directory / name
        if not path.is_file():
            drifts.append(f"{name} is missing")
        elif path.read_text(encoding="utf-8") != text:
            drifts.append(f"{name} differs from the models")
    known = {Path(name).name for name in expected}
    drifts += [
        f"json/{path.name} is no longer generated"
        for path in sorted((directory / "json").glob("*.schema.json"))
        if path.name not in known
    ]
    return drifts


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
