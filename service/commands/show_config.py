"""`churn-alert config`: the effective configuration."""

from __future__ import annotations

import json
from typing import Any

import typer
from pydantic import SecretStr

from service.commands.console import out, settings_of
from service.config import Settings


def config(ctx: typer.Context) -> None:
    """Print the effective configuration as TOML, secrets hidden."""
    out.print(config_toml(settings_of(ctx)), end="", highlight=False, markup=False, soft_wrap=True)


def config_toml(settings: Settings) -> str:
    """The effective configuration, to be used again as a file: secrets and what is unset are comments."""
    lines: list[str] = []
    for section, values in settings.model_dump(mode="json").items():
        lines.append(f"[{section}]")
        tables: list[str] = []
        for key, value in values.items():
            if isinstance(value, dict):
                tables += ["", f"[{section}.{key}]", *(f"{name} = {_toml(inner)}" for name, inner in value.items())]
            elif value is None:
                lines.append(f"# {key} is not set")
            elif isinstance(getattr(getattr(settings, section), key), SecretStr):
                lines.append(f"# {key} is set; a secret is not shown")
            else:
                lines.append(f"{key} = {_toml(value)}")
        lines += [*tables, ""]
    return "\n".join(lines).rstrip() + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items() if inner is not None) + " }"
    return json.dumps(value, ensure_ascii=False)
