"""`churn-alert init`: five questions, fewer with a log that answers some, and a settings file to begin with."""

from __future__ import annotations

import locale
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from service.commands.console import out
from service.commands.shop_of_file import ShopOfFile, shop_of, zone_here
from service.errors import ChurnAlertError, ExitCode

if TYPE_CHECKING:
    from pydantic import BaseModel

_LANGUAGES: Final = ("en", "fr")
"""That ship with messages."""
_CALLED: Final = {"shop.timezone": "time zone", "shop.currency": "currency", "kafka.bootstrap_servers": "Kafka at"}


def init(
    log: Annotated[
        Path | None,
        typer.Argument(
            help="A log of your shop: what it says is not asked, and the next command looks at it.", show_default=False
        ),
    ] = None,
    *,
    to: Annotated[Path, typer.Option(help="File to write.")] = Path("churn-alert.toml"),
    name: Annotated[str | None, typer.Option(help="What customers call the shop.", show_default=False)] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA zone of the shop.", show_default=False)] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217 code of its currency.", show_default=False)] = None,
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT of your Kafka.", show_default=False)] = None,
    sender: Annotated[
        str | None, typer.Option(help="Mailbox that messages come from; empty: none yet.", show_default=False)
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over the file that is there.")] = False,
) -> None:
    """Ask five questions and write a settings file: every setting with what it means, at its default. A log of the shop
    answers some of them."""
    from service.config.commented import commented_toml
    from service.config.sections.delivery import SmtpSettings
    from service.config.sections.kafka import KafkaSettings
    from service.config.sections.shop import ShopSettings

    if log is not None and not log.is_file():
        raise InitError(f"{log} is not a file.")
    if to.exists() and not force:
        raise InitError(f"{to} is there already: name another with --to, or write over it with --force.")

    known = ShopOfFile() if log is None else _told_by(log)

    def answer(question: str, given: str | None, default: str, model: type[BaseModel], key: str) -> str:
        return _answer(question, given, default, lambda text: _fault(model, key, text), ask=not defaults)

    answers: dict[str, object] = {
        "shop.name": answer("What do customers call your shop?", name, "", ShopSettings, "name"),
        "shop.timezone": answer(
            "In which time zone is it?",
            timezone or known.zone or None,
            known.likely_zone or zone_here(),
            ShopSettings,
            "timezone",
        ),
        "shop.currency": answer(
            "Which currency does it sell in?", currency or known.currency or None, "EUR", ShopSettings, "currency"
        ).upper(),
        "kafka.bootstrap_servers": answer(
            "Where is your Kafka (HOST:PORT)?", kafka, "127.0.0.1:9092", KafkaSettings, "bootstrap_servers"
        ),
        "deliver.smtp.sender": answer(
            "From which mailbox will messages come (empty: later)?", sender, "", SmtpSettings, "sender"
        ),
    }
    if defaults:
        said = {"shop.timezone": timezone or known.zone, "shop.currency": currency or known.currency}
        _tell_what_was_taken(answers, {**said, "kafka.bootstrap_servers": kafka})
    answers = {key: value for key, value in answers.items() if value}
    answers |= {
        "shop.locale": _language_here(),
        "shop.erasure_salt": secrets.token_urlsafe(32),
        "web.token": secrets.token_urlsafe(32),
        "deliver.unsubscribe_secret": secrets.token_urlsafe(32),
        "outreach.shadow": True,
    }
    _write(to, commented_toml(answers))
    out.print(_what_now(to, log), highlight=False, soft_wrap=True)


def _tell_what_was_taken(answers: Mapping[str, object], said: Mapping[str, str | None]) -> None:
    """Whoever asked not to be asked reads what nobody has said, for all amounts and dates are of it."""
    taken = [f"{_CALLED[key]} {answers[key]}" for key, by_whom in said.items() if not by_whom]
    if taken:
        out.print(f"Nobody said, so taken: {', '.join(taken)}.", style="yellow", highlight=False, soft_wrap=True)


class InitError(ChurnAlertError):
    """No file can be written, or an answer cannot be taken."""

    exit_code = ExitCode.CONFIGURATION


def _told_by(log: Path) -> ShopOfFile:
    """What the log says of the shop, told to the user too."""
    from service.config.sections.shop import ShopSettings

    found = shop_of(log)
    if _fault(ShopSettings, "currency", found.currency):
        found = replace(found, currency="")
    told = [f"currency {found.currency}"] if found.currency else []
    told += (
        [f"time zone {found.zone}{', or one with the same clock' if found.by_offsets else ''}"] if found.zone else []
    )
    if told:
        out.print(f"{log.name} says: {'; '.join(told)}.", highlight=False, soft_wrap=True)
    elif found.trouble:
        out.print(f"{found.trouble} So all is asked.", style="yellow", highlight=False, soft_wrap=True)
    return found


def _answer(question: str, given: str | None, default: str, fault: Callable[[str], str], *, ask: bool) -> str:
    """What was given, else the answer, else the default. Asks until it can be taken; raises InitError where nobody can
    be asked again."""
    if given is None and ask:
        while True:
            text = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
            wrong = fault(text)
            if not wrong:
                return text
            out.print(f"  {wrong}", style="yellow", highlight=False, soft_wrap=True)
    text = default if given is None else given.strip()
    wrong = fault(text)
    if wrong:
        raise InitError(wrong)
    return text


def _fault(model: type[BaseModel], key: str, text: str) -> str:
    """Why a section does not take it, as a sentence; empty: it does. Nothing at all may always be left out."""
    from pydantic import ValidationError

    from service.config.settings import sentence_of

    if not text:
        return ""
    if key == "currency" and not (len(text) == 3 and text.isascii() and text.isalpha()):
        return f"{text[:40]!r} is not an ISO 4217 code such as EUR or USD."
    try:
        model(**{key: text.upper() if key == "currency" else text})
    except ValidationError as error:
        return sentence_of(error, None)
    return ""


def _language_here() -> str:
    spoken = (locale.getlocale()[0] or os.environ.get("LANG", "")).lower()[:2]
    return spoken if spoken in _LANGUAGES else _LANGUAGES[0]


def _write(path: Path, text: str) -> None:
    """Readable to its owner alone, since it holds secrets. Raises InitError where it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InitError(f"{path} cannot be written: {error.strerror or error}.") from error


def _called() -> str:
    """As whoever called this can call it again: in an environment of its own it is on no path."""
    name = "churn-alert"
    here = sys.argv[0]
    is_a_file = Path(here).name == name and os.sep in here
    return shlex.quote(here) if is_a_file and shutil.which(name) != str(Path(here).absolute()) else name


def _what_now(settings: Path, log: Path | None) -> str:
    command = f"{_called()} --config {shlex.quote(str(settings))}"
    next_steps = (
        [("what it would have done with your log", f"{command} backtest {shlex.quote(str(log))} --out report")]
        if log
        else [("what it would have done with a log of yours", f"{command} backtest orders.csv --out report")]
    )
    replayed = shlex.quote(str(log or "orders.csv"))
    next_steps += [
        ("make the topics in your Kafka", f"{command} topics create"),
        ("put the past into them", f"{command} replay {replayed}"),
        ("look at the page: http://127.0.0.1:8088", f"{command} worker"),
    ]
    lines = [
        f"{settings} is written. It holds three secrets that were made for you: keep it to yourself.",
        "Nothing is sent before you set outreach.shadow to false.",
        "",
        "Next:",
        *(f"  {say}\n    {run}" for say, run in next_steps),
        "",
        "backtest also tells what to set (--suggest), who is quiet today (--with-customers), and with numbers of yours",
        "whether a message pays (--margin 40 --offer-cost 2.50).",
    ]
    return "\n".join(lines)
