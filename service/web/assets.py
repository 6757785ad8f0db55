"""Style, script and icon of the page: read once, and kept by a browser under an address that tells their content.

Under the bare address (`/static/page.css`) a browser has to ask whether the file is still the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Header, HTTPException, Query, Response

from service.web.freshness import is_the_same

STATIC: Final = "/static/"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DIGITS: Final = 16
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    version: str
    """The start of the content's SHA-256."""


class Assets:
    """Everything in the folder `static`, in memory."""

    def __init__(self, folder: Path = Path(__file__).parent / "static") -> None:
        self._assets = {each.name: _read(each) for each in sorted(folder.iterdir()) if each.suffix in _TYPES}

    def address(self, name: str) -> str:
        """For a page: changes with the content."""
        return f"{STATIC}{name}?v={self._assets[name].version}"

    def add(self, app: FastAPI) -> None:
        @app.get(STATIC + "{name}", include_in_schema=False)
        async def asset(
            name: str,
            v: Annotated[str, Query(max_length=64)] = "",
            if_none_match: Annotated[str | None, Header()] = None,
        ) -> Response:
            found = self._assets.get(name)
            if found is None:
                raise HTTPException(404)
            tag = f'"{found.version}"'
            headers = {"ETag": tag, "Cache-Control": _FOR_EVER if v == found.version else _ASK_AGAIN}
            if is_the_same(if_none_match, tag):
                return Response(status_code=304, headers=headers)
            return Response(found.content, media_type=found.media_type, headers=headers)


@cache
def shipped_assets() -> Assets:
    """Those of this package."""
    return Assets()


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:_DIGITS])
