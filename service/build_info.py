"""What is running: the version, and whether the engine is the compiled one (several times as fast, with equal
results)."""

from __future__ import annotations

import platform
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

ENGINE = "service.domain.engine"
"""The module that stands for all that setup.py compiles: they are compiled together or not at all."""


def version() -> str:
    """The installed version; "0" = run from a source tree that was never installed, or while it is."""
    try:
        return metadata.version("churn-alert") or "0"
    except metadata.PackageNotFoundError:
        return "0"


def flavour() -> str:
    """What an import of the engine gets in this process, "compiled" or "pure"."""
    spec = find_spec(ENGINE)
    origin = spec.origin if spec is not None else None
    return "compiled" if origin is not None and origin.endswith(tuple(EXTENSION_SUFFIXES)) else "pure"


def sentence() -> str:
    """For a line of a log or a summary: version, flavour and Python."""
    return f"churn-alert {version()}, {flavour()}, Python {platform.python_version()}"
