"""Secrets that lie in files, beside the settings and in systemd's directory: held to the same rules, and never told."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from typer.testing import CliRunner

from service.cli import app
from service.commands.show_config import config_toml
from service.config import Settings, child_environment, load_settings
from service.config.secret_files import _bare, secret_in, secrets_of
from service.errors import ConfigurationError
from tests.unit.test_settings import loaded_by_a_child

SECRET = "never-to-be-shown-1"  # noqa: S105


def models_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Each table, with what stands before its names."""
    yield prefix, model
    for name, field in model.model_fields.items():
        inner = _bare(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from models_of(inner, f"{prefix}{name}.")


SECRETS = [f"{prefix}{name}" for prefix, model in models_of(Settings) for name in secrets_of(model)]
BESIDE: dict[str, dict[str, str]] = {
    "deliver.smtp.password": {"DELIVER__SMTP__USERNAME": "shop"},
    "registry.password": {"REGISTRY__USERNAME": "shop"},
}
"""What else must be set for the secret to be taken."""


def variable(key: str) -> str:
    return f"CHURN_ALERT_{key.replace('.', '__')}".upper()


def held_by(settings: Settings, key: str) -> str:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    assert isinstance(value, SecretStr)
    return value.get_secret_value()


@pytest.fixture(params=SECRETS)
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each secret that there is."""
    found = str(request.param)
    for name, value in BESIDE.get(found, {}).items():
        monkeypatch.setenv(f"CHURN_ALERT_{name}", value)
    return found


def test_the_secrets_are_those_that_are_known() -> None:
    assert {"kafka.sasl_password", "web.token", "shop.erasure_salt", "deliver.smtp.password"} <= set(SECRETS)
    assert {"deliver.webhook.secret", "deliver.webhook.authorization", "deliver.unsubscribe_secret"} <= set(SECRETS)


def test_beside_every_secret_stands_a_file(key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv(variable(f"{key}_file"), str(file))

    settings = load_settings()

    assert held_by(settings, key) == SECRET
    printed = config_toml(settings)
    assert SECRET not in printed + repr(settings) + settings.model_dump_json()
    again = tmp_path / "again.toml"
    again.write_text(printed)
    assert held_by(load_settings(again), key) == SECRET
    assert held_by(loaded_by_a_child(settings, monkeypatch), key) == SECRET


def test_a_credential_of_systemd_is_the_secret_of_that_name(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / key).write_text(SECRET)
    (tmp_path / "of-another-program").write_text("x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    settings = load_settings()

    assert held_by(settings, key) == SECRET
    assert held_by(loaded_by_a_child(settings, monkeypatch, CREDENTIALS_DIRECTORY=str(tmp_path)), key) == SECRET
    monkeypatch.setenv(variable(key), "another-that-goes-before")
    assert held_by(load_settings(), key) == "another-that-goes-before"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "UTF-8"), (b"a" * 70_000, "too large"), (b"*" * 20, "asterisks")],
)  # fmt: skip
def test_a_file_without_a_secret_is_named_and_not_told(
    content: bytes, said: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    monkeypatch.setenv(variable(f"{key}_file"), str(file))

    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert f"{key}_file: " in str(refused.value)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 400


def _registry_used(settings: Settings) -> None:
    """Its secrets may be missing where nothing is read by schemas."""
    if why := settings.registry.unreadable():
        raise ConfigurationError(why)


def test_a_secret_given_twice_and_a_missing_file_are_refused(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(variable(f"{key}_file"), str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=rf"{key}_file: '.*missing' cannot be read: No such file"):
        _registry_used(load_settings())

    (tmp_path / "missing").write_text(SECRET)
    monkeypatch.setenv(variable(key), SECRET)
    with pytest.raises(ConfigurationError, match=f"{key}_file: is set beside .*: set one of the two"):
        load_settings()


def test_a_mistake_elsewhere_tells_no_secret_wherever_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("CHURN_ALERT_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("CHURN_ALERT_SHOP__ERASURE_SALT", SECRET)
    monkeypatch.setenv("CHURN_ALERT_KAFKA__SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("CHURN_ALERT_WEB__TOKEN", f"{SECRET} with a space")

    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_a_misspelt_credential_is_not_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kafka.sasl_pasword").write_text(SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    with pytest.raises(ConfigurationError, match=r"kafka\.sasl_pasword"):
        load_settings()


def test_a_credential_may_be_a_file_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kafka.ssl_keyfile").write_text("a key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CHURN_ALERT_KAFKA__SSL_CERTFILE", "/etc/worker.pem")
    monkeypatch.setenv("CHURN_ALERT_KAFKA__SECURITY_PROTOCOL", "SSL")

    assert load_settings().kafka.ssl_keyfile == tmp_path / "kafka.ssl_keyfile"


def test_the_text_of_a_file_is_taken_as_it_is_but_for_the_line_break_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for content, text in (("a b \r\n", "a b "), ("two\nlines\n", "two\nlines"), ("\ufeffmarked", "marked")):
        file.write_text(content, newline="")
        assert secret_in(file) == text


def test_the_command_prints_no_secret_and_names_a_file_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("CHURN_ALERT_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "secret"))
    printed = CliRunner().invoke(app, ["config"])
    assert (printed.exit_code, SECRET in printed.output) == (0, False)
    assert f'sasl_password_file = "{tmp_path}/secret"' in printed.output

    monkeypatch.setenv("CHURN_ALERT_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("CHURN_ALERT_KAFKA__SSL_CAFILE", str(tmp_path / "missing.pem"))
    refused = CliRunner().invoke(app, ["config"])
    assert refused.exit_code == 1
    assert "kafka.ssl_cafile" in str(refused.exception)


def test_a_token_of_several_may_lie_in_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "till").write_text(f"{SECRET}\n")
    file = tmp_path / "shop.toml"
    file.write_text(f'[[web.tokens]]\nname = "till"\ntoken_file = "{tmp_path}/till"\n')

    settings = load_settings(file)

    assert [each.token.get_secret_value() for each in settings.web.tokens] == [SECRET]
    assert SECRET not in config_toml(settings)
    file.write_text('[[web.tokens]]\nname = "till"\n')
    with pytest.raises(ConfigurationError, match=r"web\.tokens\.0\.token: Field required"):
        load_settings(file)
    in_the_child = loaded_by_a_child(settings, monkeypatch)
    assert [each.token.get_secret_value() for each in in_the_child.web.tokens] == [SECRET]


def test_a_child_is_not_told_of_the_file_beside_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    settings = Settings(web={"token_file": tmp_path / "secret"})

    handed_on = child_environment(settings, {})

    assert handed_on == {"CHURN_ALERT_WEB__TOKEN": SECRET}
