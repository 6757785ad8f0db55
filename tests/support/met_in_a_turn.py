"""`python -m tests.support.met_in_a_turn worker …` is `churn-alert worker …` to which something happens in a turn, and
at no other time, however fast the machine is: what, a file says."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Final

MEETS: Final = "MEETS_IN_A_TURN"
"""Variable: the file. While it is there, the next turn that is to be written takes it away and stops the broker whose
process id it holds; or, where it holds `dies N`, N lives are killed after some turns in which a record waits for the
dates before it."""
DIES: Final = "dies"
_WAITS: Final = "waits"
"""Behind it, when a life has been killed: the record waits from the beginning of the next."""
_TURNS: Final = 3


def become(file: Path) -> None:
    from service.domain.changelog import PASSAGE_KEY
    from service.streaming.producer import TransactionalProducer

    write, waited = TransactionalProducer._write, 0

    def asked() -> list[str]:
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    waits = _WAITS in asked()

    def before() -> None:
        said = asked()
        if said and said[0] != DIES:
            file.unlink()
            os.kill(int(said[0]), signal.SIGSTOP)

    def after(records: Any) -> None:
        nonlocal waits, waited
        for key, value in (record for each in records.values() for record in each):
            waits = value is not None if key == PASSAGE_KEY else waits
        waited += waits
        said = asked()
        if said[:1] == [DIES] and waits and waited >= _TURNS and int(said[1]):
            file.write_text(f"{DIES} {int(said[1]) - 1} {_WAITS}", encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    async def met(self: Any, records: Any, *more: Any) -> Any:
        before()
        written = await write(self, records, *more)
        after(records)
        return written

    TransactionalProducer._write = met  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    from service.cli import main

    become(Path(os.environ[MEETS]))
    main()
