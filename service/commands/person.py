"""`churn-alert forget` and `churn-alert export`: what one person may ask of the shop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from service.commands.console import err, out, settings_of
from service.errors import ConfigurationError, ExitCode

CustomerArgument = Annotated[str, typer.Argument(help="The customer_id.")]


def forget(
    ctx: typer.Context,
    customer: CustomerArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase one customer for good: everything known of them, under every id; later events of theirs are refused.

    Period totals, in which nobody can be found, stay. What the topics hold beside goes as they are kept: by their
    retention, and by compaction.
    """
    from service.streaming.operator import erase_customer

    settings = settings_of(ctx)
    if not customer.strip():
        raise ConfigurationError("The customer_id is empty: say who is to be erased.")
    if not yes and not typer.confirm(f"Erase customer {customer!r} for good?"):
        raise typer.Exit(1)
    topic = erase_customer(settings, customer)
    out.print(
        f"The erasure of {customer} is in {topic}; the worker does the rest.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def export(
    ctx: typer.Context,
    customer: CustomerArgument,
    to: Annotated[Path | None, typer.Option("--to", help="File to write; default: here.", dir_okay=False)] = None,
) -> None:
    """Show all that is held of one customer, from every topic, as one JSON document.

    It takes as long as the topics are large.
    """
    from service.inspect.person import export_person
    from service.streaming.made_under import settings_of_the_state

    settings = settings_of_the_state(settings_of(ctx))
    found = export_person(settings, customer)
    held = msgspec.json.format(msgspec.json.encode(found), indent=2)
    nobody = not any(value for name, value in found.items() if name not in {"customer_id", "as_of"})
    if to is None:
        out.print(held.decode(), highlight=False, markup=False, soft_wrap=True)
    else:
        try:
            to.write_bytes(held + b"\n")
        except OSError as error:
            raise ConfigurationError(f"{to} cannot be written: {error.strerror or error}.") from error
    if nobody:
        err.print(f"Nothing is held of {customer!r}: is the id right?", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.FAILED)
    if to is not None:
        err.print(f"All that is held of {customer} is in {to}.", highlight=False, markup=False, soft_wrap=True)
