"""Fixtures for every level. A broker is started at the first test that asks for one, so unit tests never wait for
it."""

from __future__ import annotations

import gc
import os
import sys
import sysconfig
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings

from tests.support.examples import EVERY, ON_ANOTHER_PYTHON, examples

if TYPE_CHECKING:
    from service.local_broker.broker import LocalKafka
    from tests.support.broker import TestBroker

MACHINES_AUTHORITIES = "AUTHORITIES_OF_THE_MACHINE"
"""Variable: what SSL_CERT_FILE was before the tests; empty: nothing."""
USED = pytest.StashKey[str]()
ROOT = Path(__file__).parents[1]


def find_the_package_in(*directories: str) -> None:
    """First there, for this process and for those that it starts, wherever they are started."""
    sys.path[:0] = directories
    os.environ["PYTHONPATH"] = os.pathsep.join(directories)
    os.environ["PYTHONSAFEPATH"] = "1"  # else `python -m` would look into its working directory first


# Tests run the source; `make bench` runs what is installed: compiled, where there is a C compiler. So does CI
# with whole shops and whole logs.
if os.environ.get("CHURN_ALERT_TESTS_RUN") == "installed":
    find_the_package_in(sysconfig.get_paths()["purelib"], str(ROOT))
else:
    find_the_package_in(str(ROOT))


# What is compiled once is kept, whatever the caller's environment says: a worker and its page import for seconds
# otherwise, and tests start hundreds of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# A machine has more than a hundred authorities, and each TLS context reads them all: 25 ms for every client of a test,
# and in every process that imports aiohttp. No test meets one of theirs; what asks the network gets them back
# (tests/support/build.py).
if MACHINES_AUTHORITIES not in os.environ:
    os.environ[MACHINES_AUTHORITIES] = os.environ.get("SSL_CERT_FILE", "")
    os.environ["SSL_CERT_FILE"] = str(ROOT / "tests" / "support" / "authority.pem")


def pytest_configure(config: pytest.Config) -> None:
    # No time limit for each example: a busy machine is not a fault. pytest-timeout ends what hangs.
    settings.register_profile("churn-alert", deadline=None, max_examples=examples(100))
    settings.load_profile("churn-alert")
    # kafka-python 3.0 reads its protocol files through importlib's legacy functions when it is imported.
    config.addinivalue_line("filterwarnings", r"ignore:(read|open)_text is deprecated:DeprecationWarning")


# A grammar of addresses in all alphabets, which jsonschema makes when it is imported: a second for every process, and
# no schema here has any.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


LONG = (
    "test_schedules", "test_demo_stage", "test_operations", "test_stumbling", "test_topics_made_anew", "test_asked_to_end",
    "test_carrying", "test_turns_fit_the_broker", "test_group_members", "test_ten_tasks_live", "test_monitoring",
    "test_broker_away", "test_log_ends", "test_page_process", "test_access", "test_hostile_batches", "test_partitioners",
    "test_log_cut", "test_backtest_equals_worker", "test_person", "test_long_quiet", "test_worker",
)  # fmt: skip
"""Files with a broker that take most of a minute or more: begun last, one would keep a single process busy alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ON_ANOTHER_PYTHON:
        new = [item for item in items if not says_nothing_new(item)]
        mine = ON_ANOTHER_PYTHON.share(item.nodeid.partition("[")[0] for item in new)
        shown = [item for item, here in zip(new, mine, strict=True) if here]
        config.hook.pytest_deselected(items=list(set(items).difference(shown)))
        items[:] = shown
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


def says_nothing_new(item: pytest.Item) -> bool:
    """On another Python beside the one on which everything runs: it judges files, or is one of many of a kind."""
    if item.get_closest_marker("files") is not None:
        return True
    places: dict[str, int] = getattr(getattr(item, "callspec", None), "indices", {})
    counted = next(iter(places), "") if item.get_closest_marker("many") is not None else "seed"
    return places.get(counted, 0) % EVERY > 0


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules are there until the end: not to be looked through for garbage again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("broker") is not None:
        from tests.support.java_archive import use_archive

        use_archive()


@pytest.fixture(autouse=True)
def no_logging_of_another_test() -> Iterator[None]:
    """A command that ran within a test has set up logging into what that test captured, which is closed after it."""
    yield
    structlog.reset_defaults()


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
    from tests.support.broker import local_kafka

    with local_kafka() as alone:
        yield alone


@pytest.fixture
def topic_prefix() -> str:
    """Different for each test and run: put it before every topic and group name on the shared broker."""
    return f"t{uuid.uuid4().hex[:10]}-"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run side by side, each process has a broker of its own and tells of it."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["broker"] = session.config.stash.get(USED, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    used = getattr(node, "workeroutput", {}).get("broker")
    if used is not None:
        node.config.stash[USED] = used


TOLD = "told"
"""Property of a test whose words are shown at the end, whatever came of it."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says on which broker the guarantees were shown, and what tests have to tell; silent when there is nothing."""
    for report in [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]:
        for name, words in getattr(report, "user_properties", ()):
            if name == TOLD:
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {words}")
    used = config.stash.get(USED, None)
    if used is not None:
        terminalreporter.write_sep("-", f"broker: {used}")
