"""What all benchmarks share: the package that is measured, and where its figures go."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.benchmarks.figures import Figures
from tests.support.installed import COMPILED, PURE_VARIABLE, Build, build_under_test


@pytest.fixture(scope="session")
def build() -> Build:
    """Compiled. Pure Python only where it was asked for, and then without the bars, which are the compiled engine's."""
    found = build_under_test()
    if found.engine != COMPILED and not os.environ.get(PURE_VARIABLE):
        pytest.fail(
            f"NOT COMPILED: {found.command} runs in pure Python, and the benchmarks are those of the compiled engine. "
            "Install it where a C compiler and Python's headers are; "
            f"{PURE_VARIABLE}=1 measures pure Python, without the bars."
        )
    return found


@pytest.fixture(scope="session")
def figures(build: Build) -> Iterator[Figures]:
    found = Figures(build.command)
    yield found
    found.write_where_asked()
