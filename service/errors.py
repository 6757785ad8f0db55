"""What can go wrong, by fate.

ChurnAlertError
├── PoisonError         this record can never be understood: to dead-letters with its code; the stream goes on
├── TransientError      the world is not ready (broker down, topic missing): wait with back-off, acknowledge nothing
└── FatalError          misconfiguration or a broken guarantee: one sentence, exit code ≠ 0, a supervisor may restart
    └── ConfigurationError   a setting, a topic or a port; the sentence names the cause and the cure
        ├── CeilingError     errors of our own with record after record: a person has to look
        ├── NotThereError    what a command was asked for is not there
        ├── LossesError      much of a file could not be read: what was done lacks it
        └── RecordsLostError   records of a topic are gone, or it is another topic: a person decides

What a command ends with when it ends by one of them is in `ExitCode`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How a command ends. Part of the interface: docs/operations/README.md lists them."""

    DONE = 0
    FAILED = 1
    """It could not be done, what was asked for is not there, a check has found something, or somebody said no."""
    CONFIGURATION = 2
    """A setting, an option or a file is wrong: trying again is of no use."""
    LOSSES = 3
    """It is done, but much of the files could not be read and is missing in it."""
    CRASHED = 70
    """A worker or deliverer met what it cannot go on after (EX_SOFTWARE): a supervisor starts it again."""
    UNAVAILABLE = 75
    """No broker answers, or it went (EX_TEMPFAIL): the same call may succeed later."""
    INTERRUPTED = 130
    """By Ctrl-C."""


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
    CORRUPT = "corrupt"
    UNKNOWN_FORMAT = "unknown_format"
    DECOMPRESSED_TOO_LARGE = "decompressed_too_large"
    HEADER_NOT_TEXT = "header_not_text"
    UNKNOWN_SCHEMA = "unknown_schema"
    NOT_OF_SCHEMA = "not_of_schema"
    INTERNAL_ERROR = "internal_error"


class ChurnAlertError(Exception):
    """Root of every error this package raises on purpose."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


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


class PassedOverError(PoisonError):
    """A record that the settings say is none of ours: no letter, nothing is told of it but how many there were."""

    def __init__(self, why: str) -> None:
        super().__init__(ErrorCode.INVALID_VALUE, why)
        self.why = why


class TransientError(ChurnAlertError):
    """The world is not ready yet; the same call may succeed later."""

    exit_code = ExitCode.UNAVAILABLE


class StartAgainError(ChurnAlertError):
    """Nothing is wrong with this process: it replaces itself, to begin elsewhere. `leaves`: it gives up its place in
    the group, whose partitions have to be given out anew."""

    def __init__(self, why: str, *, leaves: bool = False) -> None:
        super().__init__(why)
        self.leaves = leaves


class FatalError(ChurnAlertError):
    """Going on would break a promise. The process ends with one sentence and a non-zero exit code."""


class ConfigurationError(FatalError):
    """A setting, a topic or a port is wrong; the sentence names the cause and the cure."""

    exit_code = ExitCode.CONFIGURATION


class CeilingError(ConfigurationError):
    """Errors of our own come up with so many records that a person has to look."""


class LossesError(ConfigurationError):
    """More rows of the files are left out for errors than may be passed over without a word."""

    exit_code: ClassVar[ExitCode] = ExitCode.LOSSES


class RecordsLostError(ConfigurationError):
    """Records were lost or a topic is another one: somebody has to look, and starting again ends in the same way."""


class NotThereError(ConfigurationError):
    """What was asked for is not there: a customer, a dead letter."""

    exit_code = ExitCode.FAILED


def told(error: BaseException) -> str:
    """An error for a line of the log: what was raised on purpose says it in a sentence; anything else by its kind, the
    place in our code, and what the system says of it, for the text of a library's error may name somebody."""
    if isinstance(error, ChurnAlertError):
        return str(error)[:_LONGEST_TOLD]
    said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return type(error).__name__ + said + place_of(error)


def place_of(error: BaseException) -> str:
    """The innermost line of ours that it came through; empty where there is none."""
    place, frame = "", error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if _OURS in file:
            place = f" at {file[file.rindex(_OURS) + 1 :]}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place


def in_plain_words(refusal: str) -> str:
    """What a model of pydantic's says of a value, for who does not know what an input or a string is."""
    if refusal.startswith("Input should be a valid dictionary or instance of"):
        return "must have fields of its own"
    for theirs, ours in _PLAIN_WORDS:
        if refusal.startswith(theirs):
            return ours + refusal[len(theirs) :]
    return refusal


_PLAIN_WORDS = (
    ("Value error, ", ""),
    ("Input should be a valid boolean, unable to interpret input", "must be true or false"),
    ("Input should be a valid boolean", "must be true or false"),
    ("Input should be a valid string", "must be a text"),
    ("Input should be a valid integer, unable to parse string as an integer", "must be a whole number"),
    ("Input should be a valid integer, got a number with a fractional part", "must be a whole number"),
    ("Input should be a valid integer", "must be a whole number"),
    ("Input should be a valid number, unable to parse string as a number", "must be a number"),
    ("Input should be a valid number", "must be a number"),
    ("Input should be a valid dictionary", "must be a table"),
    ("Input should be an object", "must be an object"),
    ("Input should be a valid", "must be a valid"),
    ("Input should be", "must be"),
    ("String should match pattern", "must match the pattern"),
    ("String should have at least 1 character", "must not be empty"),
    ("String should have", "must have"),
)
"""How its sentences begin, the longer ones first."""

_LONGEST_TOLD = 500
_OURS = "/service/"
