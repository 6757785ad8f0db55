"""`[kafka]`: where the brokers are, which topics, and what is asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from service.config.sections.section import WEB_ADDRESS, Addresses, RetentionDays, Seconds, Secret, Section, TopicName

DEFAULT_PARTITIONS = 1
"""What is learned from everybody is learned per partition: a small shop has enough regulars for one, and one is fast
enough."""


class TopicNames(Section):
    """Names of the public topics."""

    purchases: TopicName = "purchases"
    """Topic that purchases and refunds are read from."""
    surveys: TopicName = "surveys"
    """Topic that answers to surveys are read from."""
    customers: TopicName = "customers"
    """Topic that profiles, consents, erasures and merges are read from."""
    outreach: TopicName = "outreach"
    """Topic of what may be acted on now: requests and their cancellations."""
    outreach_decisions: TopicName = "outreach-decisions"
    """Topic of every decision with its reason."""
    customer_scores: TopicName = "customer-scores"
    """Compacted topic of the numbers of every customer."""
    period_metrics: TopicName = "period-metrics"
    """Compacted topic of the numbers of every period."""
    dead_letters: TopicName = "dead-letters"
    """Topic of the records that could not be accepted."""
    deliveries: TopicName = "deliveries"
    """Compacted topic of what has become of every message."""
    shop_notices: TopicName = "shop-notices"
    """Compacted topic of what the shop is told of its numbers, where `notices.thresholds` has any."""


_GAPS: Final = {"hold": "continue"}
"""As it was called before `continue` was known of other topics than inputs."""


class KafkaSettings(Section):
    bootstrap_servers: Addresses = "127.0.0.1:9092"
    """Where Kafka is: HOST:PORT, several of one cluster separated by commas; brokers of two are refused."""
    group: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$")] = "churn-alert"
    """Consumer group; also the prefix of the internal topics and of the transactional ids."""
    instance_id: str | None = None
    """Static member id, different for each worker. With it a crashed worker is back in seconds without a rebalance. A
    second worker with the same one ends before it joins, with a sentence that names the other."""
    topics: TopicNames = TopicNames()
    """Names of the public topics."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to connect: with TLS or without, with a login (SASL) or without."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """How to log in, where the protocol is one with SASL."""
    sasl_username: str | None = None
    """Name to log in with."""
    sasl_password: Secret | None = None
    """Password to log in with; better set by a file of its own or the environment than in the settings' file."""
    ssl_cafile: Path | None = None
    """File of the authorities that may have signed the broker's certificate, in PEM format. Unset: those of the
    system."""
    allow_plaintext_credentials: bool = False
    """SASL_PLAINTEXT sends the password readable; it must be asked for."""
    session_timeout_s: Seconds = 30.0
    """Seconds without a heartbeat after which the group takes a worker for dead."""
    heartbeat_interval_s: Seconds = 3.0
    """Seconds between two heartbeats; at most a third of the session timeout."""
    rebalance_timeout_s: Seconds = 60.0
    """Seconds that a worker has to give up its partitions when the group divides them anew."""
    fetch_bytes: Annotated[int, Field(ge=65_536, le=64 << 20)] = 2 << 20
    """Largest fetch per partition; also the size of a turn. More is faster and less even."""
    unpacked_bytes: Annotated[int, Field(ge=1 << 20, le=256 << 20)] = 32 << 20
    """Bytes that one compressed batch may hold, and that are unpacked at once; above 4 MiB no more than 1,000 times
    what it takes packed. Of a batch that holds more what fits is read, and the rest is set aside by reference."""
    buffer_records: Annotated[int, Field(ge=100, le=10_000_000)] = 40_000
    """Records buffered per input partition before its fetching pauses."""
    buffer_bytes: Annotated[int, Field(ge=1 << 20, le=4 << 30)] = 64 << 20
    """Bytes of batches, unpacked, that are buffered and not committed per input partition before its fetching
    pauses."""
    on_gap: Annotated[Literal["stop", "continue"], BeforeValidator(lambda given: _GAPS.get(given, given))] = "stop"
    """When records of a topic were lost before they were read, or a topic was made anew: `stop`, so that somebody looks
    before anything is decided without them, or `continue`, and hold the absences of everybody who may have bought among
    them for one more usual gap of theirs."""
    transaction_timeout_s: Seconds = 10.0
    """Seconds after which the broker ends a transaction that a dead worker has left open."""
    request_timeout_s: Seconds = 15.0
    """Seconds to wait for an answer of the broker."""
    partitioner: Literal["auto", "murmur2", "crc32", "fnv1a"] = "auto"
    """How the producers of the inputs turn a customer_id into a partition: murmur2 (Java, kafka-python), crc32
    (librdkafka, .NET, Ruby, PHP), fnv1a (sarama). `auto` finds it from the first records and then keeps it. A record
    that lies elsewhere is carried to the partition it belongs to."""

    outreach_retention_days: RetentionDays = 30
    """How long `outreach`, which names people, keeps its records: longer than any request stays valid. `topics create`
    sets it, `topics check` names a topic that is kept otherwise. A broker deletes whole segments, a thirtieth of this
    time each: so much later at most a record is gone."""
    decisions_retention_days: RetentionDays = 400
    """The same of `outreach-decisions`: an audit asks about last year."""
    dead_letters_retention_days: RetentionDays = 365
    """The same of `dead-letters`: somebody has to notice, repair and replay them."""
    compaction_lag_days: RetentionDays = 7
    """After this time compaction has removed what was erased or replaced in the compacted topics that name people."""
    inputs_retention_days: RetentionDays = 90
    """How long `purchases`, `surveys` and `customers` keep their records, and what carries them between partitions: the
    longest outage that a worker can catch up from. The state itself lies elsewhere. `topics check` names an input that
    is kept longer; shorter is the shop's own affair."""
    ssl_certfile: Path | None = None
    """File of the certificate that we show to the broker, in PEM format, with those between it and its authority. For
    brokers that ask for one (mutual TLS)."""
    ssl_keyfile: Path | None = None
    """File of its private key, in PEM format. Unset: the key is in ssl_certfile too."""
    ssl_key_password: Secret | None = None
    """Password of the private key, where it is encrypted."""
    ssl_key_password_file: Path | None = None
    """File that holds ssl_key_password."""
    sasl_password_file: Path | None = None
    """File that holds sasl_password. It is read again for every new client: change it, and the password changes."""
    oauth_token_file: Path | None = None
    """With OAUTHBEARER: file that holds the token, and is read again for every login. Whoever writes it keeps it
    fresh, as Kubernetes does for a projected token."""
    oauth_token_url: Annotated[str, Field(max_length=2_000)] | None = None
    """With OAUTHBEARER: where tokens are fetched with oauth_client_id and oauth_client_secret, by the grant
    client_credentials."""
    oauth_client_id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Name of this client at oauth_token_url."""
    oauth_client_secret: Secret | None = None
    """Secret of this client at oauth_token_url."""
    oauth_client_secret_file: Path | None = None
    """File that holds oauth_client_secret."""
    oauth_scope: Annotated[str, Field(max_length=1_000)] | None = None
    """Scope that is asked for at oauth_token_url, where it wants one."""
    oauth_audience: Annotated[str, Field(max_length=1_000)] | None = None
    """Audience that is asked for at oauth_token_url, where it wants one."""
    oauth_cafile: Path | None = None
    """File of the authorities that may have signed the certificate of oauth_token_url. Unset: those of the system."""
    oauth_aws_region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,50}$")] | None = None
    """With OAUTHBEARER: region of an Amazon MSK cluster with IAM. Tokens are signed with the credentials that every
    program of AWS finds (variables, profile, role). Needs the extra `msk` of this package."""
    oauth_extensions: Annotated[dict[str, str], Field(max_length=20)] = {}
    """Further words to the broker beside the token, such as logicalCluster and identityPoolId."""

    @field_validator("oauth_token_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and WEB_ADDRESS.fullmatch(url) is None:
            raise ValueError(f"{url[:100]!r} is no web address such as https://login.example/oauth2/token")
        return url

    @field_validator("oauth_extensions")
    @classmethod
    def _are_words(cls, extensions: dict[str, str]) -> dict[str, str]:
        """RFC 7628, 3.1: letters to each name, and no control character in a value."""
        for name, value in extensions.items():
            if not (name.isascii() and name.isalpha() and name.lower() != "auth" and value.isprintable()):
                raise ValueError(f"{name[:40]!r} is no name of letters, other than auth, with a printable value")
        return extensions

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        oauth = self.security_protocol.startswith("SASL") and self.sasl_mechanism == "OAUTHBEARER"
        password = self.security_protocol.startswith("SASL") and not oauth
        if password and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        if password and "\0" in (self.sasl_username or ""):
            raise ValueError("sasl_username holds a NUL character")
        if oauth:
            self._tokens_come_from_somewhere()
        self._tls_is_used()
        if self.security_protocol == "SASL_PLAINTEXT" and not self.allow_plaintext_credentials:
            raise ValueError(
                "SASL_PLAINTEXT would send the password readable; use SASL_SSL or set allow_plaintext_credentials = true"
            )
        if self.heartbeat_interval_s * 3 > self.session_timeout_s:
            raise ValueError("heartbeat_interval_s must be at most a third of session_timeout_s")
        return self

    def _tokens_come_from_somewhere(self) -> None:
        sources = ("oauth_token_file", "oauth_token_url", "oauth_aws_region")
        if sum(getattr(self, name) is not None for name in sources) != 1:
            raise ValueError(
                "sasl_mechanism OAUTHBEARER needs one source of tokens: oauth_token_file, oauth_token_url or "
                "oauth_aws_region"
            )
        if self.oauth_token_url is None:
            return
        if not (self.oauth_client_id and self.oauth_client_secret):
            raise ValueError("oauth_token_url needs oauth_client_id and oauth_client_secret")
        if self.oauth_token_url.lower().startswith("http:") and not self.allow_plaintext_credentials:
            raise ValueError(
                "oauth_token_url without TLS would send the secret readable; use https or set "
                "allow_plaintext_credentials = true"
            )

    def _tls_is_used(self) -> None:
        """Who names a certificate expects TLS, and must not be left in plain text."""
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError("ssl_keyfile is the key of a certificate: name that in ssl_certfile")
        for name in ("ssl_cafile", "ssl_certfile"):
            if getattr(self, name) is not None and self.security_protocol not in {"SSL", "SASL_SSL"}:
                raise ValueError(
                    f"{name} is set, and security_protocol {self.security_protocol} is without TLS: set SSL or SASL_SSL"
                )

    @property
    def state_topic(self) -> str:
        return f"{self.group}-state"

    @property
    def ledger_topic(self) -> str:
        return f"{self.group}-ledger"

    @property
    def carried_topic(self) -> str:
        return f"{self.group}-carried"
