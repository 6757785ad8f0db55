"""A mail catcher with nothing but Python: it takes every mail on one port, and tells of them on the other as Mailpit
does. In place of that where its image cannot be had: python catcher.py SMTP_PORT HTTP_PORT"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import StreamReader, StreamWriter
from email import message_from_bytes, policy
from email.message import EmailMessage

_GREETINGS = {b"EHLO": b"250-catcher\r\n250 8BITMIME", b"HELO": b"250 catcher"}
_ALWAYS_TAKEN = {b"MAIL", b"RCPT", b"RSET", b"NOOP"}


class Catcher:
    """Holds what it was given."""

    def __init__(self) -> None:
        self._mails: list[EmailMessage] = []

    async def take(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection of a mail program."""
        writer.write(b"220 catcher ESMTP\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                self._mails.append(message_from_bytes(text[:-3], policy=policy.default))
                answer = b"250 taken"
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                answer = _GREETINGS.get(word, b"250 fine" if word in _ALWAYS_TAKEN else b"502 unknown")
            writer.write(answer + b"\r\n")
            await writer.drain()
        writer.close()

    async def tell(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Whatever is asked for: all mails, the newest first."""
        await reader.readuntil(b"\r\n\r\n")
        told = [
            {
                "Subject": mail["Subject"],
                "To": [{"Address": address.addr_spec} for address in mail["To"].addresses],
                "ListUnsubscribe": {"Header": mail["List-Unsubscribe"]},
            }
            for mail in reversed(self._mails)
        ]
        body = json.dumps({"total": len(told), "messages": told}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


async def main(smtp_port: int, http_port: int) -> None:
    """Until it is ended."""
    catcher = Catcher()
    mails = await asyncio.start_server(catcher.take, "0.0.0.0", smtp_port, limit=1 << 24)  # noqa: S104 - in a container
    page = await asyncio.start_server(catcher.tell, "0.0.0.0", http_port)  # noqa: S104
    async with mails, page:
        await asyncio.gather(mails.serve_forever(), page.serve_forever())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
