"""`churn-alert config`: the effective configuration."""

from __future__ import annotations

import json
from textwrap import wrap
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr

from service.commands.console import out, settings_of
from service.config import Settings


def config(
    ctx: typer.Context,
    explain: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Say what a setting does, e.g. outreach.quiet_hours, or all of a section."),
    ] = None,
) -> None:
    """Print the effective configuration as TOML, secrets hidden."""
    if explain is not None:
        out.print(in_words(explain), end="", highlight=False, markup=False, soft_wrap=True)
        return
    from service.connection import check_files

    settings = settings_of(ctx)
    check_files(settings.kafka)
    out.print(config_toml(settings), end="", highlight=False, markup=False, soft_wrap=True)


def in_words(key: str) -> str:
    """What the setting does, or each one of a section. Raises ConfigurationError where there is none."""
    from service.config.explain import explained

    told = []
    for each in explained(key):
        facts = {
            "unit": each.unit,
            "default": each.default,
            "allowed": each.range,
            "example": each.example,
            "environment": each.variable,
        }
        lines = [each.key, *wrap(each.text, width=96, initial_indent="  ", subsequent_indent="  ")]
        lines += [f"  {name:<12}{fact}" for name, fact in facts.items() if fact]
        lines += wrap(each.changed, width=96, initial_indent="  if changed  ", subsequent_indent=" " * 14)
        told.append("\n".join(lines))
    return "\n\n".join(told) + "\n"


def config_toml(settings: Settings) -> str:
    """The effective configuration, to be used again as a file: secrets and what is unset are comments."""
    lines: list[str] = []
    for section, values in settings.model_dump(mode="json").items():
        lines.append(f"[{section}]")
        tables: list[str] = []
        for key, value in values.items():
            real = getattr(getattr(settings, section), key)
            if isinstance(value, dict):
                inner = {name: getattr(real, name) for name in value} if isinstance(real, BaseModel) else value
                tables += ["", f"[{section}.{key}]", *(_line(name, value[name], inner[name]) for name in value)]
            else:
                lines.append(_line(key, value, real))
        lines += [*tables, ""]
    return "\n".join(lines).rstrip() + "\n"


def _line(key: str, value: Any, real: object) -> str:
    """`value` is what is written for `real`."""
    if value is None:
        return f"# {key} is not set"
    if isinstance(real, SecretStr):
        return f"# {key} is set; a secret is not shown"
    if isinstance(real, list) and any(_is_secret(one) for one in real):
        return f"# {key} is set, {len(real)} of them; they hold secrets, which are not shown"
    return f"{key} = {_toml(value)}"


def _is_secret(one: object) -> bool:
    return isinstance(one, BaseModel) and any(isinstance(inner, SecretStr) for _, inner in one)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items() if inner is not None) + " }"
    return json.dumps(value, ensure_ascii=False)
