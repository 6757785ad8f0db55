"""`[deliver]`: how messages leave the house."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from service.config.sections.section import LongSecret, Seconds, Secret, Section, WebRoot, is_mailbox


class SmtpSettings(Section):
    """The mail server that `churn-alert deliver smtp` hands its messages to."""

    host: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Name of the mail server."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Unset: 587, or 465 with `tls`, or 25 with `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """STARTTLS, TLS from the first byte, or neither: a server that does not offer what is set gets no message."""
    username: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Name to log in with; unset: no login."""
    password: Secret | None = None
    """Password to log in with; better set by a file of its own or the environment than in the settings' file."""
    password_file: Path | None = None
    """File that holds password."""
    allow_plaintext_credentials: bool = False
    """Without TLS the password would be readable; it must be asked for."""
    ca_file: Path | None = None
    """Certificates in PEM format of those who may have signed the server's; unset: those that the machine trusts."""
    sender: Annotated[str, Field(min_length=3, max_length=500)] | None = None
    """From: an address, or a name and an address such as Café Anna <hello@cafe-anna.example>."""
    reply_to: Annotated[str, Field(min_length=3, max_length=500)] | None = None
    """Address that answers go to; empty: the sender's."""
    connections: Annotated[int, Field(ge=1, le=100)] = 8
    """Connections to the mail server at once."""
    timeout_s: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 30.0
    """What one answer of the server may take; then the line is cut and the message is tried again."""

    @field_validator("sender", "reply_to")
    @classmethod
    def _is_one_mailbox(cls, text: str | None) -> str | None:
        if text is not None and not is_mailbox(text):
            raise ValueError(f"{text[:100]!r} is no address such as Café Anna <hello@cafe-anna.example>")
        return text

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together: set both or neither")
        if self.password is not None and self.security == "none" and not self.allow_plaintext_credentials:
            raise ValueError(
                "security none would send the password readable; use starttls or tls, or set allow_plaintext_credentials = true"
            )
        return self

    @property
    def real_port(self) -> int:
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class WebhookSettings(Section):
    """The target that `churn-alert deliver webhook` posts its events to."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None
    """Where to, e.g. https://crm.example/hooks/churn-alert. Redirects are not followed, proxies not used."""
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] = "webhook"
    """Of this way out, in groups, records and metrics. For a second target start a second process with another name:
    each name gets every event and remembers by itself."""
    secret: Secret | None = None
    """Key of the signatures: whsec_ and the base64 of 24 to 64 bytes. While it is changed two, the new one first, with
    a space between."""
    secret_file: Path | None = None
    """File that holds secret."""
    unsigned: bool = False
    """For a receiver that cannot check signatures, such as Slack."""
    authorization: Secret | None = None
    """Sent as the header Authorization, e.g. Bearer and a token, where the receiver asks for one."""
    authorization_file: Path | None = None
    """File that holds authorization."""
    template: Literal["cloudevent", "plain", "slack"] = "cloudevent"
    """The body: the event as it is, one flat JSON object, or a message for a Slack channel."""
    allow_http: bool = False
    """Without TLS everybody on the way can read names and addresses; it must be asked for."""
    allow_private: bool = False
    """Whether a target inside this machine or network may be posted to: loopback, private, link-local and the like."""
    ca_file: Path | None = None
    """Certificates in PEM format of those who may have signed the target's; unset: those that the machine trusts."""
    connections: Annotated[int, Field(ge=1, le=1_000)] = 64
    """Connections to the target at once."""
    connect_timeout_s: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 5.0
    """Seconds until a connection to the target has to stand."""
    timeout_s: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 20.0
    """What one attempt may take in all."""
    give_up_after_s: Annotated[float, Field(gt=0, le=30 * 86_400, allow_inf_nan=False)] = 86_400.0
    """After the first attempt; then it is a dead letter. A request that expires before is not tried to its end."""
    break_after: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Failures in a row after which the target is left alone, and then asked again with one message."""
    break_first_s: Seconds = 5.0
    """Seconds for which the target is left alone at first."""
    break_longest_s: Seconds = 300.0
    """How long it is left alone: it doubles from the first to the longest."""

    @field_validator("authorization")
    @classmethod
    def _can_be_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _HEADER_TEXT.fullmatch(value.get_secret_value()) is None:
            raise ValueError("a header holds printable ASCII, without a space at its ends")
        return value

    @model_validator(mode="after")
    def _pauses_grow(self) -> Self:
        if not 0 < self.break_first_s <= self.break_longest_s:
            raise ValueError("break_longest_s must be at least break_first_s, and that above 0")
        return self


class DeliverSettings(Section):
    """The delivery processes, `churn-alert deliver …`."""

    group: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$")] | None = None
    """Consumer group and prefix of the transactional ids; unset: kafka.group with `-deliver`."""
    begin_at: Literal["earliest", "latest"] = "earliest"
    """Where a group begins that has never delivered: with all that is still valid, or with what comes from now on."""
    per_second: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None
    """At most so many messages a second, of all processes together, evenly spread; unset: as fast as the other side
    takes them."""
    in_flight: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Messages of one partition that may be begun without an end on record: so many a crash can make come twice."""
    waiting: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Requests of one partition that are held in memory, back-off included; then reading pauses."""
    retry_first_s: Seconds = 5.0
    """Seconds before the first repetition of what failed for a while."""
    retry_longest_s: Seconds = 3_600.0
    """Pauses between attempts double from the first to the longest, until the request expires."""
    public_url: WebRoot | None = None
    """Where the unsubscribe page is reached from outside, e.g. https://shop.example/news; links are made with it."""
    unsubscribe_secret: LongSecret | None = None
    """Secret (16 characters or more) that signs the unsubscribe links. Whoever changes it says the one before in
    unsubscribe_secret_before, or the links in mails that were sent are no longer taken."""
    unsubscribe_secret_file: Path | None = None
    """File that holds unsubscribe_secret."""
    unsubscribe_secret_before: LongSecret | None = None
    """The secret that signed before this one: its links in mails that were sent are still taken, and it makes no new
    ones."""
    unsubscribe_secret_before_file: Path | None = None
    """File that holds unsubscribe_secret_before."""
    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """Address on which health and metrics are served."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8089
    """Of probes, metrics and the unsubscribe page."""
    smtp: SmtpSettings = SmtpSettings()
    """The mail server."""
    templates: Path | None = None
    """Folder of the shop's own message templates, each in the place of one that ships; unset: there are none."""
    webhook: WebhookSettings = WebhookSettings()
    """The target of `deliver webhook`."""
    events_token: LongSecret | None = None
    """Token (16 characters or more) asked for by /delivery/events, where mail providers post what came back. Unset:
    there is no such path."""
    events_token_file: Path | None = None
    """File that holds events_token."""

    @model_validator(mode="after")
    def _pauses_grow(self) -> Self:
        if self.retry_longest_s < self.retry_first_s:
            raise ValueError("retry_longest_s must be at least retry_first_s")
        return self

    def group_of(self, kafka_group: str, channel: str) -> str:
        """A channel of its own has a group of its own: each of them gets every request."""
        base = self.group or f"{kafka_group}-deliver"
        return base if channel == "smtp" else f"{base}-{channel}"
