"""What the shop says of its own files, where they do not say it themselves: `[files]`, read by backtest and replay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from service.config.sections.section import Section

PURCHASE_COLUMNS = frozenset(
    {
        "customer_id", "timestamp", "amount", "amount_cents", "order_total", "event_id", "order_id", "sku", "item", "category", "store_id",
        "channel", "contact", "time", "zone", "quantity", "price", "currency", "status", "refunded", "refunded_at", "cancelled_at",
    }
)  # fmt: skip
ANSWER_COLUMNS = frozenset(
    {"customer_id", "timestamp", "survey", "score", "event_id", "order_id", "time", "nps", "csat", "ces"}
)


class FileSettings(Section):
    """How files that are no export of ours are read."""

    columns: Annotated[dict[str, Annotated[str, Field(max_length=1_000)]], Field(max_length=30)] = {}
    """Which column of a file of purchases is what, e.g. customer_id = "Kunde", timestamp = "Date de commande", amount =
    "Total"; the option --map says the same for one call. order_total stands for amount where every row of an order
    repeats that of the whole order, amount_cents where it counts in the currency's smallest unit, 1250 for 12.50;
    contact names a phone number, which counts as the customer where a row names none."""
    survey_columns: Annotated[dict[str, Annotated[str, Field(max_length=1_000)]], Field(max_length=30)] = {}
    """The same of a file of survey answers; nps, csat and ces name the column with the scores of that survey."""
    decimal: Literal["", ".", ","] = ""
    """The decimal mark, where amounts such as 1.250 can be read in two ways; empty: as the column says."""
    dates: Literal["", "day-first", "month-first", "year-first"] = ""
    """How dates such as 03/04/2025 are meant, where the column does not say it; empty: as the column says."""

    @field_validator("columns")
    @classmethod
    def _are_fields(cls, columns: dict[str, str]) -> dict[str, str]:
        return _known(columns, PURCHASE_COLUMNS)

    @field_validator("survey_columns")
    @classmethod
    def _are_fields_of_answers(cls, columns: dict[str, str]) -> dict[str, str]:
        return _known(columns, ANSWER_COLUMNS)


def _known(columns: dict[str, str], fields: frozenset[str]) -> dict[str, str]:
    for name, column in columns.items():
        if name not in fields:
            raise ValueError(f"there is no field {name!r}; there are {', '.join(sorted(fields))}")
        if not column.strip():
            raise ValueError(f"{name} needs the name of a column")
    return columns
