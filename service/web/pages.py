"""The pages of numbers: the shop's, and what its messages have brought. Nothing about a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Final, Literal

from fastapi import FastAPI, Header, HTTPException, Query, Response

from service.config import Settings
from service.web.banners import banners
from service.web.brought import brought_view
from service.web.page import compose
from service.web.page_templates import page_templates
from service.web.shop_view import ShopFacts
from service.web.view import MONTH, GranularityName, View, translations
from service.wording.catalogue import Catalogue
from service.wording.formats import Formats
from service.wording.languages import LANGUAGES, LanguageCode

BROUGHT: Final = "/brought"
WITH_FORMS: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of a page with a form that asks for it again."""

Day = Annotated[str, Query(max_length=10)]
"""A date field that is left empty sends an empty text."""


def add_pages(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    templates = page_templates()

    @app.get("/", include_in_schema=False)
    async def page(
        accept_language: Annotated[str | None, Header()] = None,
        period: GranularityName = MONTH,
        first: Annotated[Day, Query(alias="from")] = "",
        last: Annotated[Day, Query(alias="to")] = "",
        lang: LanguageCode | None = None,
        live: Literal["yes", "no"] = "yes",
    ) -> Response:
        since, until = _day("from", first), _day("to", last)
        if since is None and until is not None:
            raise HTTPException(422, "from: without a first day there is no last one.")
        view = View(period.value, since, until, LANGUAGES[lang] if lang else None, live == "yes")
        catalogue = view.catalogue(accept_language)
        text = templates.get_template("page.html").render(
            page=compose(facts, settings, view, catalogue), **_told(view, catalogue)
        )
        return _answer(text, catalogue)

    @app.get(BROUGHT, include_in_schema=False)
    async def brought(
        accept_language: Annotated[str | None, Header()] = None,
        lang: LanguageCode | None = None,
        live: Literal["yes", "no"] = "yes",
    ) -> Response:
        view = View(language=LANGUAGES[lang] if lang else None, live=live == "yes")
        catalogue = view.catalogue(accept_language)
        formats = Formats(settings.shop, catalogue)
        text = templates.get_template("brought.html").render(
            page={
                "banners": banners(facts.readiness(), facts.misspelt(), formats),
                "translations": translations(view, catalogue.language, BROUGHT),
                "still": replace(view, live=not view.live).address_of(BROUGHT),
                "itself": view.address_of(BROUGHT),
                "numbers_address": view.address,
                "brought": brought_view(facts.brought(), settings, formats),
            },
            **_told(view, catalogue),
        )
        return _answer(text, catalogue)


def _day(name: str, text: str) -> date | None:
    """None where the field was left empty."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(422, f"{name}: {text[:10]!r} is no date such as 2026-03-31.") from None


def _told(view: View, catalogue: Catalogue) -> dict[str, object]:
    """What every template prints."""
    return {
        "say": catalogue.say,
        "language": str(catalogue.locale).replace("_", "-"),
        "period": view.granularity,
        "live": view.live,
    }


def _answer(text: str, catalogue: Catalogue) -> Response:
    headers = {
        "Content-Language": catalogue.language.code,
        "Vary": "Accept-Language",
        "Content-Security-Policy": WITH_FORMS,
    }
    return Response(text, media_type="text/html", headers=headers)
