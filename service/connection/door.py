"""Whether the brokers still let a running process in.

A connection that stands is not asked for its login again, so a password that was changed, a certificate that has run
out and a broker that is away look the same to whoever is connected: an attempt that fails. While attempts fail, the way
in is gone by hand (handshake.py), and who is refused hears why, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from service.config import KafkaSettings
from service.connection.handshake import look_in
from service.connection.refusals import RefusedError
from service.errors import ChurnAlertError

LOOK_S: Final = 3.0
"""Between two looks while something fails."""

log = structlog.get_logger()


class Door:
    """Of one process."""

    def __init__(self, kafka: KafkaSettings, look: Callable[[KafkaSettings], str] = look_in) -> None:
        self._kafka = kafka
        self._look = look
        self.refused = ""
        """Why we are not let in; empty: we are, as far as is known."""

    async def watch(self, fails: Callable[[], bool]) -> None:
        """For ever. `fails`: whether attempts to reach a broker have failed lately."""
        while True:
            if fails() or self.refused:
                self.heard(await asyncio.to_thread(self._why))
            await asyncio.sleep(LOOK_S)

    def heard(self, refused: str) -> None:
        """What a look has come to."""
        if refused and refused != self.refused:
            log.error("the broker does not let us in; trying again", told=refused)
        elif self.refused and not refused:
            log.info("the broker lets us in again")
        self.refused = refused

    def _why(self) -> str:
        """A broker that does not answer refuses nothing."""
        try:
            self._look(self._kafka)
        except RefusedError as error:
            return str(error)
        except ChurnAlertError:
            return ""
        return ""
