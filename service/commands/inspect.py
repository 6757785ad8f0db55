"""`churn-alert inspect`: one customer, as the worker knows them."""

from __future__ import annotations

from typing import Annotated

import typer

from service.commands.console import out, settings_of


def inspect(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer_id.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show one customer: history, today's judgement and curve, the next dates. Zone and currency are those of the
    state."""
    from service.inspect.sheet import show_customer
    from service.streaming.made_under import settings_of_the_state

    show_customer(settings_of_the_state(settings_of(ctx)), customer, out, as_json=as_json)
