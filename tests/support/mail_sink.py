"""A mail server: takes what it is sent, or misbehaves as it is told.

As a process of its own, `python -m tests.support.mail_sink PORT FILE [keep] [pipelining]`: each message is a line of
JSON in FILE, with the whole text where `keep` is said.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Handler:
    """`answers` are given to the recipients one after another, then all are taken."""

    def __init__(self, file: Path | None = None, *, keep: bool = True, pipelining: bool = False) -> None:
        """`pipelining`: it is offered; the library reads commands that come together either way."""
        self._file = file
        self._keep = keep
        self._pipelining = pipelining
        self.taken: list[dict[str, str]] = []
        self.rcpt_answers: list[str] = []
        self.data_answers: list[str] = []
        """Codes; "drop" breaks the line after the text was taken, "hang" says nothing more."""
        self.sessions = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return ["250-PIPELINING", *responses] if self._pipelining else responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_answers:
            answer = self.rcpt_answers.pop(0)
            if answer:
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data_answers.pop(0) if self.data_answers else ""
        if answer and answer not in {"drop", "hang"}:
            return answer
        self._note(envelope)
        if answer == "drop":
            transport: Any = server.transport
            transport.abort()
        if answer == "hang":
            await asyncio.sleep(3_600)
        return "250 OK"

    def _note(self, envelope: Envelope) -> None:
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        noted = {"to": envelope.rcpt_tos[0]}
        if self._keep:
            parsed = email.message_from_bytes(content, policy=email.policy.default)
            noted |= {"id": str(parsed["Message-ID"]), "subject": str(parsed["Subject"]), "text": content.decode()}
        self.taken.append(noted)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(noted) + "\n")


class Sink(Controller):
    """In a thread of the test; `with Sink() as sink: … sink.port`."""

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        """`port` 0 = any. `tls`: STARTTLS is offered and required. `login`: the only name and password that are
        taken."""
        self.handler: Handler
        options: dict[str, Any] = {}
        if tls is not None:
            options |= {"tls_context": tls, "require_starttls": True}
        if login is not None:

            def authenticate(*args: Any) -> AuthResult:
                said = args[-1]
                good = isinstance(said, LoginPassword) and (said.login.decode(), said.password.decode()) == login
                return AuthResult(success=good, handled=good)

            options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls is not None}
        self._sessions: list[SMTP] = []
        super().__init__(handler or Handler(), hostname="127.0.0.1", port=port, **options)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(120)
        self.stop()

    def factory(self) -> SMTP:
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self._sessions.append(session)
        return session

    async def _hang_up(self) -> None:
        """The library ends its loop with connections in it that nobody has closed, those above all whose TLS has
        failed."""
        for session in self._sessions:
            lines: tuple[Any, ...] = (session.transport, session._original_transport)
            for line in lines:
                if line is not None:
                    with suppress(AttributeError):  # TLS that was closed twice holds nothing any more (Python 3.11)
                        line.abort()
        for _ in range(3):  # a transport closes its socket in the turn after, TLS one later
            await asyncio.sleep(0)

    def _trigger_server(self) -> None:
        self.port = self.real_port
        super()._trigger_server()  # type: ignore[no-untyped-call]  # the library is half typed

    @property
    def real_port(self) -> int:
        server: Any = self.server
        port: int = server.sockets[0].getsockname()[1]
        return port


def main() -> None:
    port, file, *modes = sys.argv[1:]
    handler = Handler(Path(file), keep="keep" in modes, pipelining="pipelining" in modes)
    controller = Controller(handler, hostname="127.0.0.1", port=int(port))

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(controller.factory, "127.0.0.1", int(port))
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
