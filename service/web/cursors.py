"""Where the next page of a list begins: a text that only this shop can have made, and only for this very question.

It holds the place of the last line that was shown, not its number: what is added or taken away meanwhile makes no line
come twice and leaves none out that stood still.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final, TypeVar

import msgspec
from fastapi import HTTPException

LONGEST: Final = 1_024
"""Characters of a cursor."""
_SEAL: Final = 16
_WRONG: Final = "cursor: it is none of this list with these filters; begin again without one."

T = TypeVar("T")


class Cursors:
    """Made and read with a key of the shop's tokens, so that any worker's page understands any other's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def at(self, place: object, *question: object) -> str:
        """`place`: sort values of the last line. `question`: everything that decides which list it is."""
        body = msgspec.msgpack.encode(place)
        return base64.urlsafe_b64encode(self._seal(body, question) + body).rstrip(b"=").decode()

    def read(self, cursor: str, type_of_place: type[T], *question: object) -> T:
        """Raises HTTPException 422 for what is no cursor of this question."""
        try:
            whole = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
            sealed, body = whole[:_SEAL], whole[_SEAL:]
            if not hmac.compare_digest(sealed, self._seal(body, question)):
                raise HTTPException(422, _WRONG)
            return msgspec.msgpack.decode(body, type=type_of_place)
        except (UnicodeEncodeError, binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise HTTPException(422, _WRONG) from error

    def _seal(self, body: bytes, question: tuple[object, ...]) -> bytes:
        asked = msgspec.msgpack.encode([None if each is None else str(each) for each in question])
        return hmac.digest(self._key, len(asked).to_bytes(4, "big") + asked + body, "sha256")[:_SEAL]
