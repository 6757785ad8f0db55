"""What the pages about persons have in common: language, links, who looks, and the way to the sign-in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import Request, Response

from service.config import ShopSettings
from service.web.access import Access, Holder, Scope
from service.web.banners import banners
from service.web.negotiation import best_catalogue
from service.web.page_templates import page_templates
from service.web.sessions import Session
from service.web.shop_view import ShopFacts
from service.wording.catalogue import Catalogue, catalogue_in
from service.wording.formats import Formats
from service.wording.languages import LANGUAGES

SIGN_IN: Final = "/sign-in"
TODAY: Final = "/today"
PEOPLE: Final = "/people"
COMING: Final = "/coming"
STORES: Final = "/stores"
BROUGHT: Final = "/brought"
NUMBERS: Final = "/?period=month"
"""With a query: without one, whoever is signed in is led to TODAY."""
FORM_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; frame-src 'self'"
)
"""Content-Security-Policy of pages with forms and with the preview of a message."""
_MOST_FIELDS: Final = 20
_LONGEST_ADDRESS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who has signed in."""

    holder: Holder
    session: Session

    @property
    def proof(self) -> str:
        return self.session.proof

    def may(self, scope: Scope) -> bool:
        return self.holder.may(scope)


@dataclass(frozen=True, slots=True)
class Link:
    """One of several."""

    label: str
    address: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Translation:
    """The same page in another language."""

    code: str
    name: str
    address: str


class AnsweredInsteadError(Exception):
    """Raised by what a page depends on: this answer is given in place of the page."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Reader:
    """In which language somebody reads, and how links keep it."""

    def __init__(self, request: Request) -> None:
        chosen = LANGUAGES.get(request.query_params.get("lang", ""))
        theirs = best_catalogue(request.headers.get("accept-language"))
        self.catalogue: Catalogue = theirs if chosen in (None, theirs.language) else catalogue_in(chosen)
        self.chosen = "" if chosen is None else chosen.code
        self._request = request

    def address(self, path: str, **query: object) -> str:
        """What is None or empty is left out; a chosen language is kept."""
        given = {name.rstrip("_"): str(value) for name, value in query.items() if value not in (None, "", False)}
        if self.chosen and "lang" not in given:
            given["lang"] = self.chosen
        return f"{path}{'&' if '?' in path else '?'}{urlencode(given)}" if given else path

    def translations(self) -> list[Translation]:
        """This very page, in every language but the one that is shown."""
        query = {name: value for name, value in self._request.query_params.items() if name != "lang"}
        return [
            Translation(other.code, other.name, f"{self._request.url.path}?{urlencode({**query, 'lang': other.code})}")
            for other in LANGUAGES.values()
            if other is not self.catalogue.language
        ]


class Frame:
    """Renders the pages, and knows who may see them."""

    def __init__(self, shop: ShopSettings, access: Access, facts: ShopFacts) -> None:
        self.access = access
        self._facts = facts
        self._shop = shop

    def formats(self, reader: Reader) -> Formats:
        return Formats(self._shop, reader.catalogue)

    def visitor(self, request: Request) -> Visitor | None:
        """Who has signed in, whatever it opens."""
        found = self.access.session_of(request.headers.get("cookie", ""))
        return None if found is None else Visitor(*found)

    def render(
        self, request: Request, name: str, *, visitor: Visitor | None, status: int = 200, **given: Any
    ) -> Response:
        """`name`: of the template, below `people/`."""
        reader = Reader(request)
        catalogue = reader.catalogue
        text = (
            page_templates()
            .get_template(f"people/{name}.html")
            .render(
                language=str(catalogue.locale).replace("_", "-"),
                say=catalogue.say,
                translations=reader.translations(),
                address=reader.address,
                numbers=reader.address(NUMBERS),
                visitor=visitor,
                pages=_pages(reader, request.url.path, visitor),
                banners=[]
                if visitor is None
                else banners(self._facts.readiness(), self._facts.misspelt(), Formats(self._shop, catalogue)),
                **{"again": False, **given},
            )
        )
        headers = {
            "Content-Language": catalogue.language.code,
            "Vary": "Accept-Language, Cookie",
            "Content-Security-Policy": FORM_POLICY,
            "X-Robots-Tag": "noindex",
        }
        return Response(text, status, headers, media_type="text/html")

    def gate(self, scope: Scope) -> Callable[[Request], Awaitable[Visitor]]:
        """For a page that needs this scope: who looks at it. Who may not is answered otherwise."""

        async def visitor_of(request: Request) -> Visitor:
            visitor = self.visitor(request)
            if visitor is None or not visitor.may(scope):
                raise AnsweredInsteadError(self._refused(request, visitor, scope))
            return visitor

        return visitor_of

    def _refused(self, request: Request, visitor: Visitor | None, scope: Scope) -> Response:
        """Mostly the way to the sign-in."""
        reader = Reader(request)
        if visitor is not None:
            return self.sign_in_page(request, status=403, said=reader.catalogue.say("sign_in.scope", scope=scope.value))
        if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
            # A link in a mail: the browser keeps the cookie from that request, not from the page's own.
            return self.render(request, "again", visitor=None, again=True)
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Response(status_code=303, headers={"Location": reader.address(SIGN_IN, to=where)})

    def sign_in_page(self, request: Request, *, status: int = 200, said: str = "", to: str = "") -> Response:
        reader = Reader(request)
        closed = not self.access.anybody(Scope.PERSONS) and not self.access.anybody(Scope.NUMBERS)
        return self.render(
            request,
            "sign_in",
            visitor=None,
            status=403 if closed else status,
            closed=reader.catalogue.say("sign_in.closed") if closed else "",
            said=said,
            to=to,
            action=reader.address(SIGN_IN),
        )


async def answer_instead(_request: Request, error: Exception) -> Response:
    """For the application: how an AnsweredInsteadError is handled."""
    if not isinstance(error, AnsweredInsteadError):
        raise error
    return error.answer


def _pages(reader: Reader, path: str, visitor: Visitor | None) -> list[Link]:
    say = reader.catalogue.say
    links = []
    if visitor is not None and visitor.may(Scope.PERSONS):
        links = [
            Link(say("people.today"), reader.address(TODAY), path == TODAY),
            Link(say("people.list"), reader.address(PEOPLE), path.startswith(PEOPLE)),
            Link(say("people.coming"), reader.address(COMING), path == COMING),
            Link(say("people.stores"), reader.address(STORES), path == STORES),
        ]
    return [
        *links,
        Link(say("people.brought"), reader.address(BROUGHT)),
        Link(say("people.numbers"), reader.address(NUMBERS)),
    ]


def where_to(given: str, otherwise: str) -> str:
    """An address of this server; what leads elsewhere is left out."""
    parts = urlsplit(given)
    inside = given.startswith("/") and not given.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return (
        given if inside and given.isprintable() and len(given) <= _LONGEST_ADDRESS and " " not in given else otherwise
    )


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, the last of each name."""
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        return {}
    return {name: values[-1] for name, values in fields.items()}
