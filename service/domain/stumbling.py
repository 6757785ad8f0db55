"""Errors of our own, by what they are about: a customer whose date came up, or the weekly refresh. Whoever holds the
engine must forget it then, for it may be half changed; and it can go on without that one customer, or that refresh.

And one that is none: a turn that is full.
"""

from __future__ import annotations

from collections.abc import Sequence


class CustomerError(Exception):
    """Something that is done for this customer alone has failed; the cause is the error it was raised from."""

    def __init__(self, customer_id: str) -> None:
        super().__init__("an error of our own")
        self.customer_id = customer_id


class LaterReleaseError(ValueError):
    """A record of the state is one of a later release, of which this one would drop something when it writes it again:
    it must not go on."""


def hold(fields: Sequence[object], known: int, what: str) -> None:
    """Raises LaterReleaseError where a stored array has more fields than this release knows."""
    if len(fields) > known:
        raise LaterReleaseError(f"{what} of {len(fields)} fields, of which this release knows {known}")


class FullTurnError(Exception):
    """So many dates come before an event that the turn is full of what they lead to. The event is not applied: it is to
    be given again, first of all, when the turn is written."""


class RefreshError(Exception):
    """The refresh of that instant has failed; the cause is the error it was raised from."""

    def __init__(self, at_us: int) -> None:
        super().__init__("an error of our own")
        self.at_us = at_us
