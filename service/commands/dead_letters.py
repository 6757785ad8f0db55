"""`churn-alert dead-letters`: shows what could not be understood, and replays it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
import typer

from service.commands.console import counted, out, settings_of
from service.errors import ConfigurationError, ErrorCode, NotThereError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.outputs import DeadLetter
    from service.config import Settings
    from service.refused.dead_letters import StoredDeadLetter, Wanted
    from service.refused.retries import Retries

app = typer.Typer(no_args_is_help=True, help="Show and replay what could not be understood.")

_SHOWN_ID = 40
"""Characters of a customer_id in a table; all of them with --json."""

Code = Annotated[str | None, typer.Option(help="Only this error code, e.g. unknown_currency.", show_default=False)]
Topic = Annotated[str | None, typer.Option(help="Only records of this topic.", show_default=False)]
Whose = Annotated[
    str | None,
    typer.Option(help="Only of this customer_id, by the record's key or by what it says.", show_default=False),
]
Since = Annotated[
    str | None,
    typer.Option(
        help="Only those refused at or after this date or time, of the shop's zone if none is said.", show_default=False
    ),
]
Until = Annotated[str | None, typer.Option(help="Only those refused before this date or time.", show_default=False)]
Place = Annotated[
    list[str] | None, typer.Option("--place", help="Only PARTITION/OFFSET of dead-letters; may be repeated.")
]


@app.command("list")
def list_dead_letters(
    ctx: typer.Context,
    code: Code = None,
    topic: Topic = None,
    customer: Whose = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many; all are counted.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, with the original bytes.")] = False,
) -> None:
    """List dead letters: whose they are, where they came from and what is wrong."""
    settings = _settings(ctx)
    counts, sent_back, retries = Counter[str](), Counter[str](), _retries(settings)
    for stored in _found(settings, _wanted(settings, code, topic, customer, since, until)):
        letter = stored.letter
        counts[letter.error_code] += 1
        sent_back[retries.standing(letter)] += 1
        if counts.total() > limit:
            continue
        if as_json:
            line = {
                "place": stored.place,
                "customers": stored.customers,
                "retried": retries.told(letter),
                **letter.model_dump(mode="json"),
            }
            out.print(msgspec.json.encode(line).decode(), highlight=False, markup=False, soft_wrap=True)
        else:
            _show(stored, _sent_back(retries, letter, settings.shop.zone), settings.shop.zone)
    if as_json:
        return
    out.print(counted(counts.total(), "dead letter") + _by_code(counts), highlight=False)
    for standing, words in _STANDINGS.items():
        if sent_back[standing]:
            out.print(f"{sent_back[standing]:,} {words}", highlight=False)


@app.command()
def retry(
    ctx: typer.Context,
    code: Code = None,
    topic: Topic = None,
    customer: Whose = None,
    since: Since = None,
    until: Until = None,
    place: Place = None,
    again: Annotated[
        bool, typer.Option("--again", help="Those too that were sent back and that no worker has read yet.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send the original records back to their topics, after the cause is repaired. What was taken is never sent again,
    and what is still wrong stays the letter that it is: safe to repeat."""
    from service.refused.dead_letters import retry_dead_letters
    from service.refused.retries import Standing

    settings, places = _settings(ctx), _places(place or [])
    wanted = _wanted(settings, code, topic, customer, since, until)
    found = [stored for stored in _found(settings, wanted) if not places or stored.place in places]
    missing = set(places) - {stored.place for stored in found}
    if missing:
        raise NotThereError(f"There is no dead letter at {', '.join(sorted(missing))}.")
    undelivered = [stored for stored in found if stored.letter.error_code == ErrorCode.DELIVERY_FAILED]
    referred = [stored for stored in found if not stored.whole and stored not in undelivered]
    whole, retries = [stored for stored in found if stored.whole and stored not in undelivered], _retries(settings)
    left: Counter[Standing] = Counter()
    chosen = []
    for stored in whole:
        standing = retries.standing(stored.letter)
        if standing is Standing.TAKEN or (standing is Standing.WAITS and not again):
            left[standing] += 1
        else:
            chosen.append(stored)
    if chosen and not yes:
        to = sorted({stored.letter.source_topic for stored in chosen})
        counts = Counter(stored.letter.error_code for stored in chosen)
        out.print(counted(len(chosen), "dead letter") + _by_code(counts), highlight=False)
        typer.confirm(f"Send {'it' if len(chosen) == 1 else 'them'} back to {', '.join(to)}?", abort=True)
    sent = retry_dead_letters(settings, chosen, retries)
    out.print(
        f"{counted(sent, 'record')} sent back to {'its topic' if sent == 1 else 'their topics'}.", highlight=False
    )
    if left[Standing.TAKEN]:
        told = counted(left[Standing.TAKEN], "dead letter")
        out.print(f"{told} left alone: sent back before, and taken.", highlight=False)
    if left[Standing.WAITS]:
        told = counted(left[Standing.WAITS], "dead letter")
        out.print(
            f"{told} left alone: sent back before, and read by no worker yet. --again sends what will never be read.",
            highlight=False,
        )
    if referred:
        out.print(_not_here(referred), highlight=False)
    if undelivered:
        told = counted(len(undelivered), "undelivered request")
        out.print(f"{told} left alone: `churn-alert deliver retry` asks for them again.", highlight=False)


@app.command()
def resume(ctx: typer.Context) -> None:
    """Let go on what has stopped for a person, once its cause is known: an input of which nearly everything was refused
    is read on, whatever it holds, and so is a partition that has met too many errors of our own."""
    from service.streaming.operator import go_on

    told = counted(go_on(settings_of(ctx)), "partition")
    out.print(f"{told} told to go on; start the workers that have ended.", highlight=False)


def _places(said: list[str]) -> list[str]:
    """Raises ConfigurationError for what can be no place."""
    for each in said:
        if not re.fullmatch(r"[0-9]{1,9}/[0-9]{1,19}", each):
            raise ConfigurationError(
                f"--place {each[:40]!r} is no PARTITION/OFFSET such as 0/12: `dead-letters list` shows them."
            )
    return said


def _not_here(referred: list[StoredDeadLetter]) -> str:
    """What to do about records of which not everything lies in their dead letters."""
    letter = referred[0].letter
    return (
        f"{counted(len(referred), 'dead letter')} cannot be retried from here: the bytes are too large or too broken to be "
        "copied, and lie where they came from. To look at the first of them: `kafka-console-consumer.sh --topic "
        f"{letter.source_topic} --partition {letter.source_partition} --offset {letter.source_offset} --max-messages 1`; "
        "once it is mended, have its producer send it again."
    )


_STANDINGS: Final = {
    "taken": "of them sent back and taken since.",
    "refused": "of them sent back and refused once more.",
    "waits": "of them sent back, and read by no worker yet.",
}
"""What became of letters, in the order in which it is told."""


def _sent_back(retries: Retries, letter: DeadLetter, zone: ZoneInfo) -> str:
    """What became of it; empty: it never was."""
    from service.refused.retries import Standing, shown_at

    standing, became = retries.standing(letter), retries.became(letter)
    if standing is Standing.NEVER:
        return ""
    if standing is Standing.WAITS or became is None:
        return "not read yet"
    what = "taken" if standing is Standing.TAKEN else f"refused again: {became.code}"
    return f"{shown_at(became, zone)} {what}"


def _show(stored: StoredDeadLetter, sent_back: str, zone: ZoneInfo) -> None:
    """In lines: cells of a table would cut the sentence to pieces on a screen of 80 columns, and in a pipe."""
    letter, refused = stored.letter, stored.refused_at.astimezone(zone)
    named = " or ".join(map(_shown, stored.customers)) or "nobody"
    head = f"{stored.place}  {refused:%Y-%m-%d %H:%M}  {stored.source}  customer {named}  {letter.error_code}"
    out.print(head, style="bold", highlight=False, markup=False, soft_wrap=True)
    out.print(f"  {letter.error_message}", highlight=False, markup=False, soft_wrap=True)
    if sent_back:
        out.print(f"  sent back: {sent_back}", highlight=False, markup=False, soft_wrap=True)


def _retries(settings: Settings) -> Retries:
    from service.refused.dead_letters import read_retries

    return read_retries(settings)


def _settings(ctx: typer.Context) -> Settings:
    """Zone and currency are those of the state."""
    from service.streaming.made_under import settings_of_the_state

    return settings_of_the_state(settings_of(ctx))


def _found(settings: Settings, wanted: Wanted) -> Iterator[StoredDeadLetter]:
    from service.refused.dead_letters import read_dead_letters

    return read_dead_letters(settings, wanted=wanted)


def _wanted(
    settings: Settings, code: str | None, topic: str | None, customer: str | None, since: str | None, until: str | None
) -> Wanted:
    """ConfigurationError for a code or a time that is none."""
    from service.refused.dead_letters import Wanted

    if code is not None and code not in set(ErrorCode):
        raise ConfigurationError(f"--code {code[:40]!r} is none of {', '.join(sorted(ErrorCode))}.")
    zone = settings.shop.zone
    return Wanted(code, topic, customer, instant("--since", since, zone), instant("--until", until, zone))


def instant(option: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    """A date or a time as somebody types it, in UTC. ConfigurationError for anything else."""
    if text is None:
        return None
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{option} {text[:40]!r} is no date or time such as 2026-03-01 or 2026-03-01T09:30."
        ) from None
    return (said if said.tzinfo is not None else said.replace(tzinfo=zone)).astimezone(UTC)


def _shown(customer_id: str) -> str:
    """A key may hold anything; a terminal is to be spared."""
    text = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in customer_id[: _SHOWN_ID + 1])
    return text if len(text) <= _SHOWN_ID else text[: _SHOWN_ID - 1] + "…"


def _by_code(counts: Counter[str]) -> str:
    return ": " + ", ".join(f"{count:,} {code}" for code, count in counts.most_common()) if counts else "."
