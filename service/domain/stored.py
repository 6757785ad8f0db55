"""How the small states of the domain are stored: as arrays of named fields, in the order in which the class lists the
names.

New fields are appended to the list: an older record leaves them at their defaults, and an older release, which would
drop them when it writes the record again, refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from service.domain.stumbling import LaterReleaseError


class Stored:
    """A state whose class says what of it is stored. Made without arguments, it is as at the beginning.

    Found by name, a field takes longer than in code that spells it out; a customer, who is stored at every visit, does
    that (customer_record.py).
    """

    __slots__ = ()

    STORED: ClassVar[tuple[str, ...]] = ()

    def fields(self) -> tuple[object, ...]:
        """The values of STORED in that order."""
        return tuple([getattr(self, name) for name in self.STORED])

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Self:
        """What `fields` gave; what is missing keeps its default. Raises LaterReleaseError where there is more."""
        state = cls()
        state.take_fields(fields)
        return state

    def take_fields(self, fields: Sequence[Any]) -> None:
        """Takes over what `fields` gave."""
        if len(fields) > len(self.STORED):
            what = f"{type(self).__name__} of {len(fields)} fields, of which this release knows {len(self.STORED)}"
            raise LaterReleaseError(what)
        for name, value in zip(self.STORED, fields, strict=False):
            setattr(self, name, value)
