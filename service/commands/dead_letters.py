"""`churn-alert dead-letters`: shows what could not be understood, and replays it."""

from __future__ import annotations

from collections import Counter

import msgspec
from rich.console import Console
from rich.table import Table

from service.commands.console import counted
from service.config import Settings
from service.errors import ConfigurationError
from service.streaming.dead_letters import StoredDeadLetter, read_dead_letters, retry_dead_letters


def list_dead_letters(settings: Settings, console: Console, *, code: str | None, limit: int, as_json: bool) -> None:
    """Counts by code, and the first `limit` of them."""
    counts: Counter[str] = Counter()
    table = Table("place", "from", "code", "what is wrong")
    for stored in read_dead_letters(settings, code):
        letter = stored.letter
        counts[letter.error_code] += 1
        if counts.total() > limit:
            continue
        if as_json:
            line = {"place": stored.place, **letter.model_dump(mode="json")}
            console.print(msgspec.json.encode(line).decode(), highlight=False, markup=False, soft_wrap=True)
        else:
            source = f"{letter.source_topic} {letter.source_partition}/{letter.source_offset}"
            table.add_row(stored.place, source, letter.error_code, letter.error_message)
    if as_json:
        return
    if counts:
        console.print(table)
    console.print(counted(counts.total(), "dead letter") + _by_code(counts), highlight=False)


def retry(settings: Settings, console: Console, *, code: str | None, places: list[str]) -> None:
    """Replays the chosen dead letters."""
    chosen: list[StoredDeadLetter] = [
        stored for stored in read_dead_letters(settings, code) if not places or stored.place in places
    ]
    missing = set(places) - {stored.place for stored in chosen}
    if missing:
        raise ConfigurationError(f"There is no dead letter at {', '.join(sorted(missing))}.")
    console.print(
        f"{counted(retry_dead_letters(settings, chosen), 'record')} sent back to their topics.", highlight=False
    )


def _by_code(counts: Counter[str]) -> str:
    return ": " + ", ".join(f"{count:,} {code}" for code, count in counts.most_common()) if counts else "."
