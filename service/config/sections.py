"""The sections of the configuration, each setting with its bounds and its default."""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.numbers import get_currency_precision
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    field_validator,
    model_validator,
)

from service.config.kinds import (
    DelightSettings,
    FeedbackSettings,
    FollowUpSettings,
    MilestoneSettings,
    RecoverySettings,
)
from service.config.secret_files import with_secrets_of_files
from service.domain import occasion_policy, policy
from service.domain.calendar import SECOND_US, Calendar
from service.domain.findings import Kind
from service.domain.written_to import LONGEST_DAYS, MOST

DEFAULT_CONTROL_SHARE = 0.1
"""In a live shop. Less, and it takes years until it can be told what messages bring; more, and many regulars are not
asked back."""
CONFIG_VARIABLE = "CHURN_ALERT_CONFIG"
ENV_PREFIX = "CHURN_ALERT_"

BESIDE_THE_SETTINGS = frozenset(
    {
        "CHURN_ALERT_CACHE",
        "CHURN_ALERT_COMPILE",
        "CHURN_ALERT_TESTS_RUN",
        "CHURN_ALERT_TEST_BROKER",
        "CHURN_ALERT_TEST_LOGS",
    }
)
"""Variables with the prefix that belong to the machine and set nothing."""
SMALLEST_RATE, LARGEST_RATE = Decimal("0.000000001"), Decimal(1_000_000_000)
"""Between any two currencies that people pay with; beyond, the rate is a mistake."""
SHORTEST_SECRET = 16
"""Characters of a secret that somebody may guess at: whoever holds the token reads personal data."""


def _no_mask(secret: SecretStr) -> SecretStr:
    """Refuses what a printed secret looks like, and what no environment variable can carry."""
    text = secret.get_secret_value()
    if text and not text.strip("*"):
        raise ValueError("consists of asterisks only, which is how a secret is shown: give the secret itself")
    if "\0" in text:
        raise ValueError("holds a NUL character, which no environment variable can")
    return secret


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().strip()) < SHORTEST_SECRET:
        raise ValueError(f"needs at least {SHORTEST_SECRET} characters that are not blank; leave it out to have none")
    return secret


def _in_a_header(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("may hold only printable ASCII characters and no spaces: it is sent in an HTTP header")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_no_mask)]
LongSecret = Annotated[SecretStr, AfterValidator(_long_enough), AfterValidator(_no_mask)]
Token = Annotated[SecretStr, AfterValidator(_long_enough), AfterValidator(_no_mask), AfterValidator(_in_a_header)]

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""Up to a day: what a connection waits for."""
Days = Annotated[float, Field(gt=0, le=36_525, allow_inf_nan=False)]
"""Up to a century; the engine counts in microseconds, and they must fit."""


RetentionDays = Annotated[int, Field(ge=1, le=3_660)]


def _addresses(text: str) -> str:
    for address in text.split(","):
        host, colon, port = address.strip().rpartition(":")
        if not (host and colon and port.isdecimal() and port.isascii() and 0 < int(port[:9]) <= 65_535):
            raise ValueError(f"{address.strip()[:100]!r} is not HOST:PORT; several are separated by commas")
    return text


Addresses = Annotated[str, Field(max_length=2_000), AfterValidator(_addresses)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")]
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
DEFAULT_PARTITIONS = 1
"""What is learned from everybody is learned per partition: a small shop has enough regulars for one, and one is fast
enough."""


_HOST = r"^(\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?)$"
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:\[\]-]+(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?", re.ASCII)
_MAILBOX = re.compile(r"[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]+@[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]+")


def is_mailbox(text: str) -> bool:
    """Whether it is one address, alone or behind a name, as it may stand in a header."""
    if not text.isprintable():
        return False
    name, address = parseaddr(text)
    alone = not name and address == text.strip()
    return _MAILBOX.fullmatch(address) is not None and (alone or text.rstrip().endswith(f"<{address}>"))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def _with_secrets_of_files(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return with_secrets_of_files(cls, given, handler)


class TopicNames(_Section):
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


class KafkaSettings(_Section):
    bootstrap_servers: Addresses = "127.0.0.1:9092"
    """Where Kafka is: HOST:PORT, several separated by commas."""
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
        if url is not None and _WEB_ADDRESS.fullmatch(url) is None:
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


class ShopSettings(_Section):
    timezone: Annotated[str, Field(max_length=100)] = "UTC"
    """IANA time zone of the shop, whose local days are those of every number."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of the currency of every amount that goes out."""
    rates: dict[str, Decimal] = {}
    """Units of the shop's currency for one unit of another, e.g. USD = "0.92"."""
    regular_min_visits: Annotated[int, Field(ge=2, le=50)] = 4
    """Visits that make a regular. 4 are three gaps, the least from which a rhythm can be told."""
    history_days: Annotated[int, Field(ge=765, le=4000)] = 765
    """Days for which a late event still changes the numbers of its period; 765 keep a rolling year and the one before
    it exact."""
    erasure_salt: LongSecret | None = None
    """Secret (16 characters or more) that keys the hashes by which erased customers are kept out, and that of the
    control group. Without it nobody can be erased: such a record is a dead letter (`no_erasure_key`), since whoever
    guesses the key could look for a customer among the hashes. Change it and erased customers are no longer
    recognised, and others are in the control group."""
    erasure_salt_file: Path | None = None
    """File that holds erasure_salt."""
    max_lifespan_years: Annotated[float, Field(gt=0, le=100)] = 10.0
    """Years at which the lifespan in the customer lifetime value is cut off, and its value where nobody leaves."""
    industry: policy.Industry = policy.Industry.NONE
    """Whose usual retention stands beside the shop's on the page; none = those of all."""
    day_starts_at: str = "00:00"
    """What the shop's clock shows when its day begins, for visits, periods and reports alike. A bar says 05:00: what it
    sells at one in the morning belongs to the evening before. A backtest suggests an hour where evenings are cut in
    two."""

    name: Annotated[str, Field(max_length=200)] = ""
    """What customers call the shop; every message names it."""
    address: Annotated[str, Field(max_length=500)] = ""
    """Where it is, for the foot of every message; lines are separated by commas or line breaks."""
    url: Annotated[str, Field(max_length=2_000)] = ""
    """Where the button of a message leads; empty: there is none."""
    feedback_url: Annotated[str, Field(max_length=2_000)] = ""
    """Where a message that asks for an opinion leads, `{customer_id}` and `{decision_id}` filled in; empty: to
    `url`."""
    locale: Annotated[str, Field(max_length=35)] = "en"
    """BCP 47: the shop's own language, and that of messages to customers whose language is not known or does not
    ship."""
    store_timezones: Annotated[dict[str, str], Field(max_length=10_000)] = {}
    """IANA time zone of a store, by the store_id (or channel) of its purchases, where it is another than the shop's:
    quiet hours go by it for customers whose own zone is not known."""

    @field_validator("name", "address")
    @classmethod
    def _one_text(cls, text: str) -> str:
        """It stands in subject lines and headers; a line break would end them."""
        lines = [" ".join(line.split()) for line in text.splitlines()]
        return ", ".join([line for line in lines if line])

    @field_validator("url", "feedback_url")
    @classmethod
    def _a_link(cls, url: str) -> str:
        url = url.strip()
        if url and not _LINK.fullmatch(url):
            raise ValueError(f"{url[:100]!r} is not a link such as https://cafe.example/order")
        return url

    @field_validator("locale")
    @classmethod
    def _a_locale(cls, name: str) -> str:
        if not _LOCALE.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is not a BCP 47 language such as en or fr-FR")
        return name

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Paris") from None
        return name

    @field_validator("store_timezones")
    @classmethod
    def _zones_exist(cls, zones: dict[str, str]) -> dict[str, str]:
        for name in zones.values():
            cls._zone_exists(name)
        return zones

    @field_validator("day_starts_at", mode="before")
    @classmethod
    def _hour_and_minute(cls, given: object) -> object:
        """TOML has clock times of its own."""
        if isinstance(given, time) and not (given.second or given.microsecond):
            return given.isoformat("minutes")
        if not isinstance(given, str) or not _CLOCK_TIME.fullmatch(given):
            raise ValueError(f"{str(given)[:20]!r} is not a time of the day such as 05:00")
        return given

    @field_validator("rates")
    @classmethod
    def _rates_positive(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        for code, rate in rates.items():
            if len(code) != 3 or not code.isascii() or not code.isupper():
                raise ValueError(f"{code!r} is not an ISO 4217 code such as USD")
            if not rate.is_finite() or not SMALLEST_RATE <= rate <= LARGEST_RATE:
                raise ValueError(f"the rate of {code} must lie between {SMALLEST_RATE} and {LARGEST_RATE:,}")
        return rates

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def calendar(self) -> Calendar:
        """The shop's days."""
        hours, minutes = self.day_starts_at.split(":")
        return Calendar(self.zone, (int(hours) * 60 + int(minutes)) * 60 * SECOND_US)

    @property
    def minor_digits(self) -> int:
        return int(get_currency_precision(self.currency))


class LimitSettings(_Section):
    max_value_bytes: Annotated[int, Field(ge=1_024, le=8 << 20)] = 262_144
    """Bytes of the largest record that is read; a larger one is bad input."""
    max_future_skew_s: Annotated[float, Field(gt=0, le=366 * 86_400, allow_inf_nan=False)] = 600.0
    """An event dated further ahead of the wall clock is bad input."""
    set_aside_most: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Records and customers that are set aside after an error of our own, within set_aside_minutes: with more the
    partition stops for a person."""
    set_aside_minutes: Annotated[float, Field(gt=0, le=366 * 1_440, allow_inf_nan=False)] = 60.0
    """See set_aside_most."""
    customers: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000_000
    """Customers in a worker's memory, at most, shared by its partitions: beyond them those who have been away longest
    lie in a local store until they come back. Only who has been away for eight weeks can leave: who has not is in
    memory, however many they are. A million take a gigabyte at most, and a tenth of it where they are long lost."""
    store: bool = True
    """Whether customers may leave memory for a local store, a file without a name that ends with the worker. `false`:
    all stay in memory, and nothing of a person is written to this machine's disk."""
    store_directory: str = ""
    """Where that file lies; empty: the system's directory for what is temporary. On an encrypted disk it is as safe as
    the rest of it; on a RAM disk it saves no memory."""
    refused_share: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = 0.9
    """Of a source of which more than this share is refused no more is read, once refused_records are beyond it; what it
    holds stays in Kafka. 1: it is never stopped."""
    refused_records: Annotated[int, Field(ge=10, le=1_000_000)] = 200
    """Refused records of an input's partition beyond that share: so many letters at most before it is stopped."""
    max_clock_offset_s: Annotated[float, Field(gt=0, le=366 * 86_400, allow_inf_nan=False)] = 300.0
    """Seconds by which the clock may differ from the broker's, where topics tell when a record was appended: beyond it
    nothing is read on until one of them is set."""


class TimeSettings(_Section):
    clock: policy.ClockMode = policy.ClockMode.WALL
    """`wall`: the wall clock moves time on once everything that has arrived is processed; `event`: only events do
    (demo, replay, backtest)."""
    grace_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 1.0
    """At the end of the log, time is the wall clock less this: what is still on its way may arrive."""
    max_delay_days: Annotated[float, Field(ge=0, le=31, allow_inf_nan=False)] = 4.0
    """Absences wait as long as purchases take to arrive, as far as has been learned, but no longer than this: a
    delivery after a long weekend. What is later is history. 0: they wait for the grace alone."""
    max_jump_days: Days = 7.0
    """Days by which one event may move time ahead; a longer jump waits for further customers to confirm it."""
    jump_confirmations: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    """Further customers who have to confirm such a jump."""
    feed_silence_hours: Annotated[float, Field(gt=0, le=24 * 36_525, allow_inf_nan=False)] = 48.0
    """Hours without any purchase after which nobody is called quiet, until the shop's own hours are known."""


class RungSettings(_Section):
    name: str
    """What the step is called; part of the id of its messages."""
    strictness: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Multiplies the policy's level: 1 fires at it, 0.2 at a fifth of it, which is later."""
    offer: str = ""
    """Code of what is offered; empty: nothing."""
    template: str = ""
    """Key of the template; empty: that of the kind and the step's name."""


class CapSettings(_Section):
    messages: Annotated[int, Field(ge=1, le=MOST)]
    """So many messages at most."""
    days: Annotated[float, Field(gt=0, le=LONGEST_DAYS, allow_inf_nan=False)]
    """In any so many days."""


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_QUIET_HOURS = re.compile(
    r"\s*([01]?[0-9]|2[0-3]):([0-5][0-9])\s*-\s*(?:([01]?[0-9]|2[0-3]):([0-5][0-9])|24:00)\s*", re.ASCII
)
_YEARLY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", re.ASCII)
_MOST_DATES = 1000


class OutreachSettings(_Section):
    """The outreach policy."""

    measure: policy.Measure = policy.Measure.BUDGET
    """What `level` is stated in: `budget` (wrong alerts per healthy regular and year), `probability` (share of healthy
    gaps that are alerted) or `multiple` (of the customer's usual gap)."""
    level: float = 1.0
    """How long a silence is tolerated, in the unit of `measure`: a budget up to 50, a probability up to 0.5, a multiple
    up to 50."""
    rungs: list[RungSettings] = [RungSettings(name="remind", template="win_back.remind")]
    """Steps of the win-back ladder, up to five, each a table of `name`, `strictness` (1 = at the policy's level, less =
    later), `offer` and `template`."""
    consent: policy.ConsentRule | None = None
    """`required`: nobody is written to whose consent is not known. `external`: the shop keeps consent elsewhere, and
    whoever sends must look there. Unset: required, but in a backtest, where nothing is sent, external."""
    shadow: bool = False
    """Decide everything and release nothing."""
    stale_after_days: Days = 7.0
    """Days after its date beyond which an absence first seen is recorded and not alerted: at switch-on the past is no
    news."""
    overdue_per_hour: Annotated[int, Field(ge=1, le=1_000_000_000)] = 60
    """Messages an hour and partition of those that come late after an outage."""
    at_most_per_hour: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000
    """Messages of the whole shop in any hour, split over the partitions; a healthy shop never meets it. Below it works
    the brake: when far more regulars come due than the shop's own past makes likely, all are held."""
    attribution_days: Days = 30.0
    """Days after a message within which the first visit is credited to it."""
    expires_after_days: Days = 14.0
    """Days for which a message may wait, and may be acted on once it is out."""
    second_visit: bool = False
    """Whether customers of one to three visits are nudged when three quarters of those who come again are back."""
    second_visit_offer: str = ""
    """Code of what that nudge offers; empty: nothing."""
    volume_per_100_visits: float | None = None
    """Messages per 100 visits of regulars; the service chooses whom. Unset: as many as come due."""
    volume_per_day: float | None = None
    """Messages a day of the whole shop; the service chooses whom. At most one of the two is set."""
    volume_for_loyal: float = 0.0
    """Part of the volume, 0 to 1, kept for regulars of 13 visits and more; what they do not use goes to the others."""
    messages_are_sent: bool | None = None
    """Whether what is released reaches the customers. Then a silence teaches up to its first message only, so that
    success does not teach the service to wait; the control group teaches in full. Unset: where the wall clock rules.
    A replay that is to decide like the live worker needs `true`."""
    control_share: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] | None = None
    """Part of the customers to whom nothing is sent, so that what messages bring can be told: they are decided upon and
    followed exactly like the others. A keyed hash of the id says who, for all kinds. Unset: 0.1 in a live shop, nobody
    where events are the clock: in a backtest, a replay, the demo nothing is sent."""
    control_rotates: policy.Rotation = policy.Rotation.NEVER
    """`never`: the same customers for good; `quarter`: others each quarter of the shop's calendar."""
    frequency_caps: Annotated[list[CapSettings], Field(max_length=10)] = [
        CapSettings(messages=1, days=14),
        CapSettings(messages=3, days=90),
    ]
    """At most so many messages to one customer in any so many days, all kinds together, as tables of `messages` (1 to
    20) and `days` (up to 366); all of them hold. What is beyond waits until it may go out, or expires; an apology does
    not wait for them, and counts. Empty: no limit."""
    cool_down_days: Annotated[float, Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)] = 7.0
    """Days after a visit that a message is credited with in which the customer gets no other. 0: none."""
    unhappy_days: Annotated[float, Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)] = 30.0
    """Days after a bad answer to a survey (the three settings that follow) in which its customer gets nothing but
    service recovery; a better answer to the same survey ends it. 0: answers stop nothing."""
    unhappy_nps: Annotated[int, Field(ge=-1, le=10)] = 6
    """NPS answers up to this one are bad: 0 to 6 are detractors. -1: none is."""
    unhappy_csat: Annotated[int, Field(ge=0, le=5)] = 2
    """CSAT answers up to this one are bad, of 1 to 5. 0: none is."""
    unhappy_ces: Annotated[int, Field(ge=0, le=7)] = 3
    """CES answers up to this one are bad: 1 is the highest effort, 7 the least. 0: none is."""
    min_value: Annotated[Decimal, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)] = Decimal(0)
    """Money of the shop's currency that must be at risk (the revenue of a year × the churn risk) for a step with an
    offer to be sent; otherwise the step is left out, and the next one has its turn. For an offer on an occasion, such
    as a milestone, it is what the customer is expected to spend in a year. 0: offers go to everybody."""
    quiet_hours: str = ""
    """When nobody is written to, by the clock where the customer is (their profile's timezone, else that of the store
    they go to, else the shop's), such as 21:00-09:00; past midnight if it ends before it begins. What is due then
    waits, and so does a deliverer whose mail server was away until then. Empty: no hour is quiet."""
    quiet_days: Annotated[list[str], Field(max_length=_MOST_DATES)] = []
    """Days on which nobody is written to, by the calendar where the customer is: weekdays (`sunday`), dates
    (`2026-12-25`), or a month and a day of every year (`12-25`)."""
    daily_limit: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Messages of the whole shop on one of its days, split evenly over the partitions; what is beyond waits for another
    day. Unset: no limit."""

    @field_validator("quiet_hours")
    @classmethod
    def _hours_are_some(cls, text: str) -> str:
        if text.strip() and _quiet_hours(text) is None:
            raise ValueError(f"{text[:30]!r} is no part of a day such as 21:00-09:00")
        return text

    @field_validator("quiet_days", mode="before")
    @classmethod
    def _days_as_text(cls, given: object) -> object:
        """TOML has dates of its own."""
        if isinstance(given, list):
            return [day.isoformat() if type(day) is date else day for day in given]
        return given

    @field_validator("quiet_days")
    @classmethod
    def _days_are_some(cls, days: list[str]) -> list[str]:
        for day in days:
            if _weekday(day) is None and _date(day) is None and _yearly(day) is None:
                raise ValueError(
                    f"{day[:30]!r} is neither a weekday such as sunday nor a date such as 2026-12-25 or 12-25"
                )
        return days

    def quiet_times(self, store_zones: dict[str, str]) -> policy.QuietTimes:
        """What `quiet_hours` and `quiet_days` say. Raises ValueError where no time would be left."""
        begin, end = _quiet_hours(self.quiet_hours) or (time(), time())
        return policy.QuietTimes(
            begin,
            end,
            frozenset(weekday for text in self.quiet_days if (weekday := _weekday(text)) is not None),
            frozenset(single for text in self.quiet_days if (single := _date(text)) is not None),
            frozenset(yearly for text in self.quiet_days if (yearly := _yearly(text)) is not None),
            tuple(sorted(store_zones.items())),
        )

    service_recovery: RecoverySettings = RecoverySettings()
    milestone: MilestoneSettings = MilestoneSettings()
    delight: DelightSettings = DelightSettings()
    follow_up: FollowUpSettings = FollowUpSettings()
    feedback_request: FeedbackSettings = FeedbackSettings()

    def occasions(self, partitions: int) -> occasion_policy.OccasionPolicies:
        """Kinds of message that follow an occasion, for one of so many partitions."""
        return occasion_policy.OccasionPolicies(
            service_recovery=self.service_recovery.policy(partitions),
            milestone=self.milestone.policy(partitions),
            delight=self.delight.policy(partitions),
            follow_up=self.follow_up.policy(partitions),
            feedback_request=self.feedback_request.policy(partitions),
        )

    def switched_on(self) -> tuple[tuple[Kind, policy.Rung], ...]:
        """Kinds of message beside the ladder that are on, each with its step."""
        steps = {
            Kind.SECOND_VISIT: (
                self.second_visit,
                policy.Rung("nudge", offer=self.second_visit_offer, template="second_visit.nudge"),
            ),
        }
        return tuple((kind, step) for kind, (is_on, step) in steps.items() if is_on)


def _quiet_hours(text: str) -> tuple[time, time] | None:
    """Begin and end; None: they are no part of a day."""
    found = _QUIET_HOURS.fullmatch(text)
    if found is None:
        return None
    begin_hour, begin_minute, end_hour, end_minute = found.groups()
    begin, end = time(int(begin_hour), int(begin_minute)), time(int(end_hour or 0), int(end_minute or 0))
    return None if begin == end else (begin, end)


def _weekday(text: str) -> int | None:
    """0 = Monday; None: it names none."""
    name = text.strip().lower()
    named = (number for number, weekday in enumerate(_WEEKDAYS) if name in {weekday, weekday[:3]})
    return next(named, None)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _yearly(text: str) -> tuple[int, int] | None:
    """Month and day."""
    found = _YEARLY.fullmatch(text.strip())
    return None if found is None else (int(found[1]), int(found[2]))


class TokenSettings(_Section):
    """One token of several, for those who may see less, or do less, than who has `web.token`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    """Whose it is, for the audit lines; not secret."""
    token: Token
    """The secret itself, 16 characters or more; or token_file in its place."""
    token_file: Path | None = None
    """File that holds token."""
    scopes: Annotated[list[Literal["numbers", "persons", "write"]], Field(min_length=1)] = ["numbers"]
    """What it opens: the numbers where those are behind a token, what is told of persons, and what changes something
    of them (do not contact, forget, export). None contains another."""


class WebSettings(_Section):
    enabled: bool = True
    """Whether the worker serves its page, API, metrics and health."""
    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """Address to listen on; loopback unless told otherwise."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8088
    """Port to listen on; 0: a free one."""
    token: Token | None = None
    """The owner's token (16 characters or more): it opens all there is, numbers, persons and what changes something of
    them. Without a token, here or in tokens, everything about a person stays closed."""
    token_file: Path | None = None
    """File that holds token."""
    numbers: Literal["open", "token"] = "open"
    """Who sees the numbers, of page, API and metrics: whoever reaches the port, or who has the token (as Bearer, or as
    the password that a browser asks for)."""
    hosts: Annotated[list[Annotated[str, Field(pattern=_HOST)]], Field(max_length=100)] = []
    """Further names under which the page is reached, such as www.cafe.example or *.cafe.example; "*" is any. Loopback
    names, this machine's own, that of deliver.public_url and bare addresses always are; a request for any other name
    is answered 421, for a foreign web page could read the numbers under it (DNS rebinding)."""
    connections: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Connections at once; a further one takes the place of one that is idle, or is answered 503."""
    connections_per_client: Annotated[int, Field(ge=1, le=100_000)] = 128
    """The same of one client address; a further one is answered 429. Behind a proxy all clients have its address."""
    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 50.0
    """Requests of one client address, with four seconds' worth at once; a further one is answered 429."""
    header_timeout_s: Seconds = 10.0
    """Seconds that a client may take for the header of a request."""
    body_timeout_s: Seconds = 10.0
    """Seconds that it may take for the body."""
    idle_timeout_s: Seconds = 15.0
    """Seconds after which a connection on which nothing is asked is closed."""
    answer_timeout_s: Seconds = 30.0
    """Seconds within which an answer must be made and taken."""
    header_bytes: Annotated[int, Field(ge=1_024, le=1 << 20)] = 16_384
    """Bytes of the largest header of a request; a larger one is answered 431."""
    body_bytes: Annotated[int, Field(ge=0, le=64 << 20)] = 65_536
    """Bytes of the largest body; a larger one is answered 413."""
    token_failures: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Wrong tokens of one client address in a minute, after which no token of its is looked at until the minute is
    over (429)."""
    tokens: Annotated[list[TokenSettings], Field(max_length=100)] = []
    """Further tokens, each with a name and its scopes, as tables [[web.tokens]]."""
    session_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 12.0
    """Hours after which whoever has signed in on the page has to do so again."""

    @model_validator(mode="after")
    def _tokens_are_told_apart(self) -> Self:
        secrets = [each.token.get_secret_value() for each in self.tokens]
        secrets += [] if self.token is None else [self.token.get_secret_value()]
        if len(set(secrets)) < len(secrets):
            raise ValueError("two tokens are the same: each opens its own scopes")
        names = [each.name for each in self.tokens]
        if len(set(names)) < len(names):
            raise ValueError("two tokens have the same name")
        return self

    @model_validator(mode="after")
    def _token_to_show(self) -> Self:
        opens = self.token is not None or any("numbers" in each.scopes for each in self.tokens)
        if self.numbers == "token" and not opens:
            raise ValueError(
                'numbers = "token" needs token, or one of tokens with the scope numbers: nobody would see them'
            )
        return self


class SmtpSettings(_Section):
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


class WebhookSettings(_Section):
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


class DeliverSettings(_Section):
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
    public_url: Annotated[str, Field(max_length=500)] | None = None
    """Where the unsubscribe page is reached from outside, e.g. https://shop.example/news; links are made with it."""
    unsubscribe_secret: LongSecret | None = None
    """Secret (16 characters or more) that signs the unsubscribe links. Change it and the links in mails that were sent
    are no longer taken."""
    unsubscribe_secret_file: Path | None = None
    """File that holds unsubscribe_secret."""
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

    @field_validator("public_url")
    @classmethod
    def _is_a_web_address(cls, text: str | None) -> str | None:
        if text is None:
            return None
        if _WEB_ADDRESS.fullmatch(text) is None:
            raise ValueError(f"{text[:100]!r} is no web address such as https://shop.example/news")
        return text.rstrip("/")

    @model_validator(mode="after")
    def _pauses_grow(self) -> Self:
        if self.retry_longest_s < self.retry_first_s:
            raise ValueError("retry_longest_s must be at least retry_first_s")
        return self

    def group_of(self, kafka_group: str, channel: str) -> str:
        """A channel of its own has a group of its own: each of them gets every request."""
        base = self.group or f"{kafka_group}-deliver"
        return base if channel == "smtp" else f"{base}-{channel}"


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for programs: one object a line."""
