"""`[inputs.purchases]`, `[inputs.surveys]`, `[inputs.customers]`: how events that are not ours are read.

Without them only our own are."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from service.config.sections.section import Section, TopicName, ZoneName

MOST_PARTS: Final = 32
"""Names on the way to a value."""
BESIDE: Final = frozenset({"@key", "@headers", "@around"})
"""What lies beside an event in its record: its key, its headers, and the whole of its envelope."""


def _whole_path(path: str) -> str:
    if path.startswith("="):
        return path
    wholes = [each[1:].split("/") if each.startswith("/") else each.split(".") for each in path.split("|")]
    if not all(map(all, wholes)) or sum(map(len, wholes)) > MOST_PARTS:
        raise ValueError(
            f"{path[:100]!r} is no path such as customer.id, /customer/id or lines.0.sku; a constant begins with ="
        )
    wrong = next((each for each in path.split("|") if each.startswith("@") and each.split(".")[0] not in BESIDE), None)
    if wrong is not None:
        raise ValueError(f"{wrong[:100]!r}: beside an event lie {', '.join(sorted(BESIDE))}")
    return path


Path = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_whole_path)]
Values = Annotated[list[str | int | bool], Field(min_length=1, max_length=100)]


class ForeignInput(Section):
    """How records that are not ours are read, whatever they are about."""

    fields: Annotated[dict[str, Path], Field(max_length=50)] = {}
    """Our field → where an event has it: names separated by dots (`customer.id`, `lines.0.sku`), or by slashes after a
    slash where a name has a dot (`/customer/e.mail`); of several with `|` between (`email|customer.email`) the first
    that says something; `=EUR` is a constant; `@key`, `@key.id`, `@headers.ce_id` and `@around.ts_ms` lie in the
    record's key, its headers and its envelope. Empty: the events have our fields."""
    format: Literal["json", "avro", "protobuf"] = "json"
    """How records are written. `avro` and `protobuf`: as serializers with a schema registry do (`[registry]`), unless
    schema_file says otherwise; `json` may have the id of a schema in front, which is not looked at."""
    schema_file: FilePath | None = None
    """File of the one schema (.avsc, or .proto without imports of its own) of records that have no schema's id in
    front."""
    message: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,200}$")] | None = None
    """With a .proto in schema_file: the message that a record is; unset: the first of the file."""
    envelope: Literal["none", "debezium", "maxwell", "canal"] = "none"
    """Whose change of a row a record is: the event is the row after it, and what was deleted says nothing. A
    CloudEvent, and what Connect writes beside its schema, is opened anyway."""
    time: Literal[
        "text", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "epoch_days", "local_ms", "local_us", "local_ns"
    ] = "text"
    """How `occurred_at` is written: a date and time, or seconds, milliseconds, microseconds, nanoseconds, days since
    1970. A day begins at midnight of `timezone`. `local_…`: the number is what a clock of `timezone` shows, as if it
    were UTC; so Debezium writes columns without a zone (`DATETIME`, `timestamp`)."""
    timezone: ZoneName | None = None
    """IANA zone of times that are written without an offset; unset: such a time is refused."""
    only: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: an event that has another value there is none of ours and is passed over, such as an order that
    is not paid. Here and in all conditions `*` stands for whatever is there: `deleted_at = ["*"]`."""
    not_if: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: an event that has one of them there is passed over, such as a test."""
    needs: Annotated[list[Path], Field(max_length=20)] = []
    """Paths: an event that says nothing at one of them is passed over, such as an order without a time of payment."""
    key: Literal["customer_id", "any"] = "customer_id"
    """What the records' keys are. `any`: a record is carried to its customer's partition, wherever it lies."""

    @property
    def needs_registry(self) -> bool:
        """Whether its records have the id of a schema in front that has to be asked for."""
        return self.format != "json" and self.schema_file is None

    @property
    def needs_key_schemas(self) -> bool:
        """The same of its keys, in which something is looked for."""
        paths = (*self.fields.values(), *self.only, *self.not_if, *self.needs)
        return self.needs_registry and any(each.startswith("@key") for path in paths for each in path.split("|"))

    @model_validator(mode="after")
    def _written_as_said(self) -> Self:
        if self.time.startswith("local_") and self.timezone is None:
            raise ValueError(f"time = {self.time} is of a clock: say in timezone where it hangs")
        if self.schema_file is not None and self.format == "json":
            raise ValueError("schema_file is of records in avro or protobuf: say so in format")
        if self.message is not None and (self.schema_file is None or self.format != "protobuf"):
            raise ValueError(
                "message says which one of a .proto in schema_file a record is: set that, and format protobuf"
            )
        return self


class MappedInput(ForeignInput):
    """How the events of one input are read where they are not ours."""

    lines: Annotated[dict[str, Path], Field(max_length=10)] = {}
    """The same of each line of an order (sku, name, category, quantity, amount), from the line on; `fields.items` is
    where the list of lines lies."""
    amounts: Literal["major", "minor"] = "major"
    """Whether amounts are in units of the currency, or in its smallest (cents). Below 0 it is a refund."""
    refund_if: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: money is given back where an event has one of them there."""
    cancelled_if: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: the order is cancelled, and all of it given back, where an event has one of them there. It is
    known by fields.order_id."""
    given_back: Path | None = None
    """Where an order says how much of it has been given back so far; the amount counts without it."""

    @property
    def is_known(self) -> bool:
        """Whether a profile says what is not said here."""
        return False

    @property
    def is_foreign(self) -> bool:
        """Whether its topic holds events that are not ours."""
        return bool(self.fields) or self.format != "json" or self.is_known

    @model_validator(mode="after")
    def _all_that_is_needed(self) -> Self:
        if not self.fields and (self.format != "json" or self.is_known):
            return self
        if not self.fields:
            said = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
            if said:
                raise ValueError(f"fields says where to find what; without it {said[0]} has no meaning")
            return self
        wrong = self.fields.keys() - OUR_FIELDS
        if wrong:
            raise ValueError(f"fields: {min(wrong)!r} is no field of ours; those are {', '.join(sorted(OUR_FIELDS))}")
        missing = [name for name in ("event_id", "customer_id", "occurred_at") if name not in self.fields]
        if missing and not self.is_known:
            raise ValueError(f"fields: {missing[0]} is required")
        wrong = self.lines.keys() - LINE_FIELDS
        if wrong:
            raise ValueError(f"lines: {min(wrong)!r} is no field of a line; those are {', '.join(sorted(LINE_FIELDS))}")
        if self.cancelled_if and "order_id" not in self.fields and not self.is_known:
            raise ValueError("cancelled_if takes back an order: say in fields.order_id which")
        apart = bool(self.lines) != ("items" in self.fields) and not self.is_known
        if apart or (self.lines and "sku" not in self.lines):
            raise ValueError("fields.items and lines belong together, and lines needs sku")
        return self


class MappedPurchases(MappedInput):
    """Of `purchases`."""

    profile: Literal["shopify", "woocommerce", "square", "stripe"] | None = None
    """The records are the bodies of this shop system's webhooks: what is not said here, is known of them. Their key is
    not the customer: set key."""

    @property
    def is_known(self) -> bool:
        return self.profile is not None

    @model_validator(mode="after")
    def _has_an_amount(self) -> Self:
        if self.fields and "amount" not in self.fields and not self.is_known:
            raise ValueError("fields: amount is required")
        return self


class MappedSurveys(MappedInput):
    """Of `surveys`."""

    @model_validator(mode="after")
    def _has_a_score(self) -> Self:
        if self.fields and not {"survey", "score"} <= self.fields.keys():
            raise ValueError("fields: survey and score are required; survey may be a constant such as =nps")
        return self


class MappedCustomers(ForeignInput):
    """Of what a CRM or a shop system says of customers, in a topic of its own: the worker writes it into `customers` in
    our form."""

    topic: TopicName | None = None
    """The topic that holds it, with as many partitions as it likes; unset: there is none."""
    consent_if: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: there is a consent where one of them stands there, and none where anything else does. In place of
    fields.marketing_consent, which understands yes and no in their usual spellings."""
    withdrawn_if: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: the customer's record is deleted where it has one of them there: the contact is gone, the consent
    unknown. A row that was deleted, and with `key = "customer_id"` a record without a value, say the same by
    themselves."""
    erased_if: Annotated[dict[Path, Values], Field(max_length=20)] = {}
    """Path → values: the customer asks to be forgotten where it has one of them there."""

    @model_validator(mode="after")
    def _says_of_whom(self) -> Self:
        if self.topic is None:
            said = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
            if said:
                raise ValueError(f"topic says where such records are; without it {said[0]} has no meaning")
            return self
        wrong = self.fields.keys() - FIELDS_OF_CUSTOMERS
        if wrong:
            known = ", ".join(sorted(FIELDS_OF_CUSTOMERS))
            raise ValueError(f"fields: {min(wrong)!r} is no field of ours; those are {known}")
        if "customer_id" not in self.fields:
            raise ValueError("fields: customer_id is required")
        if self.consent_if and "marketing_consent" in self.fields:
            raise ValueError("consent_if and fields.marketing_consent are two ways to say it: set one of them")
        return self


class InputSettings(Section):
    """How events are read that are not ours."""

    purchases: MappedPurchases = MappedPurchases()
    """Of the topic kafka.topics.purchases."""
    surveys: MappedSurveys = MappedSurveys()
    """Of the topic kafka.topics.surveys."""
    customers: MappedCustomers = MappedCustomers()
    """Beside the topic kafka.topics.customers."""

    @property
    def of_topics(self) -> dict[str, MappedInput]:
        """Those that say how an input topic itself is read, by its name among kafka.topics."""
        return {"purchases": self.purchases, "surveys": self.surveys}


_OF_BOTH: Final = ("event_id", "customer_id", "occurred_at", "order_id", "kind")
FIELDS_OF_PURCHASES: Final = (*_OF_BOTH, "amount", "currency", "channel", "store_id", "items")
FIELDS_OF_SURVEYS: Final = (*_OF_BOTH, "survey", "score", "comment")
OUR_FIELDS: Final = frozenset({*FIELDS_OF_PURCHASES, *FIELDS_OF_SURVEYS})
FIELDS_OF_CUSTOMERS: Final = frozenset(
    {
        "customer_id", "event_id", "occurred_at", "email", "phone", "crm_id", "first_name", "locale", "timezone",
        "marketing_consent", "marketing_consent_at", "profiling", "bounce", "complaint", "merged_into",
    }
)  # fmt: skip
LINE_FIELDS: Final = frozenset({"sku", "name", "category", "quantity", "amount"})
