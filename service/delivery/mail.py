"""One e-mail as bytes: text and HTML, and the headers by which mail servers judge it.

Written by hand where the standard library is slow: its quoted-printable takes milliseconds in Python, `binascii` does
it in C. No tracking, no Auto-Submitted (it is marketing, and says so by its List-Unsubscribe).
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from typing import Final, Protocol

import idna

from service.delivery.channel import Order

SAMPLE_MARK: Final = "[Test] "
POSTMARK_METADATA: Final = "outreach-id"
_POSTMARK: Final = ".postmarkapp.com"
_CRLF: Final = "\r\n"
_ADDRESS: Final = re.compile(r"[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]{1,64}@[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]{1,255}")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_NOT_IN_A_MESSAGE_ID: Final = re.compile(r"[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]")


class Written(Protocol):
    """A message as it was rendered."""

    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def html(self) -> str: ...


class Envelope:
    """What all mails of one shop have in common."""

    def __init__(self, sender: str, reply_to: str | None, host: str = "") -> None:
        """Mailboxes, alone or behind a name. `host`: the server that takes the mail. Postmark tells of a message by a
        name that SMTP does not give, and by what its headers say of it."""
        name, address = parseaddr(sender)
        self.address = in_ascii(address)
        self.domain = self.address.rpartition("@")[2]
        self._from = formataddr((name, self.address))
        self._names_it = host.lower().endswith(_POSTMARK)
        self._reply_to = (
            None if reply_to is None else formataddr((parseaddr(reply_to)[0], in_ascii(parseaddr(reply_to)[1])))
        )

    def message_id(self, request_id: str) -> str:
        """The same for every attempt: a server or reader that has seen it may drop a second one."""
        return f"<{_in_a_header(request_id)}@{self.domain}>"

    def compose(self, order: Order, to: str, written: Written, unsubscribe_url: str, now_s: float) -> bytes:
        subject = " ".join(_CONTROLS.sub(" ", written.subject).split())
        boundary = f"=_{_NOT_IN_A_MESSAGE_ID.sub('-', order.id)[:40]}"
        head = [
            f"From: {self._from}",
            f"To: {to}",
            f"Subject: {_in_words((SAMPLE_MARK if order.sample else '') + subject)}",
            f"Date: {format_datetime(datetime.fromtimestamp(now_s, UTC))}",
            f"Message-ID: {self.message_id(order.id)}",
            *([] if self._reply_to is None else [f"Reply-To: {self._reply_to}"]),
            f"List-Unsubscribe: <{unsubscribe_url}>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            *([f"X-PM-Metadata-{POSTMARK_METADATA}: {_in_a_header(order.id)}"] if self._names_it else []),
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{boundary}"',
            "",
            "",
        ]
        return b"".join(
            [
                _CRLF.join(head).encode(),
                _part(boundary, "plain", written.text),
                _part(boundary, "html", written.html),
                f"--{boundary}--{_CRLF}".encode(),
            ]
        )


def is_address(text: str) -> bool:
    """Whether it may stand in a header and in a command of SMTP."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None and all(text.rpartition("@")[2].split("."))


def in_ascii(address: str) -> str:
    """With its domain as DNS knows it (IDNA 2008, after the mapping of UTS 46); a local part of other letters stays."""
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except UnicodeError:
        return address


def _in_a_header(request_id: str) -> str:
    return _NOT_IN_A_MESSAGE_ID.sub("-", request_id)[:200]


def _in_words(text: str) -> str:
    """RFC 2047 where it is needed."""
    return text if text.isascii() and len(text) < 60 else Header(text, "utf-8", 70).encode(linesep=_CRLF)


def _part(boundary: str, kind: str, text: str) -> bytes:
    plain = text.replace(_CRLF, "\n").replace("\r", "\n").replace("\n", _CRLF).rstrip() + _CRLF
    head = (
        f"--{boundary}",
        f'Content-Type: text/{kind}; charset="utf-8"',
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    )
    return _CRLF.join(head).encode() + binascii.b2a_qp(plain.encode(), istext=True) + _CRLF.encode()
