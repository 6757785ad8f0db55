"""Settings on their way to a child process, and secrets that are none."""

from __future__ import annotations

import os
from typing import Any

import pytest

from service.commands.show_config import config_toml
from service.config import ENV_PREFIX, Settings, child_environment, load_settings
from service.errors import ConfigurationError

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
    "shop": {"timezone": "Europe/Paris", "rates": {"USD": "0.92"}, "industry": "cafe"},
    "outreach": {"rungs": [{"name": "one"}, {"name": "two", "strictness": 0.5, "offer": "10 %"}], "shadow": True},
    "web": {"host": "::1", "port": 0},
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

    given = loaded_by_a_child(
        settings,
        monkeypatch,
        CHURN_ALERT_CONFIG="/no/such/file.toml",
        CHURN_ALERT_OUTREACH__LEVEL="9",
        churn_alert_kafka__group="in-small-letters",
        CHURN_ALERT_RESTARTS="7",
        CHURN_ALERT_CACHE="/where/jars/lie",
    )

    assert given == settings
    assert {name for name in os.environ if name.upper().startswith(ENV_PREFIX)} == {
        "CHURN_ALERT_CACHE",
        "CHURN_ALERT_WEB__PORT",
    }


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
