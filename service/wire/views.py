"""A record as its serializer gave it: an object of JSON or Avro, or a view of a message that is looked into only where
somebody asks."""

from __future__ import annotations

from typing import Protocol


class View:
    """Fields by name. A base, so that what reads a path knows one when it meets it."""

    __slots__ = ()

    def get(self, name: str) -> object:
        """None where there is no such field, or nothing in it."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Of all fields."""
        raise NotImplementedError


class KeyOfOne(View):
    """A key that has one value, under whatever name its schema gives it."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def get(self, name: str, /) -> object:  # noqa: ARG002 - there is one
        return self.value

    def names(self) -> list[str]:
        return []


class UnreadableKey(View):
    """A key that is there and cannot be read, whatever is looked for in it."""

    __slots__ = ()

    def get(self, name: str, /) -> object:  # noqa: ARG002 - nothing in it is known
        return self

    def names(self) -> list[str]:
        return []


class NotSent(View):
    """A column's value that a change does not repeat, whatever is looked for in it."""

    __slots__ = ()

    def get(self, name: str, /) -> object:  # noqa: ARG002 - nothing in it is known
        return self

    def names(self) -> list[str]:
        return []


class Incomplete(dict[str, object]):
    """A row of which columns were NotSent."""


def as_object(value: object) -> object:
    """A view as a dictionary of what is in it, one level deep; anything else as it is."""
    if not isinstance(value, View):
        return value
    found = {name: value.get(name) for name in value.names()}
    return {name: inner for name, inner in found.items() if inner is not None}


class Fields(Protocol):
    """What a dictionary and a view have in common."""

    def get(self, name: str, /) -> object: ...


Row = Fields
