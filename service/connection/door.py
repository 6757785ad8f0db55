"""Whether the brokers still let a running process in.

A connection that stands is not asked for its login again, so a password that was changed, a certificate that has run
out and a broker that is away look the same to whoever is connected: an attempt that fails. While attempts fail, the way
in is gone by hand (handshake.py), and who is refused hears why, once.

A client keeps the certificates and the password that it was made with. Where their files say something else by now, and
the way in is free with that, a process begins anew with it: what it has made of the former ones fails for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from service.config import KafkaSettings
from service.connection.handshake import look_in
from service.errors import ChurnAlertError, ConfigurationError, StartAgainError

LOOK_S: Final = 3.0
"""Between two looks while something fails."""

log = structlog.get_logger()


class Door:
    """Of one process."""

    def __init__(self, kafka: KafkaSettings, look: Callable[[KafkaSettings], str] = look_in) -> None:
        self._kafka = kafka
        self._look = look
        self._made_with = _papers(kafka)
        self.refused = ""
        """Why we are not let in; empty: we are, as far as is known."""

    async def watch(self, fails: Callable[[], bool], *, lasting: bool = True) -> None:
        """For ever. `fails`: whether attempts to reach a broker have failed lately. `lasting`: clients live as long as
        the process; then StartAgainError where what they were made with fails, and what the files say now is good."""
        while True:
            if fails() or self.refused:
                refused, is_in = await asyncio.to_thread(self._why)
                self.heard(refused)
                if is_in and lasting and _papers(self._kafka) != self._made_with:
                    raise StartAgainError(
                        "The broker lets us in with what the files of certificates and passwords say now."
                    )
            await asyncio.sleep(LOOK_S)

    def heard(self, refused: str) -> None:
        """What a look has come to."""
        if refused and refused != self.refused:
            log.error("the broker does not let us in; trying again", told=refused)
        elif self.refused and not refused:
            log.info("the broker lets us in again")
        self.refused = refused

    def _why(self) -> tuple[str, bool]:
        """Why we are refused, and whether we are let in. A broker that does not answer does neither."""
        try:
            self._look(self._kafka)
        except ConfigurationError as error:  # a refusal, or a file that cannot be used
            return str(error), False
        except ChurnAlertError:
            return "", False
        return "", True


def _papers(kafka: KafkaSettings) -> tuple[object, ...]:
    """What tells one state of the files that clients are made with from another. Tokens are read at each login."""
    return tuple(map(_mark_of, (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile, kafka.sasl_password_file)))


def _mark_of(file: Path | None) -> object:
    try:
        found = None if file is None else file.stat()
    except OSError:
        return None
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)
