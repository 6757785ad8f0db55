"""`churn-alert preview`: a message as it would go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.kinds import Kind
from service.commands.console import err, out, settings_of
from service.commands.outreach import (
    LocaleOption,
    RungOption,
    checked,
    language_notes,
    made_up,
    part_of_language,
    step_notes,
)
from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.config import Settings

_SAMPLED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""Of a sample, which is the same whenever it is looked at."""


def preview(
    ctx: typer.Context,
    customer: Annotated[str | None, typer.Argument(help="The customer_id.", show_default=False)] = None,
    sample: Annotated[bool, typer.Option("--sample", help="A made-up customer; needs no broker.")] = False,
    kind: Annotated[
        Kind | None,
        typer.Option(
            help="Why they are written to; default: win_back for a regular and the sample, else second_visit.",
            show_default=False,
        ),
    ] = None,
    letter: Annotated[
        bool, typer.Option("--letter", help="The weekly letter to the shop, of a made-up week; needs no broker.")
    ] = False,
    rung: RungOption = "",
    locale: LocaleOption = None,
    html: Annotated[
        Path | None, typer.Option(help="File that the page is written to.", show_default=False, dir_okay=False)
    ] = None,
) -> None:
    """Show the message that a customer would get now: subject and text here, the page in a file.

    Nothing is sent and nothing is decided. Who would not be written to now is shown all the same, and why not is said.
    """
    if letter:
        if customer is not None or sample or kind is not None or rung:
            raise ConfigurationError("--letter is the letter to the shop itself: it takes no customer, kind or rung.")
        _show_letter(settings_of(ctx), locale, html)
        return
    if (customer is None) is not sample:
        raise ConfigurationError("Name a customer, or --sample for a made-up one: exactly one of the two.")
    from service.inspect.request import request_for
    from service.message import Renderer, ShopFacts
    from service.streaming.made_under import settings_of_the_state

    settings = settings_of(ctx)
    checked(rung, locale)
    if customer is not None:
        settings = settings_of_the_state(settings)
    renderer = Renderer(ShopFacts.of(settings.shop), settings.deliver.templates)
    if customer is None:
        data = made_up(settings, kind or Kind.WIN_BACK, rung, locale, None, "sample", _SAMPLED_AT)
    else:
        data = request_for(settings, customer, kind, rung, locale)
    url = f"{settings.deliver.public_url or 'https://shop.example'}/unsubscribe?token=preview"
    message = renderer.render(data, url)
    _keep(html, message.html)
    out.print(f"Subject: {message.subject}\n", highlight=False, soft_wrap=True)
    out.print(message.text, highlight=False, soft_wrap=True, end="")
    of_steps = step_notes(settings, Kind(data["kind"]), data["rung"])
    in_words = language_notes(renderer, data)
    for note in (*of_steps, *in_words, *_notes(settings, data, made_up_one=customer is None)):
        err.print(f"note: {note}", highlight=False, soft_wrap=True)
    if html is not None:
        err.print(f"The page is in {html}.", highlight=False, soft_wrap=True)


def _keep(html: Path | None, page: str) -> None:
    if html is not None:
        try:
            html.write_text(page, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{html} cannot be written: {error.strerror or error}.") from error


def _show_letter(settings: Settings, locale: str | None, html: Path | None) -> None:
    """The letter of a made-up week."""
    from service.letter.sample import sample_of
    from service.letter.writing import write
    from service.wording.languages import DEFAULT, LANGUAGES, language_of

    checked("", locale)
    written = write(sample_of(settings if locale is None else settings.changed(shop={"locale": locale})))
    _keep(html, written.html)
    out.print(f"Subject: {written.subject}\n", highlight=False, soft_wrap=True)
    out.print(written.text.rstrip(), highlight=False, markup=False, soft_wrap=True)
    spoken = (language_of(locale) or DEFAULT).code
    if locale is not None and spoken != part_of_language(locale):
        err.print(
            f"note: the letter is not written in {locale!r}, only in {' and '.join(LANGUAGES)}: it goes out in {spoken}.",
            highlight=False,
            soft_wrap=True,
        )
    if not settings.letter.enabled:
        err.print("note: letter.enabled is not set: no letter is sent.", highlight=False, soft_wrap=True)
    if html is not None:
        err.print(f"The page is in {html}.", highlight=False, soft_wrap=True)


def _notes(settings: Settings, data: Mapping[str, Any], *, made_up_one: bool) -> Iterator[str]:
    """What keeps this message from going out, or makes it a poor one."""
    consent = data["consent"]
    if not made_up_one:
        if consent["marketing_consent"] is False:
            yield "it would not go out: the customer has said no to marketing."
        elif consent["marketing_consent"] is None and consent["rule"] == "required":
            yield "it would not go out: nothing is known of a consent, and outreach.consent is required."
        if data["kind"] == Kind.WIN_BACK.value and data["current_gap_days"] < data["usual_gap_days"]:
            yield (
                f"it would not go out now: the customer was here {data['current_gap_days']:.1f} days ago and usually comes "
                f"every {data['usual_gap_days']:.1f}."
            )
        if settings.policy().outreach.shadow:
            yield "it would not go out: outreach.shadow decides everything and sends nothing."
        if (data["contact"] or {}).get("email") is None:
            yield "no e-mail address is known, or mail to it has bounced."
    for key, why in (
        ("name", "a message does not say whom it is from"),
        ("address", "a message does not say where the shop is"),
    ):
        if not getattr(settings.shop, key):
            yield f"shop.{key} is not set: {why}."
    if not settings.shop.url:
        yield "shop.url is not set: a message has no button."
