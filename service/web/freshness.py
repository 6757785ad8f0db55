"""Whether a client has the answer already (RFC 9110, ETag and If-None-Match)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from fastapi import Request, Response

from service.web.responses import json_answer

_DIGITS: Final = 32
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def tag_of(*parts: bytes) -> str:
    """The ETag of an answer: the start of the SHA-256 of its parts, in quotes."""
    return f'"{hashlib.sha256(b"".join(_each_with_its_length(parts))).hexdigest()[:_DIGITS]}"'


def _each_with_its_length(parts: Iterable[bytes]) -> Iterable[bytes]:
    for part in parts:
        yield len(part).to_bytes(8, "big")
        yield part


def is_the_same(if_none_match: str | None, tag: str) -> bool:
    """`if_none_match`: what the client has, as its header says it; weak tags count, as RFC 9110 has it for GET. `tag`:
    empty where the answer has none."""
    if if_none_match is None or not tag:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def answered(request: Request, content: object) -> Response:
    """JSON about persons: never stored, but whoever has it already is told so."""
    whole = json_answer(content)
    tag = tag_of(bytes(whole.body))
    if is_the_same(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    whole.headers["ETag"] = tag
    return whole
