"""What a backtest decided: an alert for each rung that came due, its outcome, and the customer's return.

Decisions lie in a temporary file, as MessagePack, which is deleted together with the log. In memory are 46 bytes an
alert, and a dictionary entry for each customer who was alerted and is not back.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from tempfile import SpooledTemporaryFile

import msgspec

from service.domain import wide_numbers
from service.domain.calendar import Calendar
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.findings import Decision, Kind, Outcome, Reason

_IN_MEMORY = 16 << 20
_NOBODY = -1


class Alert(msgspec.Struct, frozen=True):
    """One row of alerts.csv: the detection of a rung, what was decided, and when the customer came back."""

    decision: Decision
    returned_us: int | None = None
    """First purchase of the next visit; None = never within the log."""


class AlertLog:
    """Collects decisions, and notes when alerted customers come back. Iterate for the alerts in order of detection,
    or in the reverse of it."""

    def __init__(
        self,
        calendar: Calendar,
        on_decision: Callable[[Decision], None] | None = None,
        in_memory: int = _IN_MEMORY,
    ) -> None:
        """`on_decision` is called with every decision as it was made, those that only end an alert included.

        Up to `in_memory` bytes of decisions nothing is written to a disk.
        """
        self._calendar = calendar
        self._on_decision = on_decision
        self._file = SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 - lives as long as the log
        weakref.finalize(self, self._file.close)
        self._end = 0
        self._encode = wide_numbers.encode
        self._decode = msgspec.msgpack.Decoder(Decision).decode
        self._place, self._size = array("Q"), array("I")
        self._detected_us, self._returned_us = array("q"), array("q")
        self._since_us = array("q")
        """`quiet_since_us` of the decision: asked for at every purchase of who was alerted, so it is not read from the
        file."""
        self._earlier = array("q")
        """The alert before it in the same absence."""
        self._first = bytearray()
        self._of_occasion = bytearray()
        """Whether the alert is about an occasion, and so no part of the story of an absence."""
        self._waiting: dict[str, int] = {}
        """Of those that are deferred, by decision_id: unlike a rung's, their waiting survives a visit."""
        self._order: array[int] | None = None
        self.decided = 0
        """Decisions that were told; where the engine tells of ends, they count."""
        self.open: dict[str, int] = {}
        """The newest alert of each customer who has not come back."""

    def __len__(self) -> int:
        return len(self._place)

    def __iter__(self) -> Iterator[Alert]:
        return (self._alert(index) for index in self._in_order())

    def __reversed__(self) -> Iterator[Alert]:
        return (self._alert(index) for index in reversed(self._in_order()))

    def first(self) -> Iterator[Alert]:
        """The first win-back alert of each absence, in order of detection; what a volume limit left out is no alert."""
        alerts = (self._alert(index) for index in self._in_order() if self._first[index])
        return (alert for alert in alerts if alert.decision.reason is not Reason.VOLUME)

    @property
    def absences(self) -> int:
        """Absences of regulars that came due, those that a volume limit left out included."""
        return sum(self._first)

    # ---- while the log is read

    def collect(self, engines: Iterable[Engine]) -> None:
        """Takes over what the engines have decided."""
        for engine in engines:
            for output in engine.take_outputs():
                if isinstance(output, Decision):
                    self._note(output)

    def seen(self, event: Event) -> None:
        """An event of a customer with open alerts; a purchase on a later day is the return."""
        if isinstance(event, Purchase) and not event.refund:
            since = self._since_us[self._oldest(self.open[event.customer_id])]
            if self._calendar.day_of(event.at_us) > self._calendar.day_of(since):
                self._close(event.customer_id, event.at_us)

    def _note(self, decision: Decision) -> None:
        self.decided += 1
        if self._on_decision is not None:
            self._on_decision(decision)
        if decision.reason is Reason.SIGN_OF_LIFE:
            return  # nothing has come due: it waits
        newest = self.open.get(decision.customer_id, _NOBODY)
        known = newest
        while known != _NOBODY and self._decision(known).decision_id != decision.decision_id:
            known = self._earlier[known]
        if decision.outcome in {Outcome.CONVERTED, Outcome.CANCELLED}:
            if known != _NOBODY and decision.returned_us is not None:
                self._close(decision.customer_id, decision.returned_us)
            return
        about_occasion = decision.evidence.about is not None
        if about_occasion:
            known = self._waiting.pop(decision.decision_id, known)
        place, size = self._write(decision)
        if known != _NOBODY:
            self._place[known], self._size[known] = place, size
            self._since_us[known] = decision.quiet_since_us
            if about_occasion and decision.outcome is Outcome.DEFERRED:
                self._waiting[decision.decision_id] = known
            return
        if about_occasion and decision.outcome is Outcome.DEFERRED:
            self._waiting[decision.decision_id] = len(self._place)
        self.open[decision.customer_id] = len(self._place)
        self._place.append(place)
        self._size.append(size)
        self._since_us.append(decision.quiet_since_us)
        self._detected_us.append(decision.detected_us)
        self._returned_us.append(-1)
        self._earlier.append(newest)
        while newest != _NOBODY and self._of_occasion[newest]:
            newest = self._earlier[newest]
        self._first.append(newest == _NOBODY and decision.kind is Kind.WIN_BACK)
        self._of_occasion.append(about_occasion)
        self._order = None

    def _close(self, customer_id: str, at_us: int) -> None:
        index = self.open.pop(customer_id, _NOBODY)
        while index != _NOBODY:
            self._returned_us[index] = at_us
            index = self._earlier[index]

    def _oldest(self, index: int) -> int:
        while self._earlier[index] != _NOBODY:
            index = self._earlier[index]
        return index

    # ---- the file

    def _write(self, decision: Decision) -> tuple[int, int]:
        packed, place = self._encode(decision), self._end
        self._file.seek(place)
        self._file.write(packed)
        self._end += len(packed)
        return place, len(packed)

    def _decision(self, index: int) -> Decision:
        self._file.seek(self._place[index])
        packed = self._file.read(self._size[index])
        try:
            return self._decode(packed)
        except msgspec.ValidationError:  # a sum beyond 64 bits
            return wide_numbers.decode_as(packed, Decision)

    def _alert(self, index: int) -> Alert:
        returned_us = self._returned_us[index]
        return Alert(self._decision(index), None if returned_us < 0 else returned_us)

    def _in_order(self) -> array[int]:
        """By detection; at one instant by customer, then by rung."""
        if self._order is None:
            self._order = array("Q")
            times = self._detected_us
            for _, same in groupby(sorted(range(len(times)), key=times.__getitem__), times.__getitem__):
                together = list(same)
                if len(together) > 1:
                    together.sort(key=self._customer_and_rung)
                self._order.extend(together)
        return self._order

    def _customer_and_rung(self, index: int) -> tuple[str, str]:
        decision = self._decision(index)
        return decision.customer_id, decision.rung
