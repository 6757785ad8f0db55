"""`churn-alert inputs try`: what would be made of the newest records of an input, field by field, without a worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from service.commands.console import counted, out, settings_of
from service.errors import ConfigurationError, ExitCode, PassedOverError, PoisonError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.config import Settings
    from service.wire.input_topics import InputTopic
    from service.wire.schemas import Schemas

app = typer.Typer(no_args_is_help=True, help="Look at what comes in.")

_LONGEST_SHOWN: Final = 400
"""Characters of a record."""
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
    from service.wire.decoder import Decoder, DecoderSettings
    from service.wire.framing import with_frame
    from service.wire.input_topics import INPUT_TOPICS, names_of_schemas, wire_fields

    settings = settings_of(ctx)
    rows = {row.channel.name: row for row in INPUT_TOPICS}
    if kind not in rows:
        raise ConfigurationError(f"--as {kind}: the inputs are {', '.join(rows)}.")
    row = rows[kind]
    decoder = Decoder(DecoderSettings.of(settings))
    decode, now_us = row.decode(decoder), time.time_ns() // 1000
    taken = refused = passed = 0
    records = list(_newest(settings, topic or row.name(settings.kafka.topics), last))
    if kind in names_of_schemas(settings):
        _learn(
            settings, decoder.schemas, [record.value and with_frame(record.value, record.headers) for record in records]
        )
    for record in records:
        said: dict[str, Any] = {"place": f"{record.topic}/{record.partition}/{record.offset}"}
        try:
            event = decode(record.value, record.key, record.headers, now_us)
        except PassedOverError as error:
            passed += 1
            said |= {"passed_over": error.why}
        except PoisonError as error:
            refused += 1
            said |= {"refused": error.code.value, "why": error.message}
        else:
            taken += 1
            said |= {"taken": wire_fields(event, settings.shop.minor_digits)}
        if as_json:
            out.print(msgspec.json.encode(said).decode(), highlight=False, soft_wrap=True)
        else:
            _show(said, decoder.shown(kind, record.value, record.headers), row)
    if not as_json:
        out.print(
            f"{counted(taken + refused + passed, 'record')}: {taken:,} taken, {refused:,} refused, {passed:,} passed over."
        )
    if refused or not taken:
        raise typer.Exit(ExitCode.FAILED)


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


def _learn(settings: Settings, schemas: Schemas, values: list[bytes | None]) -> None:
    """What these records were written with. Raises TransientError while the registry does not say."""
    import asyncio

    from service.registry.client import RegistryClient
    from service.registry.learning import learn

    async def all_of_them() -> None:
        client = RegistryClient(settings.registry)
        try:
            for schema_id in sorted(schemas.missing(values, time.monotonic()), key=str):
                await learn(client, schemas, schema_id)
        finally:
            await client.close()

    asyncio.run(all_of_them())


def _show(said: dict[str, Any], record: str, row: InputTopic) -> None:
    out.print(said["place"], style="bold", highlight=False)
    more = "…" if len(record) > _LONGEST_SHOWN else ""
    out.print(f"  record    {record[:_LONGEST_SHOWN]}{more}", highlight=False, soft_wrap=True, markup=False)
    if "taken" in said:
        for name, value in said["taken"].items():
            out.print(f"  {name:<12}  {value}", highlight=False, soft_wrap=True)
    elif "passed_over" in said:
        why = said["passed_over"]
        out.print(f"  passed over: {_PASSED_OVER.get(why, why)}", style="yellow", highlight=False)
    else:
        out.print(f"  refused: {said['refused']}: {said['why']}", style="red", highlight=False, soft_wrap=True)
        if said["refused"] == "missing_field" and row.channel.name != "customers":
            out.print(
                f"  [inputs.{row.channel.name}] says where each field lies, where events are not ours", style="dim"
            )
