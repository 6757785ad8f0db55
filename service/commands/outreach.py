"""`churn-alert outreach`: what an operator may say to it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.kinds import Kind
from service.commands.console import counted, err, out, settings_of
from service.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from service.config import Settings
    from service.inspect.held import Held
    from service.message import Renderer

app = typer.Typer(no_args_is_help=True, help="Say what may go out.")


@app.callback()
def outreach() -> None:
    """Say what may go out."""


@app.command()
def resume(ctx: typer.Context, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Let go what the brake holds (reason `surge`), spread over time; for a week it holds nothing.

    Only when so many regulars are quiet indeed: look first for purchases that do not arrive. Says how many are held,
    and asks; where nothing is held it does nothing.
    """
    from service.inspect.held import held_by_brake
    from service.streaming.operator import resume_outreach

    settings = settings_of(ctx)
    held = held_by_brake(settings)
    if not held.any:
        out.print("Nothing is held by the brake: there is nothing to let go.", highlight=False, soft_wrap=True)
        return
    out.print(_held_in_words(held, settings.shop.zone), highlight=False, soft_wrap=True)
    if not yes:
        typer.confirm("Let them go?", abort=True)
    told = resume_outreach(settings)
    out.print(
        f"{counted(told, 'partition')} told: what is held goes out, spread over time, and for a week the brake holds nothing.",
        highlight=False,
        soft_wrap=True,
    )


def _held_in_words(held: Held, zone: ZoneInfo) -> str:
    waits = f"{counted(held.customers, 'customer')} {'waits' if held.customers == 1 else 'wait'} for a message that the brake holds"
    if held.since is None:
        return f"{waits}, for some days more."
    since = held.since.astimezone(zone)
    return f"{waits}, since {since:%Y-%m-%d %H:%M} in {held.partitions} of {counted(held.of, 'partition')}."


KindOption = Annotated[Kind, typer.Option(help="Why somebody is written to.", show_choices=True)]
RungOption = Annotated[str, typer.Option(help="Step of the kind; default: the policy's first.", show_default=False)]
LocaleOption = Annotated[
    str | None, typer.Option(help="Language of the message, e.g. fr; default: the shop's.", show_default=False)
]
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_RUNG = re.compile(r"[A-Za-z0-9_-]{0,60}")


def part_of_language(locale: str) -> str:
    """Of a BCP 47 locale, in small letters."""
    return locale.replace("_", "-").split("-", 1)[0].lower()


def checked(rung: str, locale: str | None) -> None:
    """Raises ConfigurationError for what can be no rung or no locale."""
    if not _RUNG.fullmatch(rung):
        raise ConfigurationError(f"--rung {rung[:60]!r} is no name of a step, such as remind.")
    if locale is not None and not _LOCALE.fullmatch(locale):
        raise ConfigurationError(f"--locale {locale[:40]!r} is no BCP 47 language such as en or fr-FR.")


def language_notes(renderer: Renderer, data: Mapping[str, Any]) -> Iterator[str]:
    """Where nothing is written in the language that was asked for, or that the customer speaks."""
    wished, written = data.get("locale"), renderer.locale_of(data)
    if wished and written and part_of_language(wished) != part_of_language(written):
        yield (
            f"no template writes this in {wished!r}: it goes out in {written}. One of your own, such as "
            f"{data['kind']}.{part_of_language(wished)}.jinja in the folder deliver.templates, would write it."
        )


def step_notes(settings: Settings, kind: Kind, rung: str) -> Iterator[str]:
    """Why nobody gets a message of that step, as the policy is."""
    from service.inspect.request import steps_of

    steps = [step.name for step in steps_of(settings, kind)]
    if not steps:
        yield f"outreach.{kind.value} is not switched on: nobody gets such a message."
    elif kind is Kind.WIN_BACK and rung not in {"", *steps}:
        yield f"the policy has no step {rung!r} of {kind.value}, only {', '.join(steps)}: nobody gets such a message."


def made_up(
    settings: Settings, kind: Kind, rung: str, locale: str | None, email: str | None, sample_id: str, now: datetime
) -> dict[str, Any]:
    """A sample's data, with the offer and the template that the policy gives the step."""
    from service.inspect.request import step_of
    from service.message.message import ShopFacts
    from service.message.samples import sample_request

    step = step_of(settings, kind, rung)
    data = sample_request(
        kind,
        step.name,
        locale,
        shop=ShopFacts.of(settings.shop),
        currency=settings.shop.currency,
        email=email,
        now=now,
        sample_id=sample_id,
    )
    rule = settings.policy().outreach.consent.value
    return data | {
        "template": step.template,
        "offer": step.offer or data["offer"],
        "consent": {**data["consent"], "rule": rule},
    }


@app.command("test")
def put_sample(
    ctx: typer.Context,
    email: Annotated[str, typer.Option(help="Your own address: the sample is for you.", show_default=False)],
    kind: KindOption = Kind.WIN_BACK,
    rung: RungOption = "",
    locale: LocaleOption = None,
) -> None:
    """Put one made-up request, marked `sample`, through the whole way: into `outreach`, and to whoever delivers it.

    It counts nowhere: nobody decided it, no statistic, no limit and no customer knows of it. Each call is another
    sample, with an id of its own.
    """
    from service.delivery.mail import is_address
    from service.message import Renderer, ShopFacts
    from service.streaming.operator import request_sample

    settings = settings_of(ctx)
    checked(rung, locale)
    if not is_address(email):
        raise ConfigurationError(f"--email {email[:100]!r} is no e-mail address.")
    now, sample_id = datetime.now(UTC).replace(microsecond=0), f"sample-{uuid.uuid4()}"
    data = made_up(settings, kind, rung, locale, email, sample_id, now)
    request_sample(settings, data, int(now.timestamp()) * 1_000_000)
    out.print(
        f"{data['kind']}/{data['rung']} for {email} is in {settings.kafka.topics.outreach}, marked as a sample: id {sample_id}.",
        highlight=False,
        soft_wrap=True,
    )
    renderer = Renderer(ShopFacts.of(settings.shop), settings.deliver.templates)
    for note in (*step_notes(settings, kind, rung), *language_notes(renderer, data)):
        err.print(f"note: {note}", highlight=False, soft_wrap=True)
