"""Imports go one way: schemas ← domain ← shell, and among the rooms of the service as the table below says.

Read from the syntax trees, so an import within a function or for types only counts as well. A new room must be added to
the table, and an arrow that nobody uses any more must be taken out of it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.support.syntax import nodes_of

pytestmark = pytest.mark.files
ROOT: Final = Path(__file__).parents[2]

ROOMS: Final[dict[str, set[str]]] = {
    # contracts, and what is pure
    "schemas": set(),
    "domain": {"schemas", "domain.learning", "domain.outreach", "domain.periods"},
    "domain.learning": {"domain"},
    "domain.outreach": {"domain", "domain.learning", "domain.uplift"},
    "domain.periods": {"domain", "domain.uplift"},
    "domain.uplift": set(),
    # what everybody may stand on
    "errors": set(),
    "build_info": set(),
    "collector": set(),
    "processes": set(),
    "config": {"domain", "domain.periods", "errors"},
    "logs": {"config", "processes"},
    "instruments": set(),
    "metric_table": {"build_info", "instruments"},
    "engines": {"config", "domain", "errors"},
    "fetching": {"errors"},
    "connection": {"config", "errors", "fetching"},
    "wording": {"domain", "domain.periods", "errors", "config"},
    "message": {"schemas", "domain", "errors", "config", "wording"},
    "history": {"schemas", "domain", "errors", "profiles"},
    "profiles": {"domain", "errors"},
    "notices": {"config", "domain.periods", "wording"},
    "letter": {"config", "domain", "domain.periods", "wording"},
    # Kafka: what a record says, what lies in the cluster, what was refused; and who reads and writes there
    "wire": {"schemas", "domain", "domain.periods", "errors", "config", "wording", "profiles", "history"},
    "registry": {"errors", "config", "build_info", "wire"},
    "cluster": {"domain", "errors", "config", "connection", "fetching", "wire"},
    "refused": {"schemas", "domain", "errors", "config", "build_info", "connection", "fetching", "cluster"},
    "streaming": {
        "notices", "schemas", "domain", "domain.outreach", "domain.periods", "domain.uplift", "errors", "config", "engines", "collector",
        "build_info", "wording", "metric_table", "connection", "fetching", "wire", "cluster", "refused", "registry",
        "processes",
    },
    "feed": {"schemas", "domain", "errors", "config", "history", "connection", "wire", "cluster"},
    "inspect": {
        "domain", "domain.learning", "domain.outreach", "errors", "config", "engines", "wording", "feed", "message", "wire", "cluster",
        "registry",
    },
    "carrying": {"domain", "errors", "config", "build_info", "engines", "streaming", "connection", "wire", "cluster"},
    "local_broker": {"errors", "processes", "connection"},
    # what people look at
    "web": {
        "schemas", "domain", "domain.outreach", "domain.periods", "domain.uplift", "errors", "config", "build_info", "wording", "streaming",
        "message", "inspect", "connection", "wire", "cluster",
    },
    "backtest": {
        "domain", "domain.learning", "domain.outreach", "domain.periods", "config", "engines", "collector", "history",
        "feed",
    },
    "report": {"domain", "domain.outreach", "domain.periods", "config", "history", "backtest", "wording"},
    "delivery": {
        "letter", "domain", "domain.periods", "errors", "config", "build_info", "streaming", "web", "metric_table", "connection", "wire",
        "cluster", "refused", "processes",
    },
    "ingest": {
        "errors", "config", "build_info", "metric_table", "connection", "cluster", "wire", "profiles", "history", "web", "delivery",
        "processes", "domain",
    },
    "demo": {
        "domain", "errors", "config", "processes", "history", "cluster", "feed", "local_broker", "message", "wording",
    },
    # the way in
    "commands": {
        "schemas", "domain", "errors", "config", "logs", "wording", "history", "profiles", "streaming", "feed", "inspect", "web", "backtest",
        "report", "demo", "build_info", "delivery", "message", "letter", "connection", "carrying", "wire",
        "cluster", "refused", "registry", "ingest", "collector",
    },
    "cli": {"errors", "build_info", "collector", "commands", "processes"},
}  # fmt: skip
"""Every room → the rooms that it may import. A file of the root is a room by itself."""

TOP_OF_THE_DOMAIN: Final = {"engine", "presence", "scoreboard", "scores", "state_records"} | {
    f"effects.{file.stem}" for file in (ROOT / "service/domain/effects").glob("*.py")
}
"""Files of domain/ that put its rooms together: none of those imports them."""
PURE_LIBRARIES: Final = {"msgspec", "mypy_extensions", "xxhash"}
PURE_SCHEMAS: Final = {"schemas.kinds", "schemas.scales"}
"""Words and numbers that the contract and the domain share."""
SCHEMA_LIBRARIES: Final = {"msgspec", "pydantic", "pydantic_core"}
WORLD: Final = {
    "asyncio", "concurrent", "fcntl", "http", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "random", "secrets",
    "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
"""Standard modules that the domain does without: I/O, clocks, threads, processes, chance."""
CLOCKS: Final = {"now", "utcnow", "today"}
DOORS: Final = {"open", "print", "input", "exec", "eval", "__import__"}

Sources = Mapping[str, str]
"""Path below the root → source text."""


def the_tree() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for top in ("schemas", "service")
        for path in sorted((ROOT / top).rglob("*.py"))
    }


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room_of(module: str) -> str:
    """The room of one of our modules."""
    top, *rest = module.split(".")
    if top == "schemas" or not rest:
        return top
    if rest[0] == "domain" and len(rest) > 1 and f"domain.{rest[1]}" in ROOMS:
        return f"domain.{rest[1]}"
    return rest[0]


def imports_of(path: str, text: str, ours: set[str]) -> Iterator[tuple[int, str]]:
    """(line, full name of the module) of everything that a file imports, wherever in it."""
    package = module_of(path).split(".") if path.endswith("__init__.py") else module_of(path).split(".")[:-1]
    for node in nodes_of(text, ast.Import, ast.ImportFrom, ast.Call):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if f"{base}.{alias.name}" in ours else base
        elif (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and "import_module" in (getattr(node.func, "attr", ""), getattr(node.func, "id", ""))
        ):
            yield node.lineno, str(node.args[0].value)


def wrong_arrows(sources: Sources) -> tuple[list[str], set[tuple[str, str]]]:
    """What each file imports against the table, and the arrows that are in use."""
    ours = {module_of(path) for path in sources}
    wrong, used = [], set()
    for path, text in sources.items():
        me = room_of(module_of(path))
        if me == "service":
            continue
        if me not in ROOMS:
            wrong.append(f"{path}: the room {me} is not in the table")
            continue
        for line, name in imports_of(path, text, ours):
            if name.split(".")[0] not in {"schemas", "service"}:
                continue
            other = room_of(name)
            if other in {me, "service"}:
                continue
            used.add((me, other))
            if other not in ROOMS[me]:
                wrong.append(f"{path}:{line}: {me} must not import {other} ({name})")
            if me.startswith("domain.") and name.removeprefix("service.domain.") in TOP_OF_THE_DOMAIN:
                wrong.append(
                    f"{path}:{line}: a room of the domain must not import what puts the rooms together ({name})"
                )
    return wrong, used


def impurities(sources: Sources) -> list[str]:
    """What touches the world in domain/, and libraries that do not belong there or in schemas/."""
    ours = {module_of(path) for path in sources}
    found = []
    for path, text in sources.items():
        pure, contract = path.startswith("service/domain/"), path.startswith("schemas/")
        if not (pure or contract):
            continue
        libraries = PURE_LIBRARIES if pure else SCHEMA_LIBRARIES
        for line, name in imports_of(path, text, ours):
            top = name.split(".")[0]
            known = top in sys.stdlib_module_names or top in libraries or top in {"schemas", "service"}
            if not known or (pure and top in WORLD):
                found.append(f"{path}:{line}: imports {name}")
            if pure and top == "schemas" and name not in PURE_SCHEMAS:
                found.append(f"{path}:{line}: imports {name}, which needs pydantic")
        if pure:
            found += [f"{path}:{line}: {what}" for line, what in calls_of_the_world(text)]
    return found


def calls_of_the_world(text: str) -> Iterator[tuple[int, str]]:
    for node in nodes_of(text, ast.Await, ast.AsyncFunctionDef, ast.Call):
        if isinstance(node, ast.Await | ast.AsyncFunctionDef):
            yield node.lineno, "waits"
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in DOORS:
                yield node.lineno, f"calls {called.id}"
            elif (
                isinstance(called, ast.Attribute)
                and called.attr in CLOCKS
                and ast.unparse(called.value).split(".")[-1] in {"datetime", "date"}
            ):
                yield node.lineno, f"reads the clock ({ast.unparse(called)})"


def circles(sources: Sources) -> list[list[str]]:
    """Modules that import each other in a circle, by Tarjan's algorithm."""
    ours = {module_of(path) for path in sources}
    graph = {
        module_of(path): {name for _, name in imports_of(path, text, ours) if name in ours}
        for path, text in sources.items()
    }
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            members = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(members) > 1 or module in graph[module]:
                found.append(sorted(members))

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return found


def test_every_import_goes_the_way_of_the_table() -> None:
    wrong, _ = wrong_arrows(the_tree())

    assert wrong == []


def test_the_table_names_every_room_and_no_other() -> None:
    there = {room_of(module_of(path)) for path in the_tree()} - {"service"}

    assert set(ROOMS) == there
    assert {other for others in ROOMS.values() for other in others} <= there


def test_every_arrow_of_the_table_is_in_use() -> None:
    _, used = wrong_arrows(the_tree())

    assert {(room, other) for room, others in ROOMS.items() for other in others} - used == set()


def test_the_domain_is_pure_and_the_contracts_need_nothing_but_their_models() -> None:
    assert impurities(the_tree()) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(the_tree()) == []


@pytest.mark.parametrize(
    ("path", "line", "said"),
    [
        ("schemas/inputs.py", "from service.domain.events import Survey", "schemas must not import domain"),
        ("service/domain/engine.py", "from service.config import Settings", "domain must not import config"),
        ("service/domain/learning/population.py", "from service.domain.outreach import gates", "must not import domain.outreach"),
        ("service/domain/learning/population.py", "import service.domain.engine", "what puts the rooms together"),
        ("service/domain/periods/rows.py", "from service.domain.learning import population", "must not import domain.learning"),
        ("service/domain/periods/rows.py", "from ..engine import Engine", "what puts the rooms together"),
        ("service/streaming/job.py", "from service.web.app import create_app", "streaming must not import web"),
        ("service/streaming/job.py", "def later():\n    import service.backtest.run", "streaming must not import backtest"),
        ("service/streaming/job.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from service import demo", "import demo"),
        ("service/history/reading.py", "import importlib\nimportlib.import_module('service.report')", "must not import report"),
        ("service/newsroom/press.py", "import smtplib", "the room newsroom is not in the table"),
    ],
)  # fmt: skip
def test_an_arrow_that_turns_is_found(path: str, line: str, said: str) -> None:
    tree = the_tree()
    planted = {**tree, path: f"{tree.get(path, '')}\n{line}\n", "service/demo/__init__.py": ""}

    wrong, _ = wrong_arrows(planted)

    assert len(wrong) == 1
    assert said in wrong[0]


@pytest.mark.parametrize(
    ("path", "line", "said"),
    [
        ("service/domain/clock.py", "import time", "imports time"),
        ("service/domain/clock.py", "from datetime import datetime\nat = datetime.now()", "reads the clock (datetime.now)"),
        ("service/domain/clock.py", "import datetime\nat = datetime.date.today()", "reads the clock (datetime.date.today)"),
        ("service/domain/outreach/gates.py", "import logging", "imports logging"),
        ("service/domain/outreach/gates.py", "def f():\n    import structlog", "imports structlog"),
        ("service/domain/outreach/gates.py", "async def f() -> None: ...", "waits"),
        ("service/domain/periods/rows.py", "from prometheus_client import Gauge", "imports prometheus_client"),
        ("service/domain/periods/rows.py", "file = open('rows.csv')", "calls open"),
        ("service/domain/scores.py", "from schemas.inputs import Purchase", "which needs pydantic"),
        ("schemas/inputs.py", "import aiokafka", "imports aiokafka"),
    ],
)  # fmt: skip
def test_what_touches_the_world_is_found_in_the_domain(path: str, line: str, said: str) -> None:
    tree = the_tree()

    found = impurities({**tree, path: f"{tree[path]}\n{line}\n"})

    assert len(found) == 1
    assert said in found[0]


def test_a_circle_is_found_whatever_its_length() -> None:
    planted = {
        "service/feed/a.py": "from service.feed import b",
        "service/feed/b.py": "from service.feed.c import C",
        "service/feed/c.py": "import service.feed.a",
        "service/feed/d.py": "from service.feed import a",
    }

    assert circles(planted) == [["service.feed.a", "service.feed.b", "service.feed.c"]]
