"""`churn-alert config`: the effective configuration."""

from __future__ import annotations

import json
from typing import Any

from pydantic import SecretStr

from service.config import Settings


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
