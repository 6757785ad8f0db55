"""What few customers have, in an object of its own: everybody else pays for all of it with one reference."""

from __future__ import annotations

from typing import Final

from service.domain.acyclic import mypyc_attr
from service.domain.followed import Followed
from service.domain.occasion import OwnOccasions


@mypyc_attr(acyclic=True)
class Rare:
    """Of one customer, who reads and sets it under the same names (customer.py)."""

    __slots__ = ("beyond", "followed", "objection", "occasions", "seen", "sign_us", "written_to")

    def __init__(self) -> None:
        self.followed: Followed | None = None
        self.occasions: OwnOccasions | None = None
        self.seen: bytes = b""
        self.sign_us: int = 0
        self.written_to: bytes = b""
        self.objection: int = 0
        self.beyond: dict[str, object] | None = None
        """What a later release has added, kept for it; None: nothing."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep it for."""
        if self.followed is not None or self.occasions is not None or self.beyond is not None:
            return False
        return not (self.seen or self.sign_us or self.written_to or self.objection)


NOTHING: Final = Rare()
"""Of everybody who has nothing of it; never written to."""
