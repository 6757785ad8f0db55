"""Settings on their way to a child process, and secrets that are none."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from service.cluster.topic_plan import topic_plan
from service.commands.show_config import config_toml
from service.config import BESIDE_THE_SETTINGS, ENV_PREFIX, Settings, child_environment, load_settings
from service.connection import check_files
from service.connection.security import aiokafka_security, faust_credentials, kafka_python_security
from service.domain.events import Purchase
from service.domain.policy import Measure
from service.errors import ConfigurationError
from service.message import Renderer, ShopFacts
from service.registry.client import tls_of
from service.streaming.job import PartitionJob
from service.web.port import take_port

SECRETS = [
    "plain-enough-and-long",
    "quotes \"'` and $HOME \\ in it",
    '{"looks": "like JSON"}',
    "1234567890123456",
    "pässword £ 日本語 of a shop",
]
UNUSUAL: dict[str, dict[str, Any]] = {
    "kafka": {
        "bootstrap_servers": "a:1,b:2",
        "topics": {"purchases": "shop-purchases"},
        "security_protocol": "SASL_SSL",
        "sasl_username": "shop",
        "ssl_cafile": "/etc/ca.pem",
        "fetch_bytes": 65_536,
        "session_timeout_s": 12.5,
    },
    "shop": {"timezone": "Europe/Paris", "rates": {"USD": "0.92"}, "industry": "cafe", "day_starts_at": "05:30"},
    "outreach": {"rungs": [{"name": "one"}, {"name": "two", "strictness": 0.5, "offer": "10 %"}], "shadow": True},
    "web": {
        "host": "::1",
        "port": 0,
        "tokens": [{"name": "till", "token": "a-token-of-the-till", "scopes": ["numbers", "persons"]}],
    },
}


def settings_with(secret: str, token: str = "a-token-of-the-users") -> Settings:  # noqa: S107
    return Settings().changed(
        **{
            **UNUSUAL,
            "kafka": UNUSUAL["kafka"] | {"sasl_password": secret},
            "shop": UNUSUAL["shop"] | {"erasure_salt": secret},
            "web": UNUSUAL["web"] | {"token": token},
        }
    )


def loaded_by_a_child(settings: Settings, monkeypatch: pytest.MonkeyPatch, **base: str) -> Settings:
    environment = child_environment(settings, dict(os.environ) | base)
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_child_gets_exactly_these_settings_and_every_secret_whole(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(secret)

    given = loaded_by_a_child(settings, monkeypatch)

    assert given == settings
    assert given.kafka.sasl_password is not None
    assert given.kafka.sasl_password.get_secret_value() == secret
    assert given.shop.erasure_salt is not None
    assert given.shop.erasure_salt.get_secret_value() == secret
    assert given.web.token is not None
    assert given.web.token.get_secret_value() == "a-token-of-the-users"


def test_neither_the_parents_variables_nor_its_file_reach_the_child_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings().changed(web={"port": 0})
    for name in BESIDE_THE_SETTINGS:
        monkeypatch.delenv(name, raising=False)

    given = loaded_by_a_child(
        settings,
        monkeypatch,
        CHURN_ALERT_CONFIG="/no/such/file.toml",
        CHURN_ALERT_OUTREACH__LEVEL="9",
        churn_alert_kafka__group="in-small-letters",
        CHURN_ALERT_RESTARTS="7",
        CHURN_ALERT_AWAY_SINCE="1.5",
        CHURN_ALERT_SLOW_TURNS="2",
        CHURN_ALERT_STOOD_STILL="1700000000",
        CHURN_ALERT_CACHE="/where/jars/lie",
    )

    assert given == settings
    assert {name for name in os.environ if name.upper().startswith(ENV_PREFIX)} == {
        "CHURN_ALERT_CACHE",
        "CHURN_ALERT_WEB__PORT",
    }


SERVICE = Path(__file__).resolve().parents[2] / "service"


def test_what_a_process_tells_its_successor_is_no_misspelt_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not known ends every process that begins with it."""
    written = "\n".join(file.read_text(encoding="utf-8") for file in SERVICE.rglob("*.py"))
    names = set(re.findall(r'"(CHURN_ALERT_[A-Z]+(?:_[A-Z]+)*)"', written)) - {"CHURN_ALERT_CONFIG"}
    assert len(names) > 5
    for name in names:
        monkeypatch.setenv(name, "7")

    assert load_settings() == Settings()


def test_no_secret_is_printed_and_the_printed_configuration_can_be_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    secret = "never-to-be-shown"  # noqa: S105
    settings = settings_with(secret, secret)

    printed = config_toml(settings)

    assert secret not in printed + repr(settings) + str(settings) + settings.model_dump_json()
    assert "*" not in printed
    file = tmp_path / "again.toml"
    file.write_text(printed, encoding="utf-8")
    for key, value in (("KAFKA__SASL_PASSWORD", secret), ("SHOP__ERASURE_SALT", secret), ("WEB__TOKEN", secret)):
        monkeypatch.setenv(f"{ENV_PREFIX}{key}", value)
    monkeypatch.setenv(f"{ENV_PREFIX}WEB__TOKENS", json.dumps(UNUSUAL["web"]["tokens"]))
    assert "a-token-of-the-till" not in printed
    assert load_settings(file) == settings


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("WEB__TOKEN", "*" * 10, "web.token: "),
        ("WEB__TOKEN", "*" * 40, "asterisks only"),
        ("WEB__TOKEN", "", "at least 16 characters"),
        ("WEB__TOKEN", " " * 40, "at least 16 characters"),
        ("WEB__TOKEN", "too-short", "at least 16 characters"),
        ("WEB__TOKEN", "with a space in the middle", "no spaces"),
        ("WEB__TOKEN", "clé-de-la-boutique-1", "ASCII"),
        ("SHOP__ERASURE_SALT", "*" * 40, "asterisks only"),
        ("SHOP__ERASURE_SALT", "too-short", "at least 16 characters"),
        ("KAFKA__SASL_PASSWORD", "*" * 10, "asterisks only"),
    ],
)
def test_what_is_no_secret_is_refused_without_being_repeated(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}{variable}", value)

    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert said in str(refused.value)
    assert variable.lower().replace("__", ".") in str(refused.value)
    assert not value.strip() or value not in str(refused.value)


KEYS = [(section, key) for section, model in Settings() for key in type(model).model_fields]
ABSURD = [
    "", " ", "-1", "0", "2", "1e-320", "1e308", "1e309", "nan", "-inf", "9" * 25, "9" * 5_000, "x", "é", "true", "null", "[]", "{}",
    '[{"name":"a"},{"name":"a"}]', '[{"name":""}]', '[{"name":"a","strictness":NaN}]', '{"USD":"NaN"}', '{"USD":"-1"}',
    '{"USD":"1e999999"}', '{"USD":"1e-30"}', '{"usd":"1"}', "/", "/no/such", "host:99999", ":", "[::1", "a,b", "..", "/etc/hosts", "**********",
]  # fmt: skip
POLICY = Settings().policy()
"""With which many customers are judged in other tests."""
BEGIN_US, DAY_US = 1_700_000_000_000_000, 86_400_000_000
BY_TOKEN = {"KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "KAFKA__SASL_MECHANISM": "OAUTHBEARER"}
BESIDE = {
    "ssl_cafile": {"KAFKA__SECURITY_PROTOCOL": "SSL"},
    "ssl_certfile": {"KAFKA__SECURITY_PROTOCOL": "SSL"},
    "oauth_token_file": BY_TOKEN,
    "oauth_cafile": BY_TOKEN
    | {
        "KAFKA__OAUTH_TOKEN_URL": "https://login.example/token",
        "KAFKA__OAUTH_CLIENT_ID": "shop",
        "KAFKA__OAUTH_CLIENT_SECRET": "of-the-shop",
    },
    "volume_for_loyal": {"OUTREACH__VOLUME_PER_DAY": "4"},
}
"""What else must be set for the key to be looked at."""


def put_to_use(settings: Settings, section: str) -> None:
    """What a worker does with its settings before it meets a broker, and with its first customers where they are judged
    in another way; the mails where the section is one that they read."""
    topic_plan(settings, 3)
    if section in {"shop", "deliver"}:
        Renderer(ShopFacts.of(settings.shop), settings.deliver.templates)
    check_files(settings.kafka)
    if section == "registry":
        tls_of(settings.registry)
    for arguments in (aiokafka_security, kafka_python_security, faust_credentials):
        arguments(settings.kafka)
    if section == "web":
        take_port(settings.web).close()
    job = PartitionJob(settings, 0, 4)
    if settings.policy() == POLICY and section not in {"limits", "time"}:
        return
    for day in range(0, 84, 7):
        job.engine.apply(Purchase(f"e{day}", "anna", BEGIN_US + day * DAY_US, 500), 0)
    job.engine.advance(BEGIN_US + 200 * DAY_US, BEGIN_US + 200 * DAY_US)
    job.drain(12)


@pytest.mark.many
@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{section}.{key}" for section, key in KEYS])
def test_an_absurd_setting_is_refused_in_one_sentence_or_does_no_harm(
    section: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: dict[str, str] = {}
    for name in set(os.environ) - {"SSL_CERT_FILE", "HOME"}:  # each setting is looked for among all variables
        monkeypatch.delenv(name)
    for name, value in BESIDE.get(key, {}).items():
        monkeypatch.setenv(f"{ENV_PREFIX}{name}", value)
    for value in ABSURD:
        monkeypatch.setenv(f"{ENV_PREFIX}{section}__{key}".upper(), value)
        try:
            put_to_use(load_settings(), section)
        except ConfigurationError as error:
            refused[value] = str(error)

    assert refused or key in {"offer", "template", "second_visit_offer", "sasl_username", "instance_id"}
    assert {value for value, said in refused.items() if len(said.splitlines()) != 1 or len(said) > 400} == set()


@pytest.mark.parametrize(
    "content",
    ["kafka = 3", "web = []", "[web.port]\nx = 1", "[web]\nport = nan", "[web]\ntoken = 1979-05-27", "[shop]\nrates = [1]",
     "[outreach]\nrungs = {}", "[outreach]\nlevel = inf", "[outreach]\nrungs = [[1]]", "[kafka]\ngroup = {a = {b = 1}}", "[", "\x00"],
)  # fmt: skip
def test_an_absurd_file_is_refused_in_one_sentence(content: str, tmp_path: Any) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)

    assert len(str(refused.value).splitlines()) == 1


def test_a_directory_and_a_file_of_other_bytes_are_no_configuration(tmp_path: Any) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")

    for file in (tmp_path, tmp_path / "bytes.toml", tmp_path / "missing.toml"):
        with pytest.raises(ConfigurationError, match=str(file)):
            load_settings(file)


@pytest.mark.parametrize(
    ("outreach", "rule", "promise"),
    [
        ({}, Measure.PATIENCE, 1.0),
        ({"level": 1.0}, Measure.BUDGET, 1.0),
        ({"level": 2.0}, Measure.BUDGET, 2.0),
        ({"measure": "patience", "level": 2.0}, Measure.PATIENCE, 2.0),
        ({"measure": "budget"}, Measure.BUDGET, 1.0),
    ],
)
def test_a_level_alone_is_a_budget_and_stays_what_it_is_when_something_else_is_changed(
    outreach: dict[str, object], rule: Measure, promise: float
) -> None:
    for settings in (
        Settings.model_validate({"outreach": outreach}),
        Settings().changed(outreach=outreach),
        Settings().changed(outreach=outreach).changed(outreach={"consent": "external"}),
    ):
        found = settings.policy().outreach
        assert (found.measure, found.level) == (rule, promise)
