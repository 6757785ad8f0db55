"""The dead letters of one turn, and what was made of records that were sent back by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiokafka.structs import ConsumerRecord

from service.errors import ChurnAlertError, ErrorCode
from service.refused.dead_letters import Reference, encode_dead_letter, encode_reference, key_of_letter
from service.refused.quarantine import Kind, Quarantine, Stumbled, frames_of, of_customer, reason_of
from service.refused.retries import Mark, Readings
from service.streaming.decoding import Refused
from service.streaming.producer import Destination, Record

log = structlog.get_logger()


class Taken(NamedTuple):
    """What a turn takes along."""

    records: list[Record]
    reasons: Counter[str]
    """Letters by code."""
    refused: Sequence[tuple[ConsumerRecord, str]]
    """The records of an input that they are about, with their codes."""
    retried: Counter[str]
    """Records that were sent back by hand: taken, refused once more, and come again after they were taken."""


class TurnLetters:
    """Of one partition, since the last turn."""

    def __init__(self, state: Destination, quarantine: Quarantine, readings: Readings) -> None:
        """`state`: where customers are held."""
        self._state = state
        self._quarantine = quarantine
        self._readings = readings
        self.bytes = 0
        """Of the letters about records of an input."""
        self._begin()

    def _begin(self) -> None:
        self.records: list[Record] = []
        self._reasons: Counter[str] = Counter()
        self._refused: list[tuple[ConsumerRecord, str]] = []
        self._retried: Counter[str] = Counter()

    def take(self) -> Taken:
        """The turn is written; the next one begins."""
        taken = Taken(self.records, self._reasons, self._refused, self._retried)
        self.bytes = 0
        self._begin()
        return taken

    def came_again(self, mark: Mark) -> bool:
        """Whether a record that was sent back by hand was taken before: it counts once."""
        again = self._readings.was_taken(mark)
        if again:
            self._retried["again"] += 1
        return again

    def was_applied(self, mark: Mark, now_us: int) -> None:
        """A record that was sent back by hand has been taken."""
        self._readings.note(mark, now_us)
        self._retried["taken"] += 1

    def refuse(self, refused: Refused, now_us: int) -> None:
        """A letter for each thing that is wrong; of what was sent back there is one already."""
        record = refused.record
        if refused.mark is not None:
            if not self._readings.was_taken(refused.mark):
                self._readings.note(refused.mark, now_us, (refused.code.value, refused.message))
            self._retried["refused"] += 1
            return
        for code, message in ((refused.code, refused.message), *refused.further):
            letter = encode_dead_letter(record, code, message, now_us)
            self.records.append((key_of_letter(record), letter))
            self.bytes += len(letter)
            self._reasons[code.value] += 1
            self._refused.append((record, code.value))

    def about(self, stumbled: Stumbled, now_us: int) -> Record:
        """A letter about what is no record of an input, for the quarantine."""
        return self._about(stumbled.customer_id, stumbled.told, reason_of(stumbled), now_us)

    def leave_out(self, customer_id: str, told: str, name: str, error: Exception, now_us: int) -> None:
        """Something that cannot be written has a letter in its place. Nothing had changed by it. Raises an error that
        is not of our own."""
        if isinstance(error, ChurnAlertError | MemoryError | OSError):
            raise error
        log.error(
            "an error of our own in writing an output; it is left out, and `churn-alert dead-letters list --code "
            "internal_error` shows it",
            what=told,
            frames=frames_of(error),
        )
        reason = reason_of(error)
        self.records.append(self._about(customer_id, told, reason, now_us))
        self._reasons[ErrorCode.INTERNAL_ERROR.value] += 1
        self._quarantine.set_aside(Kind.OUTPUT, of_customer(f"{customer_id} {name}"), told, reason, now_us)

    def _about(self, customer_id: str, told: str, reason: str, now_us: int) -> Record:
        """It names the state, where the customer is held."""
        key = customer_id.encode() or None
        about = Reference(self._state.topic, self._state.partition, 0, 0, key=key)
        message = f"{told} was set aside: an error of our own ({reason})"
        return key, encode_reference(about, ErrorCode.INTERNAL_ERROR, message, now_us)
