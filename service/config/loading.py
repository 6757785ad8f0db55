"""Reads the configuration from a file and the environment."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import (
    ValidationError,
)

from service.config.settings import Settings, sentence_of
from service.config.variables import BESIDE_THE_SETTINGS, CONFIG_VARIABLE, ENV_PREFIX
from service.errors import ConfigurationError


def load_settings(file: Path | None = None) -> Settings:
    """Reads the file (argument, else CHURN_ALERT_CONFIG, else none) and the environment.

    Raises ConfigurationError with one sentence that names the offending key.
    """
    named = file or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    content: dict[str, Any] = {}
    if named is not None:
        try:
            content = tomllib.loads(named.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"The configuration file {named} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The configuration file {named} is not valid TOML: {error}.") from error
    _refuse_unknown_variables()
    try:
        return Settings(**content)
    except ValidationError as error:
        raise ConfigurationError(sentence_of(error, named)) from error
    except ValueError as error:  # an environment value that is not even parseable
        raise ConfigurationError(f"The environment does not hold a valid configuration: {error}.") from error


def _refuse_unknown_variables() -> None:
    """A misspelt CHURN_ALERT_ variable must not be ignored silently."""
    sections = {name.upper() for name in Settings.model_fields}
    known_alone = {
        CONFIG_VARIABLE,
        "CHURN_ALERT_RESTARTS",
        "CHURN_ALERT_AWAY_SINCE",
        "CHURN_ALERT_SLOW_TURNS",
        "CHURN_ALERT_STOOD_STILL",
        "CHURN_ALERT_ENDS",
        "CHURN_ALERT_PAGE_PID",
        *BESIDE_THE_SETTINGS,
    }
    for name in os.environ:
        if name.startswith(ENV_PREFIX) and name not in known_alone:
            section, _, key = name.removeprefix(ENV_PREFIX).partition("__")
            model = Settings.model_fields[section.lower()].annotation if section in sections else None
            first = key.partition("__")[0].lower()
            if model is None or (key and first not in getattr(model, "model_fields", {})):
                raise ConfigurationError(
                    f"The environment variable {name} names no setting; `churn-alert config` lists them as CHURN_ALERT_SECTION__KEY."
                )
