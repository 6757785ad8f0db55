"""Fixtures for every level. A broker is started at the first test that asks for one, so unit tests never wait for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from service.local_broker.broker import LocalKafka
    from tests.support.broker import TestBroker

USED = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python 3.0 reads its protocol files through importlib's legacy functions when it is imported.
    config.addinivalue_line("filterwarnings", r"ignore:(read|open)_text is deprecated:DeprecationWarning")


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[TestBroker]:
    """The session's broker, shared: take topics and groups of your own (`topic_prefix`), and never stop it."""
    from tests.support.broker import RungUnavailableError, find_broker

    try:
        found = find_broker()
    except RungUnavailableError as error:
        request.config.stash[USED] = f"none ({error})"
        pytest.fail(f"no broker for the tests: {error}")
    request.config.stash[USED] = found.description
    print(f"broker: {found.description}")
    yield found
    found.stop()


@pytest.fixture
def own_broker() -> Iterator[LocalKafka]:
    """A broker of this test alone, to be killed, paused and restarted."""
    from service.local_broker.broker import LocalKafka

    with LocalKafka() as alone:
        yield alone


@pytest.fixture
def topic_prefix() -> str:
    """Different for each test and run: put it before every topic and group name on the shared broker."""
    return f"t{uuid.uuid4().hex[:10]}-"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says on which broker the guarantees were shown; silent when no test wanted one."""
    used = config.stash.get(USED, None)
    if used is not None:
        terminalreporter.write_sep("-", f"broker: {used}")
