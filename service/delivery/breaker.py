"""The circuit breaker of one target: who does not answer is left alone, and asked again with one message.

Three states. **Closed**: messages go out; `failures` in a row open it. **Open**: nothing goes out for a pause, which
doubles each time. **Half-open**: the pause is over, and one message alone tries; what becomes of it closes the circuit
or opens it anew.

                 failures in a row                 pause is over, one tries
    closed ─────────────────────────────▶ open ─────────────────────────────▶ half-open
      ▲                                    ▲                                       │
      │                                    └────────────── it fails ───────────────┤
      └─────────────────────────────────────────────────── it succeeds ───────────┘

Beside that the target itself may ask for a pause (Retry-After): then nothing goes out until it is over, in any state.

Pure: time is an argument, in seconds of any clock that does not run backwards. A message that goes out takes a ticket
and gives it back with what became of it. Answers to messages of an earlier time say nothing of now: a ticket that was
taken before the circuit opened is not counted any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

_MOST_DOUBLINGS = 30


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Ticket(NamedTuple):
    """Leave for one message."""

    era: int
    """How often the circuit had opened or closed when it was taken."""
    probe: bool


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When to leave a target alone, and for how long."""

    failures: int = 10
    """In a row."""
    first_s: float = 5.0
    longest_s: float = 300.0

    def __post_init__(self) -> None:
        if self.failures < 1 or not 0 < self.first_s <= self.longest_s:
            raise ValueError(
                "a breaker needs at least one failure, and a first pause above 0 and not above the longest"
            )


class Breaker:
    """Of one target."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._circuit = Circuit.CLOSED
        self._in_a_row = 0
        self._opened = 0
        """Times in a row, without a success between."""
        self._until_s = self._held_until_s = float("-inf")
        self._probing = False
        self._era = 0

    def circuit(self, now_s: float) -> Circuit:
        if self._circuit is Circuit.OPEN and now_s >= self._until_s:
            return Circuit.HALF_OPEN
        return self._circuit

    def wait_s(self, now_s: float) -> float:
        """Seconds until a message may go out; 0 also while the one that tries is under way."""
        until_s = max(self._held_until_s, self._until_s if self._circuit is Circuit.OPEN else float("-inf"))
        return max(0.0, until_s - now_s)

    def allows(self, now_s: float) -> bool:
        """Whether `begin` would give a ticket."""
        if self.wait_s(now_s) > 0:
            return False
        return self._circuit is Circuit.CLOSED or not self._probing

    def begin(self, now_s: float) -> Ticket | None:
        """Before a message goes out; None = it must wait. Each ticket is given back by one of the calls below."""
        if not self.allows(now_s):
            return None
        if self._circuit is Circuit.CLOSED:
            return Ticket(self._era, probe=False)
        self._circuit, self._probing = Circuit.HALF_OPEN, True
        return Ticket(self._era, probe=True)

    def succeeded(self, ticket: Ticket) -> None:
        """The target has answered as one that works."""
        if ticket.era != self._era:
            return
        self._in_a_row = 0
        if ticket.probe:
            self._opened, self._probing = 0, False
            self._turn(Circuit.CLOSED)

    def failed(self, ticket: Ticket, now_s: float) -> None:
        """It has not answered, or as one that does not work."""
        if ticket.era != self._era:
            return
        self._in_a_row += 1
        if ticket.probe or self._in_a_row >= self._policy.failures:
            pause_s = self._policy.first_s * 2.0 ** min(self._opened, _MOST_DOUBLINGS)
            self._until_s = now_s + min(pause_s, self._policy.longest_s)
            self._opened += 1
            self._probing, self._in_a_row = False, 0
            self._turn(Circuit.OPEN)

    def dropped(self, ticket: Ticket) -> None:
        """Nobody will know what became of it: another may try."""
        if ticket.probe and ticket.era == self._era:
            self._probing = False

    def hold(self, until_s: float) -> None:
        """The target asks to be left alone until then."""
        self._held_until_s = max(self._held_until_s, until_s)

    def _turn(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self._era += 1
