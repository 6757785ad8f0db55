"""The routes: page, API, metrics, probes. Read only; anything about a person needs the bearer token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import jinja2
import msgspec
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import SecretStr

from schemas.outputs import DecisionRecord, PeriodMetrics
from service.build_info import version
from service.config import Settings
from service.streaming.period_records import numbers_of
from service.web.page import GRANULARITIES, REFRESH_S, View, compose
from service.web.promises import as_numbers
from service.web.recent import KEPT
from service.web.shop_view import ShopFacts
from service.wording.sentences import Language

_HERE = Path(__file__).parent
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
GranularityName = StrEnum(  # type: ignore[misc]  # the members are those of SPEC section 8, kept in one place
    "GranularityName", {name: name for name in GRANULARITIES}
)


def create_app(settings: Settings, registry: CollectorRegistry, facts: ShopFacts) -> FastAPI:
    """The ASGI application. Handlers run in the worker's event loop and answer from memory."""
    app = FastAPI(
        title="Churn Alert",
        version=version(),
        description="Period numbers of the shop and its latest outreach decisions. Rates are percentages; null = not enough evidence.",
        docs_url=None,
        redoc_url=None,
    )
    app.middleware("http")(_secured)
    app.add_exception_handler(RequestValidationError, _refused)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    _add_probes(app, registry, facts)
    _add_api(app, settings, facts)
    _add_page(app, settings, facts)
    return app


async def _secured(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    response.headers.update(SECURITY_HEADERS)
    # Numbers are never stored by a proxy or a browser; the style sheet may be kept if it is asked for again.
    response.headers.setdefault("Cache-Control", "no-cache" if request.url.path.startswith("/static/") else "no-store")
    return response


async def _refused(_request: Request, error: Exception) -> Response:
    """A wrong parameter, in one sentence."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("request",), "msg": str(error)}
    return _json({"detail": f"{first['loc'][-1]}: {first['msg']}."}, 422)


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


# ---- probes and metrics


def _add_probes(app: FastAPI, registry: CollectorRegistry, facts: ShopFacts) -> None:
    @app.get("/healthz", summary="200 while the process works", tags=["operation"])
    async def healthz() -> Response:
        return _json({"alive": True})

    @app.get(
        "/readyz",
        summary="200 when assigned, recovered, caught up, and the feed is alive",
        responses={503: {"description": "Not ready; `partitions` says what is missing."}},
        tags=["operation"],
    )
    async def readyz() -> Response:
        readiness = facts.readiness()
        parts = {
            str(number): {
                "assigned": True,
                "recovered": health.recovered,
                "caught_up": health.caught_up,
                "feed_alive": health.feed_alive,
            }
            for number, health in readiness.partitions.items()
        }
        missing = [
            f"partition {number}: {what}" for number, part in parts.items() for what, holds in part.items() if not holds
        ]
        if not readiness.assigned:
            missing.insert(0, "assigned")
        answer = {"ready": readiness.ready, "missing": missing, "assigned": readiness.assigned, "partitions": parts}
        return _json(answer, 200 if readiness.ready else 503)

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response, tags=["operation"])
    async def metrics(accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
        encode, content_type = choose_encoder(accept)
        return Response(encode(registry), headers={"Content-Type": content_type})


# ---- API


def _documented(model: Any, *left_out: str) -> dict[str, Any]:
    """The JSON Schema of one item, from the wire contract."""
    schema: dict[str, Any] = model.model_json_schema()
    for name in left_out:
        del schema["properties"][name]
    schema["required"] = [name for name in schema.get("required", []) if name not in left_out]
    return schema


def _listing(name: str, item: dict[str, Any], **beside: object) -> dict[int | str, dict[str, Any]]:
    properties = {**beside, name: {"type": "array", "items": item}}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {200: {"content": {"application/json": {"schema": schema}}}}


def _gate(token: SecretStr | None) -> Callable[..., Awaitable[None]]:
    """Lets in who holds the token; without one configured nobody."""
    expected = token.get_secret_value().encode() if token is not None else b""

    async def check(
        given: Annotated[
            HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, description="web.token"))
        ],
    ) -> None:
        if not expected:
            raise HTTPException(403, "Closed: this is about persons, and no token is configured (set web.token).")
        if given is None:
            raise HTTPException(
                401,
                "This is about persons: send the header Authorization: Bearer TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )
        if not hmac.compare_digest(given.credentials.encode(), expected):
            raise HTTPException(401, "The token is wrong.", {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    return check


def _add_api(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
    currency = settings.shop.currency

    @app.get(
        "/api/periods",
        summary="Period numbers of the whole shop, oldest first",
        responses={
            **_listing("periods", _documented(PeriodMetrics, "revision"), granularity={"type": "string"}),
            503: {"description": "The numbers are still being added up."},
        },
        tags=["numbers"],
    )
    async def periods(
        granularity: Annotated[GranularityName, Query(description="Length of the period.")] = GranularityName("month"),  # noqa: B008
        since: Annotated[
            date | None, Query(alias="from", description="Only periods that begin on this local date or later.")
        ] = None,
        until: Annotated[
            date | None, Query(alias="to", description="Only periods that begin before this local date.")
        ] = None,
        limit: Annotated[int | None, Query(ge=1, description="At most this many: the newest ones.")] = None,
    ) -> Response:
        if not facts.totals_known():
            raise HTTPException(
                503, "The period numbers are still being added up; ask again in a moment.", {"Retry-After": "1"}
            )
        rows = [
            numbers_of(row, currency)
            for row in facts.periods(granularity.value)
            if (since is None or row.start >= since) and (until is None or row.start < until)
        ]
        return _json({"granularity": granularity.value, "periods": rows if limit is None else rows[-limit:]})

    @app.get(
        "/api/promises",
        summary="What the policy promised of its alerts, and what they did, by visits of the regulars; this worker's partitions",
        responses=_listing("realised", {"type": "object"}, promised={"type": "object"}),
        tags=["numbers"],
    )
    async def promises() -> Response:
        return _json(as_numbers(facts.kept(), settings.policy().outreach))

    @app.get(
        "/api/decisions",
        summary="The latest outreach decisions of the whole shop, newest first",
        dependencies=[Depends(_gate(settings.web.token))],
        responses={
            **_listing("decisions", _documented(DecisionRecord)),
            401: {"description": "Token missing or wrong."},
            403: {"description": "No token is configured."},
        },
        tags=["persons"],
    )
    async def decisions(
        limit: Annotated[int, Query(ge=1, le=KEPT, description="At most this many.")] = 50,
    ) -> Response:
        return _json({"decisions": [decided.written for decided in facts.decisions()[:limit]]})


# ---- page


def _add_page(app: FastAPI, settings: Settings, facts: ShopFacts) -> None:
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
        period: GranularityName = GranularityName("month"),  # noqa: B008
        lang: Language | None = None,
        live: Literal["yes", "no"] = "yes",
    ) -> Response:
        view = View(period.value, lang, live == "yes")
        tongue = view.tongue(accept_language)
        text = template.render(
            page=compose(facts, settings, view, tongue),
            say=tongue.say,
            language=str(tongue.locale).replace("_", "-"),
            period=period.value,
            refresh_s=REFRESH_S if view.live else None,
        )
        headers = {"Content-Language": tongue.language.value, "Vary": "Accept-Language"}
        return Response(text, media_type="text/html", headers=headers)
