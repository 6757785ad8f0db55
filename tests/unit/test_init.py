"""A settings file to begin with says what the code says, and can be used at once."""

from __future__ import annotations

import stat
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.commands.shop_of_file import shop_of, zone_of
from service.config import Settings, load_settings
from service.config.commented import commented_toml
from service.config.explain import settings_explained


def run(*arguments: object, answers: str = "") -> Result:
    return CliRunner().invoke(app, ["init", *map(str, arguments)], input=answers)


def plain(settings: Settings) -> dict[str, Any]:
    return settings.model_dump()


def test_it_names_every_setting_and_changes_none(tmp_path: Path) -> None:
    text = commented_toml({})
    (tmp_path / "all.toml").write_text(text)

    assert plain(load_settings(tmp_path / "all.toml")) == plain(Settings())
    for each in settings_explained():
        if not each.in_list:
            name = each.key.rpartition(".")[2]
            assert any(line.lstrip("# ").startswith((f"{name} = ", f"{name} is ")) for line in text.splitlines()), name


def test_every_default_in_it_is_the_default(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") if line.startswith("# ") and " = " in line else line for line in
             commented_toml({}).splitlines()]  # fmt: skip
    (tmp_path / "all.toml").write_text("\n".join(lines))

    taken = tomllib.loads("\n".join(lines))
    assert len(taken["kafka"]) > 15
    assert taken["outreach"]["rungs"][0]["name"] == "remind"
    assert plain(load_settings(tmp_path / "all.toml")) == plain(Settings())


def test_what_is_given_stands(tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text(commented_toml({"shop.name": 'Chez "Anna"', "outreach.shadow": True}))

    settings = load_settings(tmp_path / "some.toml")
    assert (settings.shop.name, settings.outreach.shadow) == ('Chez "Anna"', True)
    with pytest.raises(KeyError, match=r"shop\.nmae"):
        commented_toml({"shop.nmae": "Anna"})


def test_answers_are_asked_again_until_they_can_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    answers = [
        "Café Anna",
        "Paris",
        "Europe/Paris",
        "euro",
        "eur",
        "nowhere",
        "kafka:9092",
        "anna",
        "anna@cafe.example",
    ]
    result = run("--to", path, answers="\n".join(answers) + "\n")

    assert result.exit_code == 0, result.output
    for wrong in ("'Paris' is not an IANA", "'euro' is not an ISO", "'nowhere' is not HOST", "'anna' is no address"):
        assert wrong in result.output
    settings = load_settings(path)
    assert settings.shop.name == "Café Anna"
    assert (settings.shop.timezone, settings.shop.currency) == ("Europe/Paris", "EUR")
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.deliver.smtp.sender == "anna@cafe.example"


def test_nothing_is_asked_and_secrets_are_its_own(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    assert run("--to", first, "--defaults", "--timezone", "Asia/Tokyo").exit_code == 0
    assert run("--to", second, "--defaults").exit_code == 0

    one, other = load_settings(first), load_settings(second)
    assert one.shop.timezone == "Asia/Tokyo"
    assert one.outreach.shadow
    for secret, another in (
        (one.shop.erasure_salt, other.shop.erasure_salt),
        (one.web.token, other.web.token),
        (one.deliver.unsubscribe_secret, other.deliver.unsubscribe_secret),
    ):
        assert secret is not None
        assert another is not None
        assert secret.get_secret_value() != another.get_secret_value()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text("[shop]\n")

    refused = run("--to", path, "--defaults")
    assert refused.exit_code != 0
    assert "is there already" in str(refused.exception)
    assert path.read_text() == "[shop]\n"
    assert run("--to", path, "--defaults", "--force").exit_code == 0
    assert load_settings(path).outreach.shadow
    assert [each.name for each in tmp_path.iterdir()] == ["shop.toml"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--timezone", "Paris"], "not an IANA time zone"),
        (["--sender", "anna"], "no address"),
        (["--kafka", "http://kafka:9092"], "is not HOST:PORT"),
        (["--to", "nowhere/shop.toml"], "cannot be written"),
        (["no-log.csv"], "is not a file"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_written(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("--defaults", *options)

    assert refused.exit_code != 0
    assert words in str(refused.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_next_command_looks_at_the_log_that_was_named(tmp_path: Path) -> None:
    log = tmp_path / "my orders.csv"
    log.write_text("customer_id,timestamp,amount\n")
    result = run(log, "--to", tmp_path / "shop.toml", "--defaults")

    assert f"backtest '{log}' --out report" in result.output


@pytest.mark.parametrize(
    ("called", "again"), [(".venv/bin/churn-alert", ".venv/bin/churn-alert"), ("churn-alert", "churn-alert")]
)
def test_the_next_commands_are_called_as_this_one_was(
    called: str, again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [called])
    result = run("--to", tmp_path / "shop.toml", "--defaults")

    assert f"\n    {again} --config {tmp_path / 'shop.toml'} topics create\n" in result.output


def test_it_says_how_the_first_report_tells_whether_it_pays(tmp_path: Path) -> None:
    output = run("--to", tmp_path / "shop.toml", "--defaults").output

    for option in ("--suggest", "--with-customers", "--margin 40 --offer-cost 2.50"):
        assert option in output


def test_what_the_log_says_is_not_asked(tmp_path: Path) -> None:
    log, path = tmp_path / "orders.csv", tmp_path / "shop.toml"
    rows = [f"c{n},2025-{n + 1:02}-05T10:00:00{'+02:00' if 3 <= n <= 9 else '+01:00'},5,CHF" for n in range(12)]
    log.write_text("customer_id,timestamp,amount,currency\n" + "\n".join(rows) + "\n")

    result = run(log, "--to", path, "--kafka", "kafka:9092", answers="Café Anna\nanna@cafe.example\n")

    assert result.exit_code == 0, result.output
    settings = load_settings(path)
    assert settings.shop.currency == "CHF"
    for month, hours in ((1, 1), (7, 2)):
        assert datetime(2025, month, 5, tzinfo=settings.shop.zone).utcoffset() == timedelta(hours=hours)
    assert (settings.shop.name, settings.deliver.smtp.sender) == ("Café Anna", "anna@cafe.example")
    assert "orders.csv says: currency CHF; time zone " in result.output
    assert "or one with the same clock" in result.output


def test_what_is_said_by_option_goes_before_what_the_log_says(tmp_path: Path) -> None:
    log, path = tmp_path / "orders.csv", tmp_path / "shop.toml"
    log.write_text("customer_id,timestamp,amount,currency\nanna,2025-01-05T10:00:00,5,CHF\n")

    assert run(log, "--to", path, "--defaults", "--currency", "EUR", "--timezone", "Asia/Tokyo").exit_code == 0

    assert load_settings(path).shop.currency == "EUR"
    assert load_settings(path).shop.timezone == "Asia/Tokyo"


def test_a_log_that_needs_a_word_first_says_so_and_all_is_asked(tmp_path: Path) -> None:
    log, path = tmp_path / "orders.csv", tmp_path / "shop.toml"
    log.write_text("a,b\n1,2\n")

    result = run(log, "--to", path, answers="Anna\nEurope/Paris\neur\n\n\n")

    assert result.exit_code == 0, result.output
    assert "So all is asked." in result.output
    assert load_settings(path).shop.timezone == "Europe/Paris"


def test_a_zone_that_the_file_names_is_taken_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "orders.csv"
    log.write_text("customer_id,timestamp,amount\nanna,2025-01-05T10:00:00+09:00[Asia/Tokyo],5\n")

    assert shop_of(log).zone == "Asia/Tokyo"


def hours_of(zone: str, *months: int) -> list[tuple[datetime, timedelta]]:
    moments = [datetime(2025, month, 15, 12, tzinfo=UTC) for month in months]
    return [(at, at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()) for at in moments]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"])
def test_offsets_of_both_seasons_tell_the_zone_or_one_with_its_clock(zone: str) -> None:
    certain, likely = zone_of(hours_of(zone, 1, 4, 7, 11))

    assert likely == ""
    assert hours_of(certain, *range(1, 13)) == hours_of(zone, *range(1, 13))


def test_offsets_of_one_season_are_only_likely_and_utc_says_nothing() -> None:
    certain, likely = zone_of(hours_of("Europe/Berlin", 1, 2))

    assert certain == ""
    assert hours_of(likely, 1, 2) == hours_of("Europe/Berlin", 1, 2)
    assert zone_of(hours_of("UTC", 1, 7)) == ("", "")
    assert zone_of([]) == ("", "")
    assert zone_of([(datetime(2025, 1, 1, tzinfo=UTC), timedelta(minutes=7))]) == ("", "")


def test_what_nobody_said_is_told_where_nothing_is_asked(tmp_path: Path) -> None:
    """Amounts in the wrong currency and dates of the wrong zone look like right ones."""
    log = tmp_path / "log.csv"
    log.write_text("customer_id,timestamp,amount,currency\nc-1,2026-03-01 09:30:00,9.50,GBP\n")

    by_itself = run("--to", tmp_path / "a.toml", "--defaults").output
    by_a_log = run(log, "--to", tmp_path / "b.toml", "--defaults").output
    said = run(
        "--to", tmp_path / "c.toml", "--defaults", "--timezone", "Asia/Tokyo", "--kafka", "k:9", "--currency", "JPY"
    )

    assert "Nobody said, so taken: time zone " in by_itself
    assert "currency EUR, Kafka at 127.0.0.1:9092." in by_itself
    assert "time zone" in by_a_log.partition("so taken: ")[2]
    assert "currency EUR" not in by_a_log
    assert "so taken" not in said.output
