"""docs/metrics.md: every metric, from the table that the processes make them by."""

from __future__ import annotations

from docs.writing.regions import table
from service.metric_table import METRICS, Row

HEADS = ("metric", "kind", "labels", "what it says, and what to do")


def tables() -> str:
    """Those of the workers, of delivery, and of the webhook door."""
    of_delivery = [row for row in METRICS if row.name.startswith("churn_alert_deliver_")]
    of_the_door = [row for row in METRICS if row.name.startswith("churn_alert_ingest_")]
    of_workers = [row for row in METRICS if row not in of_delivery + of_the_door]
    parts = {
        "Of the workers": of_workers,
        "Of the delivery processes": of_delivery,
        "Of the webhook door": of_the_door,
    }
    return "\n\n".join(f"### {heading}\n\n{table(HEADS, _rows(rows))}" for heading, rows in parts.items())


def _rows(rows: list[Row]) -> list[tuple[str, ...]]:
    return [(f"`{row.name}`", row.type, ", ".join(row.labels), row.help) for row in rows]
