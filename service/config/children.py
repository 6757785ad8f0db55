"""Hands the configuration to a child process, secrets as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import (
    BaseModel,
    SecretStr,
)

from service.config.settings import Settings
from service.config.variables import BESIDE_THE_SETTINGS, ENV_PREFIX


def child_environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """The environment that gives a child process exactly these settings, secrets as they are: to be handed to it and to
    nobody else.

    `base` is the rest of it; the settings in it, and the file that it names, are left out.
    """
    kept = {
        name: value
        for name, value in base.items()
        if not name.upper().startswith(ENV_PREFIX) or name in BESIDE_THE_SETTINGS
    }
    return kept | dict(_variables(settings))


def _variables(settings: Settings) -> Iterator[tuple[str, str]]:
    for section, model in settings:
        for key, field in type(model).model_fields.items():
            value = getattr(model, key)
            if _has_been_read(model, key):
                continue
            if value is not None and value != field.default:
                plain = _plain(value)
                text = json.dumps(plain) if isinstance(plain, list | dict) else str(plain)
                yield f"{ENV_PREFIX}{section}__{key}".upper(), text


def _has_been_read(model: BaseModel, key: str) -> bool:
    """Whether it names the file of a secret: the secret itself is handed on."""
    return key.endswith("_file") and isinstance(getattr(model, key.removesuffix("_file"), None), SecretStr)


def _plain(value: object) -> object:
    """As the environment and JSON write it, nothing masked."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case BaseModel():
            return {key: _plain(inner) for key, inner in value if not _has_been_read(value, key)}
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)
