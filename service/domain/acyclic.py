"""`@mypyc_attr(acyclic=True)`, for the objects of which there are some for every customer: what is part of no cycle of
references need not be looked at by the collector, and takes 16 bytes less. And `i16` and `i32`, numbers that take two
bytes and four, and `i64`, one that is counted with as it is.

The compiler knows them by their names; what is run without it has no use for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["i16", "i32", "i64", "mypyc_attr"]

Decorated = TypeVar("Decorated")

if TYPE_CHECKING:
    from mypy_extensions import i16, i32, i64, mypyc_attr
else:
    i16 = i32 = i64 = int

    def mypyc_attr(*, acyclic: bool) -> Callable[[Decorated], Decorated]:
        """Leaves the class as it is."""
        del acyclic
        return lambda decorated: decorated
