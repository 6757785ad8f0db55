"""`churn-alert dead-letters`: shows what could not be understood, and replays it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import msgspec
import typer

from service.commands.console import counted, out, settings_of
from service.errors import ConfigurationError, ErrorCode

app = typer.Typer(no_args_is_help=True, help="Show and replay what could not be understood.")


@app.command("list")
def list_dead_letters(
    ctx: typer.Context,
    code: Annotated[str | None, typer.Option(help="Only this error code.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many; all are counted.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, with the original bytes.")] = False,
) -> None:
    """List dead letters: where they came from and what is wrong."""
    from rich.table import Table

    from service.streaming.dead_letters import read_dead_letters

    counts: Counter[str] = Counter()
    table = Table("place", "from", "code", "what is wrong")
    for stored in read_dead_letters(settings_of(ctx), code):
        letter = stored.letter
        counts[letter.error_code] += 1
        if counts.total() > limit:
            continue
        if as_json:
            line = {"place": stored.place, **letter.model_dump(mode="json")}
            out.print(msgspec.json.encode(line).decode(), highlight=False, markup=False, soft_wrap=True)
        else:
            source = f"{letter.source_topic} {letter.source_partition}/{letter.source_offset}"
            table.add_row(stored.place, source, letter.error_code, letter.error_message)
    if as_json:
        return
    if counts:
        out.print(table)
    out.print(counted(counts.total(), "dead letter") + _by_code(counts), highlight=False)


@app.command()
def retry(
    ctx: typer.Context,
    code: Annotated[str | None, typer.Option(help="Only this error code.")] = None,
    place: Annotated[
        list[str] | None, typer.Option("--place", help="Only PARTITION/OFFSET of dead-letters; may be repeated.")
    ] = None,
) -> None:
    """Send the original records back to their topics, after the cause is repaired. Safe to repeat."""
    from service.streaming.dead_letters import read_dead_letters, retry_dead_letters

    settings, places = settings_of(ctx), place or []
    found = [stored for stored in read_dead_letters(settings, code) if not places or stored.place in places]
    missing = set(places) - {stored.place for stored in found}
    if missing:
        raise ConfigurationError(f"There is no dead letter at {', '.join(sorted(missing))}.")
    chosen = [stored for stored in found if stored.letter.error_code != ErrorCode.DELIVERY_FAILED]
    out.print(f"{counted(retry_dead_letters(settings, chosen), 'record')} sent back to their topics.", highlight=False)
    if len(chosen) < len(found):
        left = counted(len(found) - len(chosen), "undelivered request")
        out.print(f"{left} left alone: `churn-alert deliver retry` asks for them again.", highlight=False)


def _by_code(counts: Counter[str]) -> str:
    return ": " + ", ".join(f"{count:,} {code}" for code, count in counts.most_common()) if counts else "."
