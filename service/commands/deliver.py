"""`churn-alert deliver`: sends what the programme has asked for; a command for each way out."""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from service.commands.console import counted, out, runs_until_stopped, settings_of
from service.config import Settings
from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.delivery.channel import Channel
    from service.delivery.links import Links
    from service.delivery.webhook import WebhookTarget

log = structlog.get_logger()

app = typer.Typer(no_args_is_help=True, help="Send what was decided: one way out a command, a process each.")


@app.callback()
def deliver() -> None:
    """Send what was decided: one way out a command, a process each."""


@app.command()
def smtp(ctx: typer.Context) -> None:
    """Send the requests of `outreach` as e-mail. Runs until stopped; start as many as there are partitions.

    Needs deliver.smtp.host and sender, deliver.public_url and deliver.unsubscribe_secret.
    """
    settings = settings_of(ctx)
    from service.delivery.smtp import SmtpChannel
    from service.message import Renderer, ShopFacts

    links = links_of(settings)
    renderer = Renderer(ShopFacts.of(settings.shop), settings.deliver.templates)
    channel = SmtpChannel(settings.deliver.smtp, renderer, links)
    renderer.check()  # a mistake in a template is told now, and not in the middle of the night
    raise typer.Exit(run(settings, channel, links))


def links_of(settings: Settings) -> Links:
    """Raises ConfigurationError where a link could not be made."""
    from service.delivery.links import Links

    deliver = settings.deliver
    if deliver.public_url is None:
        raise ConfigurationError(
            "deliver.public_url is not set: every mail carries a link by which it is unsubscribed from, so say where "
            "/unsubscribe is reached from outside, e.g. https://shop.example/news."
        )
    if deliver.unsubscribe_secret is None:
        raise ConfigurationError(
            "deliver.unsubscribe_secret is not set: it signs the unsubscribe links; give 16 characters or more, and keep it."
        )
    if deliver.public_url.startswith("http:"):
        log.warning("mail programs show their unsubscribe button only for https; see deliver.public_url")
    return Links(deliver.public_url, deliver.unsubscribe_secret, deliver.unsubscribe_secret_before)


def run(
    settings: Settings,
    channel: Channel,
    links: Links | None = None,
    *,
    way: str = "smtp",
    tells_cancelled: bool = False,
) -> int:
    """Any channel: waits for the broker, checks the topics and who else delivers, delivers until stopped. Returns the
    exit code.

    `way`: what the channel is, whatever its name; `tells_cancelled`: the channel passes on that a request is void.
    Raises ConfigurationError when the topics, the port or the group cannot be used.
    """
    # Nothing is in flight before the deliverer runs, also while it waits for a broker: stopping it then is a good end.
    runs_until_stopped()
    from service.cluster import topics
    from service.cluster.topic_rights import Part
    from service.delivery.addresses import Addresses
    from service.delivery.companions import Companion, refuse_to_join
    from service.delivery.customers import CustomersWriter, closed_after
    from service.delivery.events_page import ProviderEvents
    from service.delivery.metrics import DeliveryMetrics
    from service.delivery.process import Deliverer
    from service.delivery.remembered import refuse_foreign_topics
    from service.delivery.web import limits_of, serving_deliveries
    from service.streaming.restarts import pause_after_restart
    from service.web.port import take_port

    group = settings.deliver.group_of(settings.kafka.group, channel.name)
    listener = take_port(settings.deliver)  # a mistake there is told before anything waits for the broker
    pause_after_restart(settings, Part.DELIVER, log.warning, group)
    topics.make_added(settings, wait_s=math.inf, say=log.warning)
    found = topics.for_delivery(settings, wait_s=math.inf, say=log.warning, group=group)
    anew = refuse_foreign_topics(settings.kafka, group, channel.name, settings.deliver.begin_at)
    if anew:
        log.error("outreach was made anew; it is read from its beginning, and what was sent is not sent again")
    refuse_to_join(settings, group, Companion.of(settings, way), log.warning)
    writer, addresses, token = CustomersWriter(settings), Addresses(), settings.deliver.events_token

    def events_of(deliverer: Deliverer) -> ProviderEvents | None:
        if token is None:
            return None
        return ProviderEvents(token, addresses, writer, deliverer.know_customers, deliverer.metrics.provider_event)

    return Deliverer(
        settings,
        channel,
        DeliveryMetrics(channel.name),
        partitions=found.outreach,
        customer_partitions=found.customers,
        kept_us=max(0, found.kept_ms) * 1_000,
        on_bounce=writer.bounced,
        serve=closed_after(
            serving_deliveries(listener, limits_of(settings), links, writer.unsubscribed, events_of), writer.close
        ),
        on_customer=(lambda _word: None) if token is None else addresses.take,
        way=way,
        tells_cancelled=tells_cancelled,
        from_the_beginning=anew,
    ).run()


class Feed(StrEnum):
    """What can be posted."""

    OUTREACH = "outreach"
    SCORES = "customer-scores"
    NOTICES = "shop-notices"


@app.command()
def webhook(
    ctx: typer.Context,
    topic: Annotated[
        Feed,
        typer.Option(
            help="The requests and their cancellations, the newest scores of each customer, or what the shop is told of its numbers."
        ),
    ] = Feed.OUTREACH,
) -> None:
    """Post events to deliver.webhook.url, signed. Runs until stopped; start as many as there are partitions.

    Needs deliver.webhook.url and secret.
    """
    settings = settings_of(ctx)
    from service.delivery.letters import Letters
    from service.delivery.webhook import WebhookChannel, WebhookTarget

    target = settings.deliver.webhook
    if topic is Feed.NOTICES:
        if not settings.notices.thresholds:
            raise ConfigurationError(
                "notices.thresholds is empty: nobody says what the shop wants to be told of, and there is no topic to read."
            )
        raise typer.Exit(_run_feed(settings, WebhookTarget(target), settings.kafka.topics.shop_notices, "notices"))
    if topic is Feed.SCORES:
        raise typer.Exit(_run_feed(settings, WebhookTarget(target), settings.kafka.topics.customer_scores, "scores"))
    channel = WebhookChannel(target, WebhookTarget(target), Letters(settings.kafka, target.name))
    raise typer.Exit(run(settings, channel, way="webhook", tells_cancelled=True))


def _run_feed(settings: Settings, target: WebhookTarget, topic: str, what: str) -> int:
    runs_until_stopped()
    from service.cluster import topics
    from service.cluster.topic_rights import Part
    from service.delivery.companions import refuse_to_join
    from service.delivery.metrics import DeliveryMetrics
    from service.delivery.scores import ScoresFeed
    from service.delivery.web import limits_of, serving_scores
    from service.streaming.restarts import pause_after_restart
    from service.streaming.rights import hold_rights
    from service.web.port import take_port

    listener = take_port(settings.deliver)
    metrics = DeliveryMetrics(f"{settings.deliver.webhook.name}-{what}")
    serve = serving_scores(listener, limits_of(settings))
    feed = ScoresFeed(settings, target, metrics, serve, topic=topic, what=what)
    is_new = not pause_after_restart(settings, Part.FEED, log.warning, feed.group)
    topics.make_added(settings, wait_s=math.inf, say=log.warning)
    if is_new:
        hold_rights(settings, Part.FEED, log.warning, feed.group)
    refuse_to_join(settings, feed.group, feed.me, log.warning)
    return feed.run()


@app.command()
def letter(ctx: typer.Context) -> None:
    """Send the weekly letter to the shop as e-mail: the numbers of its week, and whom to call. Runs until stopped; one
    process is enough.

    Needs letter.enabled and letter.to, deliver.smtp.host and sender.
    """
    settings = settings_of(ctx)
    runs_until_stopped()
    from service.cluster import topics
    from service.cluster.topic_rights import Part
    from service.delivery.letter_post import CHANNEL, LetterPost
    from service.delivery.metrics import DeliveryMetrics
    from service.delivery.web import limits_of, serve_letter
    from service.streaming.rights import hold_rights
    from service.web.port import take_port

    metrics = DeliveryMetrics(CHANNEL)
    post = LetterPost(settings, metrics)  # a mistake in the settings is told before anything waits for the broker
    listener = take_port(settings.deliver)
    post.serve = lambda: serve_letter(listener, limits_of(settings), metrics, post.missing)
    topics.make_added(settings, wait_s=math.inf, say=log.warning)
    hold_rights(settings, Part.LETTER, log.warning)
    raise typer.Exit(post.run())


@app.command()
def retry(
    ctx: typer.Context,
    channel: Annotated[str | None, typer.Option(help="Only of this channel, e.g. webhook.")] = None,
) -> None:
    """Ask again for what has failed and lies in `dead-letters`, after the cause is repaired. Safe to repeat: what has
    been delivered since is not sent again."""
    settings = settings_of(ctx)
    from service.delivery.letters import ask_again

    asked = ask_again(settings, channel, time.time_ns() // 1_000)
    said = f"{counted(asked.again, 'request')} asked for again"
    if asked.expired:
        said += f"; {counted(asked.expired, 'letter')} left: expired"
    if asked.unreadable:
        said += f"; {counted(asked.unreadable, 'letter')} left: no request that can be sent again"
    out.print(f"{said}.", highlight=False)
