"""What the page's process does: HTTP, its own reading of the shop's topics, and questions to the worker."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI

from service.commands.shop_people import ShopPeople
from service.config import Settings
from service.config.loading import load_settings
from service.delivery.customers import CustomersWriter
from service.logs import configure_logging, never_wait_for_readers
from service.web.access import Access, Scope
from service.web.app import create_app
from service.web.limits import Limits
from service.web.remote_facts import Line, RemoteFacts
from service.web.renderings import Renderings
from service.web.server import serve_app
from service.web.shop_reading import ShopReading
from service.web.sign_outs import SignOuts


async def serve_page(listener: socket.socket, line: socket.socket) -> None:
    """Until the worker says that it ends, or has ended."""
    settings = load_settings(None)
    configure_logging(settings.log)
    never_wait_for_readers()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the worker says it when the broker is away
    access = Access(settings.web)
    persons, sign_outs = (
        access.anybody(Scope.PERSONS) or access.anybody(Scope.WRITE),
        SignOuts(settings, access.sessions),
    )
    reading = ShopReading(settings, sign_outs.hear, scores_are_told=persons)
    asked = Line(*await asyncio.open_connection(sock=line))
    facts = RemoteFacts(asked, reading)
    writer = CustomersWriter(settings)
    people = ShopPeople(settings, facts, reading, writer) if persons else None
    app = create_app(settings, facts.metrics, facts, access, facts.renew, people, sign_outs.tell)
    add_unsubscribing(app, settings, writer)
    limits = Limits.of(settings.web, settings.web.host, settings.deliver.public_url)
    serving = asyncio.create_task(
        serve_app(Renderings(app, facts.renew, stored=settings.web.numbers == "open"), listener, limits, access)
    )
    readings = [reading.run, sign_outs.run, *(() if people is None else (people.run,))]
    following = asyncio.create_task(_follow(facts, readings))
    talking = asyncio.create_task(asked.run(facts.hear))
    tasks = [serving, following, talking]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
        await writer.close()


async def _follow(facts: RemoteFacts, readings: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Reads the topics as soon as the worker has them."""
    while not facts.works.is_set():
        await facts.renew()
        await asyncio.sleep(0.2)
    await asyncio.gather(*(run() for run in readings))


def add_unsubscribing(app: FastAPI, settings: Settings, writer: CustomersWriter) -> None:
    """The page that the links of messages lead to, where the secret is known that signs them."""
    secret = settings.deliver.unsubscribe_secret
    if secret is None:
        return
    from service.delivery.links import Links
    from service.web.unsubscribe import add_unsubscribe

    links = Links(settings.deliver.public_url, secret, settings.deliver.unsubscribe_secret_before)
    add_unsubscribe(app, links.read, writer.unsubscribed)
