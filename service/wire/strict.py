"""The deciding way in: the pydantic models, and the reason code where they refuse."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.errors import ErrorCode, PoisonError, in_plain_words

Model = TypeVar("Model", bound=BaseModel)

_CODES: Final = frozenset(ErrorCode)
_KINDS: Final = frozenset({"kind", "survey"})
_ECHOED: Final = frozenset({"amount", "currency", "kind", "occurred_at", "score", "survey"})
"""Fields whose refused value is shown: it helps to repair and says nothing of a person."""
_MAX_ECHO: Final = 60
_FORMS: Final = {
    "currency": "must be three capital letters of ISO 4217 such as EUR",
    "email": "must be an address such as anna@shop.example",
    "phone": "must be a telephone number such as +33 1 23 45 67 89",
    "locale": "must be a language such as en or fr-FR",
}
"""What fields whose form is checked must be. Others are ids, of which all but control characters will do."""


def validate(model: type[Model], event: dict[str, object]) -> Model:
    """The event as its model, or PoisonError with the code of the first thing wrong, in the order of the fields."""
    try:
        return model.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise PoisonError(_code(first), _message(first)) from None


Refusal = tuple[ErrorCode, str]
"""Code and sentence."""


def validate_fields(
    model: type[Model], event: dict[str, object], optional: Container[str]
) -> tuple[Model, tuple[Refusal, ...]]:
    """The event as its model without those of its `optional` fields that are wrong, and what is wrong with each.
    PoisonError as `validate` where anything else is."""
    try:
        return model.model_validate(event), ()
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
    deciding = [each for each in wrong if not each["loc"] or each["loc"][0] not in optional]
    if deciding:
        raise PoisonError(_code(deciding[0]), _message(deciding[0]))
    mended = dict(event)
    for each in wrong:
        first, *rest = each["loc"]
        inner = mended[str(first)]
        if rest and isinstance(inner, dict):
            mended[str(first)] = {name: value for name, value in inner.items() if name != rest[0]}
        else:
            mended[str(first)] = None
    return validate(model, mended), tuple([(_code(each), _message(each)) for each in wrong])


def _code(error: ErrorDetails) -> ErrorCode:
    kind = error["type"]
    field = error["loc"][-1] if error["loc"] else ""
    if kind in _CODES:
        return ErrorCode(kind)
    if kind == "missing":
        return ErrorCode.MISSING_FIELD
    if kind == "literal_error":
        return ErrorCode.UNKNOWN_KIND if field in _KINDS and isinstance(error["input"], str) else ErrorCode.WRONG_TYPE
    if kind.endswith("_type"):
        return ErrorCode.WRONG_TYPE
    return ErrorCode.UNKNOWN_CURRENCY if field == "currency" else ErrorCode.INVALID_VALUE


def _message(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return f"{_place(error)}: is required"
    field = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "string_pattern_mismatch":
        text = _FORMS.get(field, "must not have control characters, such as line breaks, in it")
    else:
        text = in_plain_words(error["msg"])
        text = text[:1].lower() + text[1:]
    sentence = f"{_place(error)}: {text}" if error["loc"] else text
    if error["loc"] and error["loc"][-1] in _ECHOED:
        sentence += f", got {_short(error['input'])}"
    return sentence


def _place(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])


def _short(value: object) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of many digits"  # str() of it is quadratic, and refused beyond 4,300 digits
    text = repr(value)
    return text if len(text) <= _MAX_ECHO else text[:_MAX_ECHO] + "…"
