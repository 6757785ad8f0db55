"""What can go wrong, by fate.

ChurnAlertError
├── PoisonError         this record can never be understood: to dead-letters with its code; the stream goes on
├── TransientError      the world is not ready (broker down, topic missing): wait with back-off, acknowledge nothing
└── FatalError          misconfiguration or a broken guarantee: one sentence, exit code ≠ 0, a supervisor may restart
    └── ConfigurationError   a setting, a topic or a port; the sentence names the cause and the cure
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a record went to dead-letters. Part of the interface: values are never renamed."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    EMPTY_VALUE = "empty_value"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    UNKNOWN_KIND = "unknown_kind"
    SCORE_OFF_SCALE = "score_off_scale"
    NEGATIVE_AMOUNT = "negative_amount"
    AMOUNT_TOO_LARGE = "amount_too_large"
    UNKNOWN_CURRENCY = "unknown_currency"
    BAD_TIME = "bad_time"
    TIME_IN_FUTURE = "time_in_future"
    TIME_TOO_OLD = "time_too_old"
    KEY_MISMATCH = "key_mismatch"
    DELIVERY_FAILED = "delivery_failed"
    NO_ERASURE_KEY = "no_erasure_key"


class ChurnAlertError(Exception):
    """Root of every error this package raises on purpose."""


class PoisonError(ChurnAlertError):
    """A record that can never be understood. `code` is counted, `message` tells a person what to repair."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PartlyRefusedError(PoisonError):
    """A record of which some fields can never be understood; what remains of it is an event. `further` are the codes
    and messages beside the first."""

    def __init__(self, event: object, refusals: Sequence[tuple[ErrorCode, str]]) -> None:
        super().__init__(*refusals[0])
        self.event = event
        self.further = tuple(refusals[1:])


class TransientError(ChurnAlertError):
    """The world is not ready yet; the same call may succeed later."""


class FatalError(ChurnAlertError):
    """Going on would break a promise. The process ends with one sentence and a non-zero exit code."""


class ConfigurationError(FatalError):
    """A setting, a topic or a port is wrong; the sentence names the cause and the cure."""
