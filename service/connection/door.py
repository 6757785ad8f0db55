"""Whether the brokers still let a running process in.

A connection that stands is not asked for its login again, so a password that was changed, a certificate that has run
out and a broker that is away look the same to whoever is connected: an attempt that fails. While attempts fail, the way
in is gone by hand (handshake.py), and who is refused hears why, once.

A client keeps the certificates and the password that it was made with. Where their files say something else by now, and
the way in is free with that, a process begins anew with it: what it has made of the former ones fails for ever. A
secret in no file of its own only a new start can read again: who is refused with it for minutes ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from service.config import KafkaSettings
from service.connection.handshake import look_in
from service.connection.security import REFUSED_LONG_S, refused_for_long
from service.errors import ChurnAlertError, ConfigurationError, StartAgainError

LOOK_S: Final = 3.0
"""Between two looks while something fails."""

log = structlog.get_logger()


class Door:
    """Of one process."""

    def __init__(
        self,
        kafka: KafkaSettings,
        look: Callable[[KafkaSettings], str] = look_in,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka = kafka
        self._look = look
        self._now_s = now_s
        self._refused_since_s = 0.0
        self._made_with = _papers(kafka)
        self.refused = ""
        """Why we are not let in; empty: we are, as far as is known."""

    async def watch(self, fails: Callable[[], bool], *, lasting: bool = True) -> None:
        """For ever. `fails`: whether attempts to reach a broker have failed lately. `lasting`: clients live as long as
        the process; then StartAgainError where what they were made with fails, and what the files say now is good.
        RefusedForLongError where nothing but a new start can help."""
        while True:
            if fails() or self.refused:
                refused, is_in = await asyncio.to_thread(self._why)
                self.heard("" if refused is None else str(refused))
                if is_in and lasting and _papers(self._kafka) != self._made_with:
                    raise StartAgainError(
                        "The broker lets us in with what the files of certificates and passwords say now."
                    )
                if refused is not None and self._now_s() - self._refused_since_s > REFUSED_LONG_S:
                    given_up = refused_for_long(self._kafka, refused)
                    if given_up is not None:
                        raise given_up
            await asyncio.sleep(LOOK_S)

    def heard(self, refused: str) -> None:
        """What a look has come to."""
        if refused and refused != self.refused:
            log.error("the broker does not let us in; trying again", told=refused)
        elif self.refused and not refused:
            log.info("the broker lets us in again")
        if refused and not self.refused:
            self._refused_since_s = self._now_s()
        self.refused = refused

    def _why(self) -> tuple[ConfigurationError | None, bool]:
        """Why we are refused, and whether we are let in. A broker that does not answer does neither."""
        try:
            self._look(self._kafka)
        except ConfigurationError as error:  # a refusal, or a file that cannot be used
            return error, False
        except ChurnAlertError:
            return None, False
        return None, True


def _papers(kafka: KafkaSettings) -> tuple[object, ...]:
    """What tells one state of the files that clients are made with from another. Tokens are read at each login."""
    certificates = kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile
    secrets = kafka.ssl_key_password_file, kafka.sasl_password_file, kafka.oauth_client_secret_file
    return tuple(map(_mark_of, (*certificates, *secrets)))


def _mark_of(file: Path | None) -> object:
    try:
        found = None if file is None else file.stat()
    except OSError:
        return None
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)
