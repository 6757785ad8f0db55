"""`churn-alert inputs try`: what would be made of the newest records of an input, field by field, without a worker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, cast

import msgspec
import typer

from service.commands.console import counted, out, settings_of
from service.errors import ConfigurationError, ExitCode, PartlyRefusedError, PassedOverError, PoisonError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.config import Settings
    from service.domain.events import Event

app = typer.Typer(no_args_is_help=True, help="Look at what comes in.")

_LONGEST_SHOWN: Final = 400
"""Characters of a record."""
_OF_ANOTHER_FORM: Final = frozenset({"missing_field", "wrong_type", "not_an_object"})
_WITHDRAWN: Final = {"withdrawn": "the contact is gone, and the consent unknown"}
_PASSED_OVER: Final = {
    "not_wanted": "another value than `only` asks for",
    "deleted": "the row was deleted",
    "no_customer": "nobody is named",
}


@app.command("try")
def try_records(
    ctx: typer.Context,
    topic: Annotated[
        str | None, typer.Option(help="Topic to read; else that of the input.", show_default=False)
    ] = None,
    kind: Annotated[str, typer.Option("--as", help="purchases, surveys or customers.")] = "purchases",
    last: Annotated[int, typer.Option(min=1, max=10_000, help="So many of the newest records.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per record.")] = False,
) -> None:
    """Show what would be made of the newest records. Changes nothing."""
    settings = settings_of(ctx)
    foreign = settings.inputs.customers.topic
    if kind == "customers" and foreign is not None and topic in {None, foreign}:
        look = _look_at_profiles(settings, list(_newest(settings, foreign, last)))
    else:
        look = _look_at_inputs(settings, kind, topic, last)
    told = Counter[str]()
    for record in look.records:
        said: dict[str, Any] = {
            "place": f"{record.topic}/{record.partition}/{record.offset}",
            **_judged(look, record),
        }
        told.update(said.keys() & {"taken", "refused", "passed_over"})
        said |= _cure(said.get("refused"), record.value, kind)
        if as_json:
            out.print(msgspec.json.encode(said).decode(), highlight=False, soft_wrap=True)
        else:
            _show(said, look.shown(record))
    if not as_json:
        out.print(
            f"{counted(len(look.records), 'record')}: {told['taken']:,} taken, {told['refused']:,} refused, "
            f"{told['passed_over']:,} passed over."
        )
        if kind == "purchases" and told["refused"] and not settings.inputs.purchases.is_foreign:
            _suggest(settings, topic, look.records)
    if told["refused"] or not told["taken"]:
        raise typer.Exit(ExitCode.FAILED)


def _suggest(settings: Settings, topic: str | None, records: list[Any]) -> None:
    """What would read records that are not ours, where their names are plain."""
    from service.domain.events import Purchase
    from service.wire.input_topics import TOPIC_OF
    from service.wire.suggested import Record, suggested

    found = suggested([Record(each.key, each.value) for each in records], settings, time.time_ns() // 1000)
    if found:
        out.print("\nBy their names this would read them; put it into the settings and look again:\n")
        if topic not in {None, TOPIC_OF[Purchase].name(settings.kafka.topics)}:
            found = f'[kafka.topics]\npurchases = "{topic}"\n\n{found}'
        out.print(found, highlight=False, soft_wrap=True, markup=False)


class Look(NamedTuple):
    """Records and how they are read."""

    records: list[Any]
    read: Callable[[Any], list[dict[str, Any]]]
    """A record → what it says, a list of fields each. PoisonError and PassedOverError as decoders."""
    rest_of: Callable[[PartlyRefusedError], dict[str, Any]]
    """What is taken of one of which a part is refused."""
    shown: Callable[[Any], str]


def _judged(look: Look, record: Any) -> dict[str, Any]:
    try:
        found = look.read(record)
    except PassedOverError as error:
        return {"passed_over": error.why}
    except PartlyRefusedError as error:
        return {"taken": look.rest_of(error), "refused": error.code.value, "why": error.message}
    except PoisonError as error:
        return {"refused": error.code.value, "why": error.message}
    return {"taken": found[0] if len(found) == 1 else found}


def _cure(code: str | None, value: bytes | None, kind: str) -> dict[str, str]:
    """What to set, where a record of another form is refused."""
    from service.wire.guesses import looks_like

    if code not in _OF_ANOTHER_FORM:
        return {}
    if settings := looks_like(value):
        return {"cure": f"it looks as if [inputs.{kind}] were to say {settings}"}
    return {"cure": f"[inputs.{kind}] says where each field lies, where events are not ours"}


def _look_at_inputs(settings: Settings, kind: str, topic: str | None, last: int) -> Look:
    from service.domain.events import Withdrawal
    from service.registry.learning import learn_now
    from service.wire.decoder import Decoder, DecoderSettings
    from service.wire.input_topics import INPUT_TOPICS, names_of_key_schemas, names_of_schemas, wire_fields

    rows = {row.channel.name: row for row in INPUT_TOPICS}
    if kind not in rows:
        raise ConfigurationError(f"--as {kind}: the inputs are {', '.join(rows)}.")
    row, decoder = rows[kind], Decoder(DecoderSettings.of(settings))
    decode, digits = row.decode(decoder), settings.shop.minor_digits
    withdrawal_of = None if row.withdrawal is None else row.withdrawal(decoder)
    now_us = time.time_ns() // 1000

    def read(record: Any) -> list[dict[str, Any]]:
        if record.value is None and withdrawal_of is not None:
            found = withdrawal_of(record.key, record.timestamp * 1000, record.headers)
            if isinstance(found, Withdrawal):
                return [{"customer_id": found.customer_id, **_WITHDRAWN}]
        return [wire_fields(decode(record.value, record.key, record.headers, now_us), digits)]

    records = list(_newest(settings, topic or row.name(settings.kafka.topics), last))
    if kind in names_of_schemas(settings):
        with_keys = kind in names_of_key_schemas(settings)
        learn_now(settings.registry, decoder.schemas, _framed(records, with_keys=with_keys))
    return Look(
        records,
        read,
        lambda error: wire_fields(cast("Event", error.event), digits),
        lambda record: decoder.shown(kind, record.value, record.headers),
    )


def _look_at_profiles(settings: Settings, records: list[Any]) -> Look:
    """What a CRM says, as the worker would write it into `customers`."""
    from service.registry.learning import learn_now
    from service.wire.profiles import ProfileReader

    reader = ProfileReader(settings)
    if reader.is_framed:
        learn_now(settings.registry, reader.schemas, _framed(records, with_keys=reader.asks_keys))

    def read(record: Any) -> list[dict[str, Any]]:
        return [
            {"customer_id": word.customer_id, **_WITHDRAWN} if word.value is None else msgspec.json.decode(word.value)
            for word in reader.words(record)
        ]

    return Look(records, read, lambda _: {}, lambda record: reader.shown(record.value, record.headers))


def _framed(records: list[Any], *, with_keys: bool = False) -> list[bytes | None]:
    from service.wire.framing import with_frame

    values = [record.value and with_frame(record.value, record.headers) for record in records]
    return values + [record.key for record in records] if with_keys else values


def _newest(settings: Settings, topic: str, last: int) -> Iterator[Any]:
    """So many records at the ends of the topic's partitions, together, in order of their arrival."""
    from service.cluster.tail import open_reader, partitions_of, records_until_now

    with open_reader(settings.kafka) as reader:
        assigned = partitions_of(reader, topic)
        if not assigned:
            raise ConfigurationError(f"There is no topic {topic}: name one with --topic, or set kafka.topics.")
        found = list(records_until_now(reader, assigned, last))
    found.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
    yield from found[-last:]


def _show(said: dict[str, Any], record: str) -> None:
    out.print(said["place"], style="bold", highlight=False)
    more = "…" if len(record) > _LONGEST_SHOWN else ""
    out.print(f"  record    {record[:_LONGEST_SHOWN]}{more}", highlight=False, soft_wrap=True, markup=False)
    taken = said.get("taken", [])
    for fields in taken if isinstance(taken, list) else [taken]:
        for name, value in fields.items():
            told = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            out.print(f"  {name:<12}  {told}", highlight=False, soft_wrap=True)
    if "passed_over" in said:
        why = said["passed_over"]
        out.print(f"  passed over: {_PASSED_OVER.get(why, why)}", style="yellow", highlight=False)
    elif "refused" in said:
        out.print(f"  refused: {said['refused']}: {said['why']}", style="red", highlight=False, soft_wrap=True)
        if said.get("cure"):
            out.print(f"  {said['cure']}", style="dim", highlight=False, soft_wrap=True)
