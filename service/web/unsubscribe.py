"""`/unsubscribe`: where the link of a message leads.

GET asks first, for scanners open every link of a mail; POST does it at once, also as the mail program's own button (RFC
8058), and says so only when it is on record.

A page without scripts in the reader's language. A link that is not ours changes nothing, and says nothing of why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, Protocol

import jinja2
import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Header, Query, Response

from service.errors import ChurnAlertError
from service.web.negotiation import best_catalogue
from service.web.styles_allowed import policy_for
from service.wording.catalogue import Catalogue, catalogue_in
from service.wording.languages import language_of

log = structlog.get_logger()

_LONGEST: Final = 2_000
_STYLE: Final = (
    "body{font:18px/1.5 system-ui,sans-serif;max-width:32em;margin:12vh auto;padding:0 1.2em;color:#222;background:#fff}"
    "button{font:inherit;padding:.6em 1.2em;border:0;border-radius:.4em;background:#1a5276;color:#fff;cursor:pointer}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}button{background:#5dade2;color:#111}}"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
    "X-Robots-Tag": "noindex",
}
_PAGE: Final = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
    (Path(__file__).parent / "templates" / "unsubscribe.html").read_text(encoding="utf-8")
)


class About(Protocol):
    """Whom a link is about."""

    @property
    def customer_id(self) -> str: ...

    @property
    def sample(self) -> bool: ...


def add_unsubscribe(
    app: FastAPI, read: Callable[[str], About | None], withdraw: Callable[[str], Awaitable[None]]
) -> None:
    """`read` understands a link's token; `withdraw` returns when the customer's no is on record."""

    @app.get("/unsubscribe", include_in_schema=False)
    async def ask(
        t: Annotated[str, Query(max_length=_LONGEST)] = "",
        lang: Annotated[str | None, Query(max_length=35)] = None,
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Response:
        catalogue = _catalogue(lang, accept_language)
        if read(t) is None:
            return _answer(catalogue, "unknown", 404)
        return _answer(catalogue, "ask", 200, ask=True)

    @app.post("/unsubscribe", include_in_schema=False)
    async def do(
        t: Annotated[str, Query(max_length=_LONGEST)] = "",
        lang: Annotated[str | None, Query(max_length=35)] = None,
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Response:
        """The body says nothing that the address does not, so it is not looked at."""
        catalogue = _catalogue(lang, accept_language)
        about = read(t)
        if about is None:
            return _answer(catalogue, "unknown", 404)
        if about.sample:
            return _answer(catalogue, "sample", 200)
        try:
            await withdraw(about.customer_id)
        except (KafkaError, ChurnAlertError, OSError, TimeoutError) as error:
            log.warning("a withdrawn consent could not be recorded", error=type(error).__name__)
            return _answer(catalogue, "later", 503)
        return _answer(catalogue, "done", 200)


def _catalogue(lang: str | None, accept_language: str | None) -> Catalogue:
    language = language_of(lang)
    return best_catalogue(accept_language) if language is None else catalogue_in(language, lang)


def _answer(catalogue: Catalogue, what: str, status: int, *, ask: bool = False) -> Response:
    text = _PAGE.render(
        language=catalogue.language.code,
        style=_STYLE,
        title=catalogue.say("unsubscribe.title"),
        said=catalogue.say(f"unsubscribe.{what}"),
        button=catalogue.say("unsubscribe.button") if ask else "",
    )
    headers = {
        **_HEADERS,
        "Content-Security-Policy": policy_for(text, form_action="'self'"),
        "Content-Language": catalogue.language.code,
    }
    return Response(text, status, media_type="text/html", headers=headers)
