"""How the small states of the domain are stored: as arrays of named fields, in the order in which the class lists the
names.

New fields are appended to the list: an older record leaves them at their defaults, and an older release does not read
beyond its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self


class Stored:
    """A state whose class says what of it is stored. Made without arguments, it is as at the beginning.

    Found by name, a field takes longer than in code that spells it out; a customer, who is stored at every visit, does
    that (customer.py).
    """

    __slots__ = ()

    STORED: ClassVar[tuple[str, ...]] = ()

    def fields(self) -> tuple[object, ...]:
        """The values of STORED in that order."""
        return tuple([getattr(self, name) for name in self.STORED])

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Self:
        """What `fields` gave; what is missing keeps its default."""
        state = cls()
        state.take_fields(fields)
        return state

    def take_fields(self, fields: Sequence[Any]) -> None:
        """Takes over what `fields` gave."""
        for name, value in zip(self.STORED, fields, strict=False):
            setattr(self, name, value)
