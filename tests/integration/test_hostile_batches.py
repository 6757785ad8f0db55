"""Batches of every hostile kind that a real broker takes: the partition goes on, what cannot be read is in dead-letters
once, memory stays bounded, and a restart changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from service.cluster import topics
from service.config import Settings
from service.refused.dead_letters import read_dead_letters
from tests.support.broker import TestBroker
from tests.support.hostile_batches import (
    GZIP,
    LZ4,
    SNAPPY,
    ZSTD,
    Made,
    batch,
    body_of,
    bomb,
    produce_raw,
)
from tests.support.load import settings_for
from tests.support.worker_process import Positions, WorkerProcess, environment_of

pytestmark = [pytest.mark.broker]

MOST_MB = 300.0
"""Over what the worker holds before the attack."""
ROUNDS = 1


def visit(number: int, headers: tuple[tuple[bytes, bytes | None], ...] = ()) -> Made:
    event = {
        "event_id": f"e{number}",
        "customer_id": "anna",
        "occurred_at": f"2025-01-{1 + number % 28:02}T10:00:00Z",
        "amount": 5,
    }
    return Made(b"anna", json.dumps(event).encode(), headers)


COMMANDS = [
    ["inspect", "anna", "--json"],
    ["dead-letters", "list", "--code", "not_json"],
    ["export", "anna"],
    ["deliver", "retry"],
    ["topics", "check"],
]
"""That read those topics."""


class Sent:
    """What the broker took, and what is to come of it."""

    def __init__(self) -> None:
        self.visits = 0
        self.offset = 0
        self.letters: Counter[tuple[int, int, str]] = Counter()
        """(first offset, last offset, code)."""
        self.refused: list[str] = []


async def attack(settings: Settings, sent: Sent) -> None:
    servers, topic = settings.kafka.bootstrap_servers, settings.kafka.topics.purchases

    async def send(name: str, records: list[Made], aside: list[tuple[int, int, str]], good: int, **how: object) -> None:
        content = batch(0, records, **how)  # type: ignore[arg-type]
        if await produce_raw(servers, topic, 0, content):
            sent.refused.append(name)
            return
        sent.letters.update((sent.offset + first, sent.offset + last, code) for first, last, code in aside)
        sent.offset += len(records)
        sent.visits += good

    for _ in range(ROUNDS):
        number = sent.offset
        fine = [visit(number + each) for each in range(3)]
        await send("fine", fine, [], 3)
        for codec in (GZIP, SNAPPY, LZ4):
            await send(
                f"bomb of {codec}",
                [Made()],
                [(0, 0, "decompressed_too_large")],
                0,
                codec=codec,
                packed=bomb(codec, 33 << 20),
            )
        zeros = bomb(ZSTD, 400 << 20)
        await send("bomb of zstd", [Made()], [(0, 0, "decompressed_too_large")], 0, codec=ZSTD, packed=zeros)
        twenty = body_of([visit(number + 3), Made(b"anna", bytes(20 << 20)), visit(number + 4)])
        await send("twenty MiB", [Made()] * 3, [(1, 1, "too_large")], 2, codec=LZ4, body=twenty)
        named = visit(number + 5, ((b"\xff\xfe", b"v"),))
        for codec in (0, ZSTD):
            mixed = [visit(number + 6 + codec), named, visit(number + 7 + codec)]
            await send("header no text", mixed, [(1, 1, "header_not_text")], 2, codec=codec)
        many = visit(number + 12, ((b"", None),) * 200_000)
        await send("headers", [visit(number + 13), many], [(1, 1, "too_large")], 1, codec=ZSTD)
        await send("key", [Made(b"k" * (1 << 19), b"{}")], [(0, 0, "missing_field")], 0, codec=GZIP)
        await send("no key", [Made(None, b"")], [(0, 0, "empty_value")], 0)
        odd = [visit(number + 14)._replace(delta=0), visit(number + 15)._replace(delta=70)]
        await send("offsets", odd, [(1, 1, "corrupt")], 1)
        old = [visit(number + 16)._replace(timestamp_delta=-(1 << 40))]
        await send("long ago", old, [], 1)
        await send("count", [visit(number + 17), visit(number + 18)], [(1, 1, "corrupt")], 1, count=1, last_delta=1)
        await send("unknown codec", [visit(number + 19)], [(0, 0, "unknown_format")], 0, codec=5)
        await send("fine again", [visit(number + 20)], [], 1)


async def poison(settings: Settings) -> int:
    """A bomb and a header that is no text into every topic that the service reads beside its inputs, from somebody who
    may write there. Returns how many of them the brokers have taken."""
    kafka, taken = settings.kafka, 0
    names = kafka.topics
    huge = body_of([Made(b"anna", bytes(40 << 20))])
    for topic in (
        kafka.state_topic, kafka.ledger_topic, names.dead_letters, names.deliveries, names.outreach, names.outreach_decisions,
        names.customer_scores, names.period_metrics,
    ):  # fmt: skip
        for content in (
            batch(0, [Made()], codec=ZSTD, body=huge),
            batch(0, [Made(b"anna", b"{}", ((b"\xff\xfe", b"v"),))]),
        ):
            taken += not await produce_raw(kafka.bootstrap_servers, topic, 0, content)
    return taken


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def produce_visit(settings: Settings) -> None:
    """One more, which shows that it goes on."""
    content = batch(0, [visit(100_000)])
    assert not await produce_raw(settings.kafka.bootstrap_servers, settings.kafka.topics.purchases, 0, content)


def command(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *words],
        env=environment_of(settings), capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def orders_of(inspected: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r'"orders": ?(\d+)', inspected.stdout)
    assert found is not None, f"{inspected.stdout} {inspected.stderr}"
    return int(found[1])


def letters_of(settings: Settings) -> Counter[tuple[int, int, str]]:
    found = Counter[tuple[int, int, str]]()
    for stored in read_dead_letters(settings):
        letter, reference = stored.letter, stored.letter.reference
        first = letter.source_offset
        found[first, first if reference is None else reference.last_offset, letter.error_code] += 1
    return found


def test_hostile_batches_stop_nothing_and_are_told_of_once(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    session = {"session_timeout_s": 6.0, "heartbeat_interval_s": 1.0}
    settings = settings_for(broker.bootstrap_servers, topic_prefix, kafka=session)
    topics.create(settings, partitions=1)
    sent = Sent()

    with WorkerProcess(settings, "w0") as worker, Positions(settings, 1) as positions:
        worker.wait_for("worker started")
        before_mb, peak_mb = resident_mb(worker.pid), 0.0
        asyncio.run(attack(settings, sent))
        while positions.total() < sum(positions.ends().values()):
            assert worker.running, worker.log[-3000:]
            peak_mb = max(peak_mb, resident_mb(worker.pid))
        worker.end(signal.SIGKILL)
        worker.start()
        asyncio.run(attack(settings, sent))
        positions.wait_caught_up(workers=[worker])
        lives = list(worker.exits)
        taken = asyncio.run(poison(settings))
        said = [command(settings, *words) for words in COMMANDS]
        worker.end(signal.SIGKILL)
        worker.start()
        worker.wait_assigned()
        before, deadline = orders_of(said[0]), time.monotonic() + 240
        asyncio.run(produce_visit(settings))
        while orders_of(command(settings, *COMMANDS[0])) == before:
            assert worker.running, worker.log[-3000:]
            assert time.monotonic() < deadline, worker.log[-3000:]
    deadline = time.monotonic() + 240  # the session of the worker that was killed
    while (exported := command(settings, "state", "export", str(tmp_path / "state"))).returncode == 2:
        assert time.monotonic() < deadline, exported.stderr
    assert lives == [-9], "no end but ours"
    assert taken == 16
    for words, done in zip([*COMMANDS, ["state", "export"]], [*said, exported], strict=True):
        assert done.returncode == 0, f"{words}: {done.stderr}"
    assert peak_mb - before_mb < MOST_MB
    assert letters_of(settings) == sent.letters
    assert set(sent.refused) <= {"count", "unknown codec"}, "the broker took all others"
    listed = command(settings, "dead-letters", "list", "--code", "decompressed_too_large", "--limit", "1000")
    assert listed.returncode == 0, listed.stderr
    assert f"{8 * ROUNDS} dead letters: {8 * ROUNDS} decompressed_too_large" in listed.stdout
    retried = command(settings, "dead-letters", "retry", "--code", "header_not_text", "--yes")
    assert retried.returncode == 0, retried.stderr
    assert "0 records sent back" in retried.stdout
    assert "cannot be retried from here" in " ".join(retried.stdout.split())
