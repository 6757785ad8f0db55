"""`People` of the running shop: the topics that the page reads, the worker it belongs to, and what is said on
`customers`."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from service.config import Settings
from service.delivery.customers import CustomersWriter
from service.web.coming import Coming, coming_of
from service.web.people.reading import PeopleReading
from service.web.people.roll import Detail, Roll
from service.web.remote_facts import RemoteFacts
from service.web.shop_reading import ShopReading

_READ_S = 10.0


class ShopPeople:
    """`run` keeps the roll current."""

    def __init__(self, settings: Settings, facts: RemoteFacts, shop: ShopReading, writer: CustomersWriter) -> None:
        """`writer` is closed by whoever has made it."""
        self._settings = settings
        self._facts = facts
        self._reading = PeopleReading(settings, shop)
        self._writer = writer
        self._exporting = asyncio.Lock()

    @property
    def roll(self) -> Roll:
        return self._reading.roll

    async def run(self) -> None:
        await self._reading.run()

    async def decisions(self, customer_id: str) -> list[msgspec.Raw]:
        async with asyncio.timeout(_READ_S):
            return (await self._reading.decisions_at(self.roll.places_of(customer_id)))[::-1]

    async def detail(self, customer_id: str) -> Detail | None:
        told = await self._facts.person(customer_id)
        return msgspec.json.decode(told) if told else None

    async def coming(self) -> Coming | None:
        told = await self._facts.coming()
        return coming_of(told) if told else None

    async def do_not_contact(self, customer_id: str) -> None:
        await self._writer.unsubscribed(customer_id)

    async def forget(self, customer_id: str) -> None:
        from service.streaming.operator import erase_customer

        await asyncio.to_thread(erase_customer, self._settings, customer_id)

    async def export(self, customer_id: str) -> dict[str, Any]:
        from service.inspect.person import export_person

        async with self._exporting:  # it reads whole topics
            return await asyncio.to_thread(export_person, self._settings, customer_id)
