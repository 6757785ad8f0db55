"""`churn-alert topics`: creates and checks the Kafka topics."""

from __future__ import annotations

from typing import Annotated

import typer

from service.commands.console import counted, err, finite, out, say, settings_of
from service.config import DEFAULT_PARTITIONS

app = typer.Typer(no_args_is_help=True, help="Create and check the Kafka topics.")


@app.command("create")
def topics_create(
    ctx: typer.Context,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help=f"Of every input; default: as existing inputs have, else {DEFAULT_PARTITIONS}."
        ),
    ] = None,
    replication: Annotated[int | None, typer.Option(min=1, max=1_000, help="Default: the broker's.")] = None,
    wait: Annotated[float, typer.Option(min=0, callback=finite, help="Seconds to wait for a broker.")] = 30.0,
) -> None:
    """Create what is missing; existing topics are left as they are."""
    from service.cluster import topics

    made = topics.create(settings_of(ctx), partitions=partitions, replication=replication, wait_s=wait, say=say)
    for one in made:
        state = "created" if one.created else "exists"
        out.print(
            f"{one.spec.name}: {state}, {counted(one.spec.partitions, 'partition')}, {one.spec.cleanup}",
            highlight=False,
        )
    if any(one.created for one in made) and max(one.spec.partitions for one in made) == 1:
        out.print(
            "With one partition one worker does all the work, and learns from all customers, which suits a shop of up to "
            "some thousand regulars. For more workers say --partitions before there are events, or `churn-alert repartition` "
            "later.",
            highlight=False,
            soft_wrap=True,
        )


@app.command("check")
def topics_check(
    ctx: typer.Context,
    wait: Annotated[float, typer.Option(min=0, callback=finite, help="Seconds to wait for a broker.")] = 0.0,
) -> None:
    """Say what keeps a worker from running on these topics, and what names people longer than it should; exit code 1 if
    anything does.

    A sample of the keys of each input is looked at as well: who hashes unlike the others is named.
    """
    from service.cluster import topics

    problems = topics.check(settings_of(ctx), wait_s=wait, say=say)
    drifts = [] if problems else topics.drifts(settings_of(ctx))
    for problem in [*problems, *drifts]:
        err.print(problem, highlight=False, soft_wrap=True)
    if problems or drifts:
        raise typer.Exit(1)
    notes = topics.where_keys_lie(settings_of(ctx))
    for note in notes:
        out.print(note, highlight=False, soft_wrap=True)
    out.print("A worker can run on these topics." if notes else "All topics are as they should be.")
