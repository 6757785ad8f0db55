"""`/outreach/sample`: a message as it would go out, open to whoever sees the page, since it is about nobody.

Where events move time (a demo, a replay), it is the first "we miss you" that was decided, without the name; else a
made-up customer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
import structlog
from fastapi import FastAPI, HTTPException, Query, Response

from schemas.kinds import Kind
from service.config import Settings
from service.domain.policy import ClockMode
from service.errors import ConfigurationError
from service.message import Renderer
from service.message import ShopFacts as NamedShop
from service.message.samples import sample_request
from service.web.shop_view import ShopFacts
from service.web.styles_allowed import policy_for
from service.wording.languages import LanguageCode

SAMPLE_PATH: Final = "/outreach/sample"
_NO_LINK: Final = "https://shop.example/unsubscribe"

log = structlog.get_logger()


def add_sample(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    shop = NamedShop.of(settings.shop)
    replayed = settings.time.clock is ClockMode.EVENT

    @app.get(SAMPLE_PATH, include_in_schema=False)
    async def sample(
        kind: Annotated[Kind | None, Query()] = None,
        rung: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{0,60}$")] = "",
        lang: LanguageCode | None = None,
    ) -> Response:
        first = facts.first_asked() if replayed and kind is None else None
        if first is None:
            code = str(lang) if lang else None
            data = sample_request(kind or Kind.WIN_BACK, rung, code, shop=shop, currency=settings.shop.currency)
        else:
            data = about_nobody(msgspec.json.decode(first.written))
            data["locale"] = str(lang) if lang else data.get("locale")
        try:
            message = Renderer(shop, settings.deliver.templates).render(data, _NO_LINK)
        except ConfigurationError as error:
            log.warning("the sample cannot be written", error=str(error))
            raise HTTPException(503, str(error)) from error
        return Response(
            message.html, media_type="text/html", headers={"Content-Security-Policy": policy_for(message.html)}
        )


def about_nobody(data: Mapping[str, Any]) -> dict[str, Any]:
    """A decision's data without whom it is about."""
    return {**data, "first_name": None, "customer_id": "", "sample": True}
