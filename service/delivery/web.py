"""The HTTP half of a delivery process: probes, metrics, and the page that the link of a message leads to."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI

from service.build_info import version
from service.config import Settings
from service.delivery.events_page import LARGEST_BYTES, ProviderEvents, add_provider_events
from service.delivery.links import Links
from service.delivery.metrics import DeliveryMetrics
from service.delivery.process import Deliverer
from service.delivery.scores import ScoresFeed
from service.web.limits import Limits
from service.web.port import address_of
from service.web.probes import add_life_and_metrics, add_readiness
from service.web.responses import answer_errors, secure
from service.web.server import serve_app
from service.web.unsubscribe import add_unsubscribe

log = structlog.get_logger()

Missing = Callable[[], list[str]]
"""Why the process is not ready, in words."""


def create_delivery_app(
    metrics: DeliveryMetrics,
    missing: Missing,
    links: Links | None,
    withdraw: Callable[[str], Awaitable[None]],
    events: ProviderEvents | None = None,
) -> FastAPI:
    """`links` None: this process makes no links, and has no page for them; `events` None: nor a path for providers."""
    app = FastAPI(title="Churn Alert, delivery", version=version(), docs_url=None, redoc_url=None)
    app.middleware("http")(secure)
    answer_errors(app)
    add_life_and_metrics(app, metrics.registry)

    add_readiness(app, missing, "200 when assigned, its memory read, and the other side answers")

    if links is not None:

        async def withdrawn(customer_id: str) -> None:
            await withdraw(customer_id)
            metrics.unsubscribed()

        add_unsubscribe(app, links.read, withdrawn)
    if events is not None:
        add_provider_events(app, events)
    return app


def limits_of(settings: Settings) -> Limits:
    """Those of the page; what mail providers post may be larger."""
    deliver = settings.deliver
    size = max(settings.web.body_bytes, LARGEST_BYTES if deliver.events_token is not None else 0)
    open_to_all = settings.web.model_copy(update={"numbers": "open"})  # for probes, metrics, and readers of mail
    return Limits.of(open_to_all, deliver.host, deliver.public_url, body_bytes=size)


def serving_deliveries(
    listener: socket.socket,
    limits: Limits,
    links: Links | None,
    withdraw: Callable[[str], Awaitable[None]],
    events_of: Callable[[Deliverer], ProviderEvents | None] = lambda _deliverer: None,
) -> Callable[[Deliverer], Awaitable[None]]:
    """What serves on it beside a deliverer, until cancelled."""

    async def serve(deliverer: Deliverer) -> None:
        app = create_delivery_app(deliverer.metrics, deliverer.missing, links, withdraw, events_of(deliverer))
        log.info("probes and metrics", address=address_of(listener))
        await serve_app(app, listener, limits)

    return serve


def serving_scores(listener: socket.socket, limits: Limits) -> Callable[[ScoresFeed], Awaitable[None]]:
    """What serves on it beside a feed of scores, until cancelled."""

    async def serve(feed: ScoresFeed) -> None:
        app = create_delivery_app(feed.metrics, feed.missing, None, _nobody)
        log.info("probes and metrics", address=address_of(listener))
        await serve_app(app, listener, limits)

    return serve


async def serve_letter(listener: socket.socket, limits: Limits, metrics: DeliveryMetrics, missing: Missing) -> None:
    """Serves beside who sends the weekly letter, until cancelled."""
    app = create_delivery_app(metrics, missing, None, _nobody)
    log.info("probes and metrics", address=address_of(listener))
    await serve_app(app, listener, limits)


async def _nobody(_customer_id: str) -> None:
    """Without links there is nobody to unsubscribe."""
