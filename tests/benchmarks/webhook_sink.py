"""An address that takes every POST and says so at once: `python -m tests.benchmarks.webhook_sink FILE` prints its port
and keeps the number of those taken in FILE. No HTTP library: it must cost less than whoever is measured against it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

_END_OF_HEADERS = b"\r\n\r\n"
_LENGTH = b"content-length:"
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_TOLD_EVERY_S = 0.05


class Taking(asyncio.Protocol):
    """One connection, on which requests follow each other."""

    taken = 0
    """Of all connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(_END_OF_HEADERS)) >= 0:
            headers = self._read[:end].lower()
            length = int(headers[headers.index(_LENGTH) + len(_LENGTH) :].split(b"\r\n", 1)[0])
            following = end + len(_END_OF_HEADERS) + length
            if len(self._read) < following:
                return
            self._read = self._read[following:]
            Taking.taken += 1
            self._transport.write(_TAKEN)


def _tell(loop: asyncio.AbstractEventLoop, file: Path) -> None:
    file.write_text(str(Taking.taken))
    loop.call_later(_TOLD_EVERY_S, _tell, loop, file)


async def _take(file: Path) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Taking, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    _tell(loop, file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_take(Path(sys.argv[1])))
