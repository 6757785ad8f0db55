"""`churn-alert state` and `churn-alert repartition`: carry what a group knows, or take it away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.console import counted, err, out, progress, settings_of

if TYPE_CHECKING:
    from service.carrying.writing import OnProgress

app = typer.Typer(no_args_is_help=True, help="Export, import or reset what a group knows.")


class From(StrEnum):
    """Where an input is begun."""

    BEGINNING = "beginning"
    END = "end"


Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("export")
def state_export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.", dir_okay=False)],
) -> None:
    """Write all that the group knows to a file: customers, dates, what was learned, numbers, positions.

    The workers must be stopped. The file names persons: only its owner may read it, and it is to be kept, and deleted,
    like the topics themselves.
    """
    from service.carrying.exporting import export_state

    with _told() as on_progress:
        written = export_state(settings_of(ctx), file, on_progress)
    out.print(
        f"{counted(written.records, 'record')} are in {file} ({written.bytes:,} bytes), which names persons: only its owner "
        "may read it.",
        highlight=False,
        soft_wrap=True,
    )


@app.command("import")
def state_import(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `state export` has written.", dir_okay=False)],
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help="A multiple of the file's; default: as existing inputs have, else as the file."
        ),
    ] = None,
    read_from: Annotated[
        From | None,
        typer.Option(help="Where inputs are begun that are others than the state was made from, and hold records."),
    ] = None,
) -> None:
    """Read a file into this group, which must know nothing yet; missing topics are created.

    Nothing is written where it could not be exact.
    """
    from service.carrying.importing import import_state

    settings = settings_of(ctx)
    with _told() as on_progress:
        moved = import_state(
            settings,
            file,
            partitions=partitions,
            read_from=None if read_from is None else read_from.value,
            on_progress=on_progress,
        )
    out.print(
        f"{counted(moved.records, 'record')} in {counted(moved.partitions, 'partition')}: group {settings.kafka.group} goes "
        "on from there.",
        highlight=False,
        soft_wrap=True,
    )
    for note in moved.notes:
        out.print(note, highlight=False, soft_wrap=True)


@app.command("reset")
def state_reset(
    ctx: typer.Context,
    remove: Annotated[
        bool, typer.Option("--remove", help="For good: leave no internal topic and no consumer group.")
    ] = False,
    outputs: Annotated[
        bool, typer.Option("--outputs", help="Delete the output topics too, what was delivered among them.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Forget all that the group knows: its workers read their inputs from the beginning, and decide under the same ids.

    The inputs stay. What was delivered is remembered in `deliveries`, so nothing goes out twice, unless --outputs
    deletes that as well.
    """
    from service.carrying.resetting import reset_state

    settings = settings_of(ctx)
    what = "the state" + (" and the outputs" if outputs else "")
    if not yes and not typer.confirm(f"Delete {what} of group {settings.kafka.group!r} for good?"):
        raise typer.Exit(1)
    gone = reset_state(settings, remove=remove, outputs=outputs)
    for each in gone:
        out.print(f"{each}: deleted", highlight=False, soft_wrap=True)
    out.print(
        "Nothing was there."
        if not gone
        else "Nothing is left of it."
        if remove
        else "The workers begin at the beginning.",
        highlight=False,
    )


def repartition(
    ctx: typer.Context,
    partitions: Annotated[int, typer.Argument(min=2, max=10_000, help="A multiple of the present number.")],
    to_group: Annotated[str, typer.Option(help="The new kafka.group, which must know nothing yet.")],
    yes: Yes = False,
) -> None:
    """Give the topics more partitions, and a new group the state, divided over them.

    Producers, workers and deliverers must be stopped, and everything be applied: who works or waits is named. Kafka
    takes no partition away again.
    """
    from service.carrying.repartitioning import repartition as divide_over

    settings = settings_of(ctx)
    if not yes and not typer.confirm(
        f"Give the topics of group {settings.kafka.group!r} {partitions} partitions, which cannot be taken back?"
    ):
        raise typer.Exit(1)
    with _told() as on_progress:
        moved = divide_over(settings, partitions, to_group, on_progress)
    for note in moved.notes:
        out.print(note, highlight=False, soft_wrap=True)
    out.print(
        f'{counted(moved.records, "record")} in {moved.partitions} partitions. Set kafka.group = "{to_group}" for workers, '
        "deliverers and commands, start them, then the producers; when all is well, `churn-alert state reset --remove` with "
        f"the old group takes {settings.kafka.group} away.",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _told() -> Iterator[OnProgress]:
    """A bar where somebody looks."""
    with progress(err) as bar:
        tasks: dict[str, object] = {}

        def on_progress(what: str, done: int, of: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done)  # type: ignore[arg-type]  # an int that rich names otherwise

        yield on_progress
