"""Secrets that lie in files: beside every secret `x` stands `x_file`, and $CREDENTIALS_DIRECTORY holds what systemd
hands over.

A file is read when the settings are loaded, without the line break at its end. Its text is then held to what the secret
itself is held to, and a mistake is told of `x_file`, never with what is in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ModelWrapValidatorHandler, SecretStr, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Set by systemd where a unit has LoadCredential= or the like."""
LONGEST_BYTES: Final = 65_536
"""A secret is no larger: a file that is, is another file."""
M = TypeVar("M", bound=BaseModel)
_SUFFIX: Final = "_file"


def with_secrets_of_files(model: type[M], given: Any, handler: ModelWrapValidatorHandler[M]) -> M:
    """A validator of a table of settings, around all others of it."""
    read = _read(model, given) if isinstance(given, dict) else {}
    if not read:
        return handler(given)
    try:
        return handler({**given, **read})
    except ValidationError as error:
        raise _told_of_files(model, error, read) from None


def secret_in(file: Path) -> str:
    """The text of a file without the line break at its end. Raises ValueError, which says why there is none."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{str(file)[:200]!r} cannot be read: {error.strerror}") from error
    except ValueError:
        raise ValueError("is no name of a file") from None
    if len(content) > LONGEST_BYTES:
        raise ValueError(f"{str(file)[:200]!r} is too large for a secret")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{str(file)[:200]!r} is no text in UTF-8") from None
    if not text:
        raise ValueError(f"{str(file)[:200]!r} is empty")
    return text


def secret_by_now(secret: SecretStr | None, file: Path | None) -> str:
    """As its file says today, where it is in one: it is changed without a new start. Empty where there is none."""
    if file is not None:
        try:
            return secret_in(file)
        except ValueError:
            pass  # somebody writes it; the one that was read before may still be good
    return secret.get_secret_value() if secret is not None else ""


@cache
def secrets_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the fields that are secrets."""
    return tuple(name for name, field in model.model_fields.items() if _is_a(SecretStr, field.annotation))


def _read(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, str]:
    """Secret → what its file says."""
    read = {}
    for name in secrets_of(model):
        file, itself = given.get(name + _SUFFIX), given.get(name)
        if file is None or isinstance(itself, SecretStr):  # that was read before
            continue
        if itself is not None:
            raise _mistake(model, name, f"is set beside {name}: set one of the two")
        if not isinstance(file, str | Path):
            continue  # told by its own field
        try:
            read[name] = secret_in(Path(file))
        except ValueError as error:
            away = isinstance(error.__cause__, OSError)
            if not away or name not in getattr(model, "read_when_used", ()):
                raise _mistake(model, name, str(error)) from None
    return read


def _mistake(model: type[BaseModel], name: str, why: str) -> ValidationError:
    said = PydanticCustomError("secret_file", "{why}", {"why": why})
    return ValidationError.from_exception_data(
        model.__name__, [InitErrorDetails(type=said, loc=(name + _SUFFIX,), input=None)]
    )


def _told_of_files(model: type[BaseModel], error: ValidationError, read: Mapping[str, str]) -> ValidationError:
    """The same mistakes, those of a secret that a file holds told of the file."""
    return ValidationError.from_exception_data(
        model.__name__,
        [
            InitErrorDetails(
                type=PydanticCustomError("value_error", "{why}", {"why": each["msg"].removeprefix("Value error, ")})
                if each["type"] != "extra_forbidden"
                else "extra_forbidden",
                loc=(f"{each['loc'][0]}{_SUFFIX}", *each["loc"][1:])
                if each["loc"] and each["loc"][0] in read
                else each["loc"],
                input=None,
            )
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ],
    )


# ---- what systemd hands over


def with_credentials(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, and of $CREDENTIALS_DIRECTORY what is not: the credential `kafka.sasl_password` is that secret,
    and `kafka.ssl_keyfile` that file. Raises ValueError where one is named like a setting that is neither."""
    whole = dict(given)
    directory = os.environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        return whole
    takes = dict(_takers(model, ""))
    try:
        names = sorted(file.name for file in Path(directory).iterdir())
    except OSError as error:
        raise ValueError(f"{CREDENTIALS_VARIABLE} {directory[:200]!r} cannot be read: {error.strerror}") from error
    for name in names:
        section = name.partition(".")[0]
        if name in takes:
            _put(whole, name, takes[name], Path(directory) / name)
        elif section in model.model_fields and section != name:
            raise ValueError(
                f"the credential {name[:100]} in {CREDENTIALS_VARIABLE} names no setting that is a secret or a file"
            )
    return whole


def _takers(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """Setting that a credential may be → the one that is set by it."""
    for name, field in model.model_fields.items():
        if _is_a(SecretStr, field.annotation):
            yield f"{prefix}{name}", f"{prefix}{name}{_SUFFIX}"
        elif _is_a(Path, field.annotation) and name.removesuffix(_SUFFIX) not in secrets_of(model):
            yield f"{prefix}{name}", f"{prefix}{name}"
        inner = _bare(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _takers(inner, f"{prefix}{name}.")


def _put(whole: dict[str, Any], itself: str, taker: str, file: Path) -> None:
    """Where neither is given."""
    *sections, name = itself.split(".")
    table: Any = whole
    for section in sections:
        inner = table.get(section)
        if inner is not None and not isinstance(inner, dict):
            return  # a section that was made elsewhere
        table[section] = dict(inner or {})
        table = table[section]
    last = taker.rpartition(".")[2]
    if table.get(name) is None and table.get(last) is None:
        table[last] = file


def _bare(annotation: Any) -> Any:
    """Without Annotated and None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        inner = [each for each in get_args(annotation) if each is not NoneType]
        return _bare(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _is_a(kind: type, annotation: Any) -> bool:
    bare = _bare(annotation)
    return isinstance(bare, type) and issubclass(bare, kind)
