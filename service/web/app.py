"""The ASGI application: its routes put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI

from service.build_info import version
from service.config import Settings
from service.web.access import Access
from service.web.api import add_api
from service.web.assets import shipped_assets
from service.web.audit import Audit
from service.web.described import DescribedApp
from service.web.live import add_live
from service.web.numbers_api import add_numbers
from service.web.pages import add_pages
from service.web.people.api import add_people_api
from service.web.people.coming_page import add_coming
from service.web.people.frame import AnsweredInsteadError, Frame, answer_instead
from service.web.people.lists import add_lists
from service.web.people.people import Nobody, People
from service.web.people.person import add_person
from service.web.people.sign_in import TellOthers, add_sign_in
from service.web.people.stores_page import add_stores
from service.web.probes import Registered, add_probes
from service.web.responses import answer_errors, secure
from service.web.sample import add_sample
from service.web.sessions import Session
from service.web.shop_view import ShopFacts

_SHARE_OF_STREAMS: Final = 4
"""Of the connections, one in so many may be a page that is kept up to date: the others are for who asks."""


async def _as_they_are() -> None:
    """Facts that need not be renewed."""


async def _nobody_else(_session: Session) -> bool:
    """There is no other worker to tell."""
    return True


def create_app(
    settings: Settings,
    metrics: Registered,
    facts: ShopFacts,
    access: Access | None = None,
    renew: Callable[[], Awaitable[None]] = _as_they_are,
    people: People | None = None,
    tell_others: TellOthers = _nobody_else,
) -> FastAPI:
    """Handlers answer from memory. `renew` has the facts brought up to date. `people`: who there is; None: nobody is
    told of. `tell_others`: what was signed out."""
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
    app.add_exception_handler(AnsweredInsteadError, answer_instead)
    shipped_assets().add(app)
    add_probes(app, metrics, facts)
    audit = Audit(settings)
    add_api(app, settings, facts, access, audit)
    people, frame = people or Nobody(), Frame(settings.shop, access, facts)
    add_people_api(app, settings, people, access, audit)
    add_lists(app, settings, people, frame, audit)
    add_coming(app, settings, people, frame, audit)
    add_stores(app, settings, people, frame)
    add_person(app, settings, people, frame, audit)
    add_sign_in(app, frame, tell_others)
    add_numbers(app, settings, facts)
    add_pages(app, settings, facts)
    add_sample(app, settings, facts)
    add_live(app, facts, renew, max(1, settings.web.connections // _SHARE_OF_STREAMS))
    return app
