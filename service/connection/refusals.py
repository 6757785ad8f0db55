"""Why there is no connection, for whoever decides whether to try again."""

from __future__ import annotations

from service.errors import ConfigurationError, TransientError


class NoBrokerError(TransientError):
    """Nobody answers there."""


class RefusedError(ConfigurationError):
    """Somebody answers and does not let us in: a broker, or who gives out the tokens."""


class LoginRefusedError(RefusedError):
    """The name or the secret is another by now, or never was the right one."""


class RefusedForLongError(TransientError):
    """The same secret was refused all the while, and only a new start reads another."""


class Refusal(str):
    """A line for who waits, that says that somebody answers and refuses; any other says that nobody answers."""

    __slots__ = ()
