"""A hole in the feed: purchases that were lost before they were read, as when the log was cut while nobody read it.

Nobody knows who bought in it. So whoever may have, who is everybody last seen before its end, is judged only when one
more usual gap of theirs has passed after it: who is still there has come back by then.
"""

from __future__ import annotations

from typing import ClassVar

from service.domain.stored import Stored


class GapState(Stored):
    """What a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = ("until_us", "gaps", "records")

    def __init__(self) -> None:
        self.until_us: int = 0
        """End of the newest hole; 0: there was none."""
        self.gaps: int = 0
        """Holes so far."""
        self.records: int = 0
        """Records lost in them, as far as they could be counted."""
