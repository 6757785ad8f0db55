"""Batches of records as brokers hand them out, built byte by byte, right or wrong in one place."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.codec import lz4_encode, snappy_encode, zstd_encode
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c, encode_varint
from aiokafka.structs import TopicPartition

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CONTROL, TRANSACTIONAL = 0x20, 0x10
T0_MS: Final = 1_772_353_800_000
HEADER: Final = ">qiibIhiqqqhii"

PACK: Final[dict[int, Callable[[bytes], bytes]]] = {
    0: bytes,
    GZIP: lambda body: gzip.compress(body, 6, mtime=0),
    SNAPPY: lambda body: bytes(snappy_encode(body)),
    LZ4: lambda body: bytes(lz4_encode(body)),
    ZSTD: lambda body: bytes(zstd_encode(body)),
}


class Made(NamedTuple):
    """A record of a batch to be built; `delta` None: the next number."""

    key: bytes | None = b"c-1"
    value: bytes | None = b"{}"
    headers: Sequence[tuple[bytes, bytes | None]] = ()
    delta: int | None = None
    timestamp_delta: int = 0


def varint(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def sized(content: bytes | None) -> bytes:
    return varint(-1) if content is None else varint(len(content)) + content


def record(made: Made, delta: int) -> bytes:
    """With its length in front."""
    headers = b"".join(varint(len(name)) + name + sized(value) for name, value in made.headers)
    inside = (
        b"\0"
        + varint(made.timestamp_delta)
        + varint(delta if made.delta is None else made.delta)
        + sized(made.key)
        + sized(made.value)
        + varint(len(made.headers))
        + headers
    )
    return varint(len(inside)) + inside


def body_of(records: Iterable[Made]) -> bytes:
    return b"".join(record(made, number) for number, made in enumerate(records))


def batch(
    base: int = 0,
    records: Sequence[Made] = (Made(),),
    codec: int = 0,
    *,
    attributes: int = 0,
    producer: int = -1,
    body: bytes | None = None,
    packed: bytes | None = None,
    count: int | None = None,
    last_delta: int | None = None,
    magic: int = 2,
    crc: int | None = None,
    first_timestamp: int = T0_MS,
) -> bytes:
    """`body`: in the place of the records; `packed`: in the place of what they are compressed to."""
    content = body_of(records) if body is None else body
    content = PACK.get(codec, bytes)(content) if packed is None else packed
    count = len(records) if count is None else count
    last_delta = len(records) - 1 if last_delta is None else last_delta
    tail = struct.pack(
        ">hiqqqhii",
        attributes | codec,
        last_delta,
        first_timestamp,
        first_timestamp,
        producer,
        0 if producer >= 0 else -1,
        0 if producer >= 0 else -1,
        count,
    )
    checked = tail + content
    checksum = calc_crc32c(checked) if crc is None else crc
    return struct.pack(">qiibI", base, 9 + len(checked), 0, magic, checksum) + checked


def with_checksum(content: bytes) -> bytes:
    """The same batch, with the checksum of what it holds."""
    return content[:17] + struct.pack(">I", calc_crc32c(content[21:])) + content[21:]


def marker(base: int, producer: int, *, commit: bool, version: int = 0, key: bytes | None = None) -> bytes:
    """The end of a transaction, as brokers write it."""
    key = struct.pack(">HH", version, int(commit)) if key is None else key
    return batch(base, [Made(key, b"\0" * 6)], attributes=CONTROL | TRANSACTIONAL, producer=producer)


@cache
def bomb(codec: int, size: int) -> bytes:
    """A body that holds one record with a value of zeros, packed; of zstd without packing it."""
    if codec == ZSTD:
        inside = b"\0" + varint(0) + varint(0) + sized(b"c-1") + varint(size)
        return zstd_of_zeros(varint(len(inside) + size + 1) + inside, size + 1)
    return PACK[codec](body_of([Made(value=bytes(size))]))


def zstd_of_zeros(beginning: bytes, zeros: int) -> bytes:
    """Four bytes for every 128 KiB."""
    frame = struct.pack("<IBB", 0xFD2FB528, 0, 0x68)  # a window of 8 MiB
    frame += (len(beginning) << 3).to_bytes(3, "little") + beginning
    while zeros:
        block = min(zeros, 128 << 10)
        zeros -= block
        frame += (block << 3 | 1 << 1 | (not zeros)).to_bytes(3, "little") + b"\0"
    return frame


async def produce_raw(bootstrap_servers: str, topic: str, partition: int, content: bytes) -> int:
    """Writes a batch as it is, past every producer's care. The broker's error code, 0 = taken."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(None, -1, 30_000, [(topic, [(partition, content)])])
        answer = await client.send(leader, request)
        return int(answer.topics[0][1][0][1])
    finally:
        await client.close()
