"""Routes for machines that watch the process: whether it lives, whether it may be relied on, and its metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import FastAPI, Header, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.streaming.reach import away_since
from service.web.responses import json_answer, problem
from service.web.shop_view import Readiness, ShopFacts

Exposition = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Takes what a scraper accepts; gives the metrics and their content type. Raises TimeoutError when whoever has them
does not answer."""
Registered = CollectorRegistry | Exposition
"""Metrics of this process, or of another one."""


def add_probes(app: FastAPI, metrics: Registered, facts: ShopFacts) -> None:
    add_life_and_metrics(app, metrics, facts.alive)

    @app.get(
        "/readyz",
        summary="200 when assigned, recovered, caught up, and the feed is alive",
        responses={503: {"description": "Not ready; `partitions` says what is missing."}},
        tags=["operation"],
    )
    async def readyz() -> Response:
        readiness = facts.readiness()
        return json_answer(_told(readiness), 200 if readiness.ready else 503)


async def _always() -> bool:
    return True


def add_readiness(app: FastAPI, missing: Callable[[], list[str]], summary: str) -> None:
    """Of a process that says in words what it still lacks."""

    @app.get("/readyz", summary=summary, tags=["operation"])
    async def readyz() -> Response:
        said = missing()
        return json_answer({"ready": not said, "missing": said}, 503 if said else 200)


def add_life_and_metrics(app: FastAPI, metrics: Registered, alive: Callable[[], Awaitable[bool]] = _always) -> None:
    """What every process of ours answers in the same way. `alive` is of the process that does the work."""

    @app.get(
        "/healthz",
        summary="200 while the process works",
        responses={503: {"description": "It has not answered within a second."}},
        tags=["operation"],
    )
    async def healthz() -> Response:
        if await alive():
            return json_answer({"alive": True})
        return json_answer({"alive": False, "detail": "The worker does not answer."}, 503)

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response, tags=["operation"])
    async def shown(accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
        if isinstance(metrics, CollectorRegistry):
            encode, content_type = choose_encoder(accept)
            return Response(encode(metrics), headers={"Content-Type": content_type})
        try:
            text, content_type = await metrics(accept)
        except TimeoutError:
            return problem(503, "The worker does not answer.", {"Retry-After": "1"})
        return Response(text, headers={"Content-Type": content_type})


def _told(readiness: Readiness) -> dict[str, object]:
    """The same by name and by partition, and what is missing in words."""
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
    if readiness.strangers:
        missing.insert(0, "group")
    if readiness.silent_s:
        missing.insert(0, "worker")
    if readiness.unreachable_since_s or readiness.refused:
        missing.insert(0, "broker")
    return {
        "ready": readiness.ready,
        "missing": missing,
        "details": _details(readiness),
        "assigned": readiness.assigned,
        "partitions": parts,
    }


def _details(readiness: Readiness) -> list[str]:
    """What an operator has to know, a sentence each."""
    away = readiness.unreachable_since_s
    said = [away_since(away)] if away and not readiness.refused else []
    if readiness.refused:
        said.append(readiness.refused)
    if readiness.silent_s:
        said.append(f"the worker has not answered for {readiness.silent_s:.0f} s; what is told is older than that")
    if readiness.misplaced:
        said.append(readiness.misplaced)
    said += [f"another program is in the consumer group: {stranger}" for stranger in readiness.strangers]
    said += [f"partition {number}: {health.held}" for number, health in readiness.partitions.items() if health.held]
    said += [
        f"partition {number}: nearly every alert ends at a consent of which nobody knows; send marketing_consent on customers, "
        'or set outreach.consent = "external" if it is kept elsewhere'
        for number, health in readiness.partitions.items()
        if health.lacks_consents
    ]
    said += [
        f"partition {number}: records wait for their schema, and go on by themselves: {health.waits_for_schema}"
        for number, health in readiness.partitions.items()
        if health.waits_for_schema
    ]
    said += sorted(
        {
            f"no absence is concluded while {health.waits_for_profiles}"
            for health in readiness.partitions.values()
            if health.waits_for_profiles
        }
    )
    said += [
        f"{topic}-{number} is not read on: {reason}. Mend it and start the worker again, or say `churn-alert dead-letters resume`"
        for number, health in readiness.partitions.items()
        for topic, reason in health.stopped.items()
    ]
    said += [
        f"partition {number}: {told}" for number, health in readiness.partitions.items() for told in health.set_aside
    ]
    said += [
        f"partition {number}: {source or 'the smaller ones'} is silent, and the absences of its customers wait"
        for number, health in readiness.partitions.items()
        for source in health.silent_sources
    ]
    return said + [
        f"{topic}-{number}: {records} records wait behind a producer's open transaction, and absences with them"
        for number, health in readiness.partitions.items()
        for topic, records in health.behind_transactions.items()
    ]
