"""What every section shares: how it is checked, and the types of its fields."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    model_validator,
)

from service.config.secret_files import with_secrets_of_files

SHORTEST_SECRET = 16
"""Characters of a secret that somebody may guess at: whoever holds the token reads personal data."""


def _no_mask(secret: SecretStr) -> SecretStr:
    """Refuses what a printed secret looks like, and what no environment variable can carry."""
    text = secret.get_secret_value()
    if text and not text.strip("*"):
        raise ValueError("consists of asterisks only, which is how a secret is shown: give the secret itself")
    if "\0" in text:
        raise ValueError("holds a NUL character, which no environment variable can")
    return secret


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().strip()) < SHORTEST_SECRET:
        raise ValueError(f"needs at least {SHORTEST_SECRET} characters that are not blank; leave it out to have none")
    return secret


def _in_a_header(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("may hold only printable ASCII characters and no spaces: it is sent in an HTTP header")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_no_mask)]
LongSecret = Annotated[SecretStr, AfterValidator(_long_enough), AfterValidator(_no_mask)]
Token = Annotated[SecretStr, AfterValidator(_long_enough), AfterValidator(_no_mask), AfterValidator(_in_a_header)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""Up to a day: what a connection waits for."""
Days = Annotated[float, Field(gt=0, le=36_525, allow_inf_nan=False)]
"""Up to a century; the engine counts in microseconds, and they must fit."""
RetentionDays = Annotated[int, Field(ge=1, le=3_660)]


_HOST = re.compile(r"[^\s/@,]+")


def _addresses(text: str) -> str:
    for address in text.split(","):
        host, colon, port = address.strip().rpartition(":")
        is_port = port.isdecimal() and port.isascii() and 0 < int(port[:9]) <= 65_535
        if not (_HOST.fullmatch(host) and colon and is_port):
            raise ValueError(f"{address.strip()[:100]!r} is not HOST:PORT; several are separated by commas")
    return text


Addresses = Annotated[str, Field(max_length=2_000), AfterValidator(_addresses)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")]
WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:\[\]-]+(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?", re.ASCII)


def _root(text: str) -> str:
    if WEB_ADDRESS.fullmatch(text) is None:
        raise ValueError(f"{text[:100]!r} is no web address such as https://shop.example/churn")
    return text.rstrip("/")


WebRoot = Annotated[str, Field(max_length=500), AfterValidator(_root)]
"""What paths are written behind."""
_MAILBOX = re.compile(r"[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]+@[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]+")


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Paris") from None
    return name


ZoneName = Annotated[str, Field(max_length=100), AfterValidator(known_zone)]


def is_mailbox(text: str) -> bool:
    """Whether it is one address, alone or behind a name, as it may stand in a header."""
    if not text.isprintable():
        return False
    name, address = parseaddr(text)
    alone = not name and address == text.strip()
    return _MAILBOX.fullmatch(address) is not None and (alone or text.rstrip().endswith(f"<{address}>"))


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def _with_secrets_of_files(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return with_secrets_of_files(cls, given, handler)
