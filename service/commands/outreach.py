"""`churn-alert outreach`: what an operator may say to it."""

from __future__ import annotations

import typer

from service.commands.console import counted, out, settings_of

app = typer.Typer(no_args_is_help=True, help="Say what may go out.")


@app.callback()
def outreach() -> None:
    """Say what may go out."""


@app.command()
def resume(ctx: typer.Context) -> None:
    """Let go what the brake holds (reason `surge`), spread over time; for a week it holds nothing.

    Only when so many regulars are quiet indeed: look first for purchases that do not arrive.
    """
    from service.streaming.operator import resume_outreach

    told = resume_outreach(settings_of(ctx))
    out.print(f"{counted(told, 'partition')} told: what is held goes out, spread over time.", highlight=False)
