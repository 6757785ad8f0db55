"""Webhooks go out into the world: every kind of address that leads inward is refused, however it is written and
whatever a name says the second time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from service.delivery.targets import Guard, GuardedResolver, TargetRefusedError, check_url

INWARD = (
    "0.0.0.0",  # noqa: S104 - to be refused
    "127.0.0.1", "127.8.9.10", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "224.0.0.1", "239.255.255.255",
    "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::ffff:0.0.0.0",
    "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fdff::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "100::1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "3fff::1", "localhost", "",
)  # fmt: skip
OUTWARD = (
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.167.255.255",
    "168.63.129.17", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
)  # fmt: skip


@pytest.mark.parametrize("address", INWARD)
def test_addresses_that_lead_inward_are_refused_unless_allowed(address: str) -> None:
    assert Guard().why_not(address)
    assert Guard(allow_private=True).why_not(address) is None
    with pytest.raises(TargetRefusedError):
        Guard().check(address)


@pytest.mark.parametrize("address", OUTWARD)
def test_addresses_of_the_world_are_not(address: str) -> None:
    assert Guard().why_not(address) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hook", "ftp://crm.example/", "file:///etc/passwd", "//crm.example/", "crm.example", "", "https://", "https:///x",
        "https://user:word@crm.example/", "https://user@crm.example/", "https://crm.example/#there", "https://crm.example:99999/",
        "https://crm.example/a b", "https://crm.example\\@127.0.0.1/", "https://crm.exämple/", "https://crm.example/\r\nHost: x",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1:8443/",
    ],
)  # fmt: skip
def test_what_cannot_be_a_target_is_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url, Guard(), allow_http=False)


@pytest.mark.parametrize(
    "url", ["https://crm.example/hook?a=b", "https://8.8.8.8:8443/x", "https://[2606:4700::1111]/"]
)
def test_a_target_in_the_world_may_be_one(url: str) -> None:
    check_url(url, Guard(), allow_http=False)


def test_http_and_the_machine_itself_are_each_allowed_by_a_word_of_their_own() -> None:
    check_url("http://crm.example/", Guard(), allow_http=True)
    check_url("https://127.0.0.1/", Guard(allow_private=True), allow_http=False)
    with pytest.raises(ValueError, match="allow_http"):
        check_url("http://127.0.0.1/", Guard(allow_private=True), allow_http=False)
    with pytest.raises(ValueError, match="allow_private"):
        check_url("http://127.0.0.1/", Guard(), allow_http=True)


class Names(AbstractResolver):
    """Answers each question with the next of its answers; the last one again and again."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in answer
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """On loopback; it sees whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def nobody_came(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return True
    return False


async def test_of_a_names_addresses_those_that_lead_inward_are_kept_back() -> None:
    resolver = GuardedResolver(Guard(), Names(["10.0.0.1", "8.8.8.8"]))

    assert [one["host"] for one in await resolver.resolve("crm.example", 443)] == ["8.8.8.8"]


async def test_a_name_that_leads_only_inward_is_refused_with_where_it_leads() -> None:
    with pytest.raises(TargetRefusedError, match=r"169\.254\.169\.254 is a link-local address"):
        await GuardedResolver(Guard(), Names(["169.254.169.254"])).resolve("crm.example", 443)


async def test_a_name_that_leads_inward_the_second_time_is_not_connected_to(listener: socket.socket) -> None:
    """Rebinding: whoever owns the name answers well when they are asked by a check, and inward when it counts."""
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    guard = Guard()
    resolver = GuardedResolver(guard, names)
    port = listener.getsockname()[1]
    checked = await resolver.resolve("crm.example", port)
    connector = aiohttp.TCPConnector(resolver=resolver, socket_factory=guard.socket_for)

    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get(f"http://crm.example:{port}/")

    assert (checked[0]["host"], names.asked) == ("8.8.8.8", 2)
    assert isinstance(refused.value.os_error, TargetRefusedError)
    assert nobody_came(listener)


async def test_an_answer_that_slips_past_every_resolver_is_stopped_at_the_socket(listener: socket.socket) -> None:
    """The resolver is not trusted: the address that is connected to is looked at."""
    port = listener.getsockname()[1]
    connector = aiohttp.TCPConnector(resolver=Names(["127.0.0.1"]), socket_factory=Guard().socket_for)

    async with aiohttp.ClientSession(connector=connector) as session:
        for host in ("crm.example", "127.0.0.1", "[::ffff:127.0.0.1]"):
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://{host}:{port}/")

    assert nobody_came(listener)


async def test_what_is_allowed_is_connected_to(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    connector = aiohttp.TCPConnector(resolver=Names(["127.0.0.1"]), socket_factory=Guard(allow_private=True).socket_for)

    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await session.get(f"http://crm.example:{port}/")

    assert not nobody_came(listener)
