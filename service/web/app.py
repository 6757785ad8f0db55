"""The ASGI application: its routes put together, and the page. Read only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, Literal

import jinja2
from fastapi import FastAPI, Header, Response

from service.build_info import version
from service.config import Settings
from service.web.access import Access
from service.web.api import add_api
from service.web.assets import Assets
from service.web.described import DescribedApp
from service.web.live import add_live
from service.web.page import compose
from service.web.people.frame import Frame
from service.web.people.sign_in import add_sign_in
from service.web.probes import Registered, add_probes
from service.web.responses import answer_errors, secure
from service.web.sample import add_sample
from service.web.shop_view import ShopFacts
from service.web.view import MONTH, GranularityName, View
from service.wording.languages import LANGUAGES, LanguageCode

_SHARE_OF_STREAMS: Final = 4
"""Of the connections, one in so many may be a page that is kept up to date: the others are for who asks."""
_HERE = Path(__file__).parent


async def _as_they_are() -> None:
    """Facts that need not be renewed."""


def create_app(
    settings: Settings,
    metrics: Registered,
    facts: ShopFacts,
    access: Access | None = None,
    renew: Callable[[], Awaitable[None]] = _as_they_are,
) -> FastAPI:
    """Handlers answer from memory. `renew` has the facts brought up to date."""
    access = access or Access(settings.web)
    app = DescribedApp(
        title="Churn Alert",
        version=version(),
        description="Period numbers of the shop and its latest outreach decisions. "
        "Rates are percentages; null = not enough evidence.",
        docs_url=None,
        redoc_url=None,
    )
    app.middleware("http")(secure)
    answer_errors(app)
    assets = Assets()
    assets.add(app)
    add_probes(app, metrics, facts)
    add_api(app, settings, facts, access)
    add_sign_in(app, Frame(settings.shop, access, assets))
    _add_page(app, settings, facts, assets)
    add_sample(app, settings, facts)
    add_live(app, facts, renew, max(1, settings.web.connections // _SHARE_OF_STREAMS))
    return app


def _add_page(app: FastAPI, settings: Settings, facts: ShopFacts, assets: Assets) -> None:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = templates.get_template("page.html")

    @app.get("/", include_in_schema=False)
    async def page(
        accept_language: Annotated[str | None, Header()] = None,
        period: GranularityName = MONTH,
        lang: LanguageCode | None = None,
        live: Literal["yes", "no"] = "yes",
    ) -> Response:
        view = View(period.value, LANGUAGES[lang] if lang else None, live == "yes")
        catalogue = view.catalogue(accept_language)
        text = template.render(
            page=compose(facts, settings, view, catalogue),
            say=catalogue.say,
            asset=assets.address,
            language=str(catalogue.locale).replace("_", "-"),
            period=period.value,
            live=view.live,
        )
        headers = {"Content-Language": catalogue.language.code, "Vary": "Accept-Language"}
        return Response(text, media_type="text/html", headers=headers)
