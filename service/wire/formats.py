"""How the records of an input are read, by what the settings say of their format: one table."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from service.config.sections.inputs import ForeignInput
from service.errors import ConfigurationError, ErrorCode, PassedOverError, PoisonError
from service.wire.envelopes import DELETED
from service.wire.framing import behind_glue, read_object, strip_frame
from service.wire.schemas import Reading, Schemas
from service.wire.views import Row

_LARGEST_FILE: Final = 4 << 20


def reading_of(said: ForeignInput, name: str, schemas: Schemas, registry: str | None) -> Reading:
    """`name` is that of the input, `registry` where schemas are. Raises ConfigurationError for a file or an
    installation that does not do."""
    if said.format == "json":
        return _json
    if said.needs_registry and registry is None:
        raise ConfigurationError(
            f"inputs.{name}.format {said.format} needs registry.url, where the schemas are, or inputs.{name}.schema_file."
        )
    module = _module(said.format)
    if said.schema_file is None:
        return schemas.read
    where = f"inputs.{name}.schema_file {str(said.schema_file)[:200]!r}"
    try:
        text = said.schema_file.read_bytes()[:_LARGEST_FILE].decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{where} cannot be read: {getattr(error, 'strerror', None) or 'no text'}.") from None
    try:
        if said.format == "avro":
            reading: Reading = module.plain_avro_reading(text)
        else:
            reading = module.plain_protobuf_reading(text, said.message)
    except ValueError as error:
        raise ConfigurationError(f"{where} cannot be used: {error}.") from None
    return _also_of_glue(reading, has_index=said.format == "protobuf")


def _also_of_glue(read: Reading, *, has_index: bool) -> Reading:
    """What is none by itself may have the id of a schema in AWS Glue in front, and of Protobuf the place of its message
    behind that."""

    def found(value: bytes) -> Row:
        try:
            return read(value)
        except PoisonError:
            inner = behind_glue(value)
            if not inner:
                raise
        return read(inner[1:] if has_index else inner)

    return found


def _json(value: bytes) -> Row:
    text = strip_frame(value)
    try:
        return read_object(text)
    except PoisonError as error:
        if error.code is ErrorCode.EMPTY_VALUE or text.strip() == b"null":
            raise PassedOverError(DELETED) from None  # how Connect's converter may write a record without a value
        raise


def framed_avro(schema: str, references: Mapping[str, str]) -> Reading:
    """Reads what follows the id of a schema. Raises ValueError with what is wrong with it, and ConfigurationError where
    what reads it is not installed."""
    reading: Reading = _module("avro").avro_reading(schema, tuple(references.values()))
    return reading


def framed_protobuf(schema: str, references: Mapping[str, str]) -> Reading:
    """The same of Protobuf."""
    reading: Reading = _module("protobuf").framed_protobuf_reading(schema, references)
    return reading


def _module(name: str) -> Any:
    """It stands on an extra."""
    try:
        return import_module(f"service.wire.{name}")
    except ImportError:
        raise ConfigurationError(
            f"This installation cannot read {name.capitalize()}: install churn-alert[{name}]."
        ) from None
