"""`churn-alert topics`: plans, creates and checks the Kafka topics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.console import counted, err, finite, out, say, settings_of, tell
from service.config import DEFAULT_PARTITIONS

if TYPE_CHECKING:
    from service.cluster.topic_review import Review

app = typer.Typer(no_args_is_help=True, help="Plan, create and check the Kafka topics.")


Partitions = Annotated[
    int | None,
    typer.Option(
        min=1, max=10_000, help=f"Of every input; default: as existing inputs have, else {DEFAULT_PARTITIONS}."
    ),
]
Replication = Annotated[int | None, typer.Option(min=1, max=1_000, help="Default: the broker's.")]


@app.command("plan")
def topics_plan(
    ctx: typer.Context,
    partitions: Partitions = None,
    replication: Replication = None,
    principal: Annotated[
        str | None,
        typer.Option(
            help="Whom the access list is for; default: User: and kafka.sasl_username, else a name to be replaced.",
            show_default=False,
        ),
    ] = None,
    acls: Annotated[bool, typer.Option("--acls", help="Only the access list, as commands for a shell.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
) -> None:
    """Show what there is, what `topics create` would do and why, and the least access that each part needs. Changes
    nothing, and needs no right to.

    What the broker does not let us see is said; where none answers, the plan is the one for an empty broker.
    """
    from service.cluster.topic_review import review
    from service.cluster.topic_rights import principal_of

    settings = settings_of(ctx)
    found = review(settings, partitions=partitions, replication=replication)
    given_to = principal or principal_of(settings.kafka)
    if as_json:
        from service.commands.topics_told import as_object

        sys.stdout.write(as_object(found, given_to) + "\n")
    elif acls:
        from service.commands.topics_told import access_commands

        out.print("\n".join(access_commands(found, given_to)), highlight=False, soft_wrap=True)
    else:
        _show(found, given_to)
    if found.failure is not None:
        raise found.failure


def _show(found: Review, principal: str) -> None:
    from service.commands.topics_told import access_lines, topic_lines

    for line in [*topic_lines(found), "", *access_lines(found, principal)]:
        out.print(line, highlight=False, soft_wrap=True)
    if found.failure is None:
        tell(err, [*found.problems, *found.warnings, *found.not_seen])


@app.command("create")
def topics_create(
    ctx: typer.Context,
    partitions: Partitions = None,
    replication: Replication = None,
    wait: Annotated[float, typer.Option(min=0, callback=finite, help="Seconds to wait for a broker.")] = 30.0,
) -> None:
    """Create what is missing; existing topics are left as they are."""
    from service.cluster import topics

    settings = settings_of(ctx)
    made = topics.create(settings, partitions=partitions, replication=replication, wait_s=wait, say=say)
    for one in made:
        state = "created" if one.created else "exists"
        out.print(
            f"{one.spec.name}: {state}, {counted(one.spec.partitions, 'partition')}, {one.spec.cleanup}",
            highlight=False,
        )
    if any(one.created for one in made) and max(one.spec.partitions for one in made) == 1:
        out.print(
            "With one partition one worker does all the work, and learns from all customers, which suits nearly every shop. "
            "For more workers than one say --partitions before there are events, or `churn-alert repartition` later.",
            highlight=False,
            soft_wrap=True,
        )
    if any(one.created for one in made):
        tell(err, topics.weaknesses(settings))


@app.command("check")
def topics_check(
    ctx: typer.Context,
    wait: Annotated[float, typer.Option(min=0, callback=finite, help="Seconds to wait for a broker.")] = 0.0,
) -> None:
    """Say what keeps a worker from running on these topics, and what names people longer than it should; exit code 1 if
    anything does, 75 if no broker answers.

    A sample of the keys of each input is looked at as well: who hashes unlike the others is named. What the loss of a
    broker would cost is a warning.
    """
    from service.cluster import topics

    warnings = list[str]()
    problems = topics.check(settings_of(ctx), wait_s=wait, say=say, warn=warnings.append, away=True)
    drifts = [] if problems else topics.drifts(settings_of(ctx))
    for problem in [*problems, *drifts]:
        err.print(problem, highlight=False, soft_wrap=True)
    if problems or drifts:
        raise typer.Exit(1)
    tell(err, warnings)
    notes = topics.where_keys_lie(settings_of(ctx))
    for note in notes:
        out.print(note, highlight=False, soft_wrap=True)
    out.print("A worker can run on these topics." if notes or warnings else "All topics are as they should be.")
