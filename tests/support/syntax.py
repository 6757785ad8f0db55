"""Syntax trees of the sources, for tests that look at what the code names. Each file is parsed once in a process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1_000)
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


@lru_cache(maxsize=5_000)
def nodes_of(text: str, *kinds: type[ast.AST]) -> tuple[ast.AST, ...]:
    """Every node of these kinds, wherever in a source."""
    return tuple(node for node in ast.walk(parsed(text)) if isinstance(node, kinds))


@lru_cache(maxsize=1_000)
def attributes_of(text: str) -> tuple[ast.Attribute, ...]:
    """Every `x.name` of a source."""
    return tuple(node for node in ast.walk(parsed(text)) if isinstance(node, ast.Attribute))


def attributes(under: Path) -> Iterator[tuple[Path, ast.Attribute]]:
    """Those of every source below a folder."""
    for path in under.rglob("*.py"):
        for node in attributes_of(path.read_text(encoding="utf-8")):
            yield path, node
