"""Writes messages: `outreach.requested` in, subject, text and HTML out.

A whole message (`.jinja`) is written three times, each time within another layout; its paragraphs are `{% call p() %}`
and know how they look there. Every variable that a template names must exist (told.py lists them), and `check` writes
all messages once, so that a mistake is told at the start and not in the middle of the night.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.exceptions import TemplateError as JinjaError
from markupsafe import Markup

from service.errors import ConfigurationError
from service.message.chains import Chains, Write
from service.message.folders import SHIPPED, SHIPPED_AS, Folders, Part, Stands
from service.message.message import Message, ShopFacts
from service.message.samples import samples_of
from service.message.told import told

_WIDTH: Final = 72
"""Columns of the plain text, as mail programs have quoted it since ever."""
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_BREAKS: Final = re.compile(r"[\t\r\n\v\f][ \t\r\n\v\f]*| [ \t\r\n\v\f]+")
"""All white space but a blank alone, which is left as it is: most are."""
_MOST_CHOSEN: Final = 1_000
"""Choices of templates that are kept: locales are the customers' own words."""
_UNSUBSCRIBE: Final = "https://shop.example/unsubscribe?token=sample"
_HTML_P: Final = ('<p class="text" style="margin:0 0 16px 0;">', "</p>")
_HTML_BOX: Final = (
    (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:4px 0 20px 0;"><tr>'
        '<td class="box" align="center" bgcolor="#f6ece0" style="padding:16px 20px;border:1px dashed #a2643c;border-radius:8px;'
        'background-color:#f6ece0;color:#3b2a1e;font-size:20px;line-height:28px;font-weight:bold;">'
    ),
    "</td></tr></table>",
)


class TemplateError(ConfigurationError):
    """A template that cannot write its message."""

    def __init__(self, template: str, line: int | None, what: str) -> None:
        place = template if line is None else f"{template}, line {line}"
        super().__init__(f"The template {place} cannot be used: {what.rstrip('.')}.")
        self.template = template
        self.line = line


class _Chosen(NamedTuple):
    """What writes a message in one language."""

    locale: str
    """Of its templates."""
    spoken: str
    """In which dates and lists are written: the customer's own way of the same language."""
    subject: str | None
    """Name of the template; None = there is none, which is told when it is to be written."""
    text: str | None
    html: str | None


class Renderer:
    """All messages of one shop. Templates are compiled when they are first used, and kept."""

    def __init__(self, shop: ShopFacts, templates: Path | None = None) -> None:
        """`templates`: the shop's folder of its own. Raises ConfigurationError where it cannot be read."""
        self._shop = shop
        self._folders = Folders(templates)
        shipped = FileSystemLoader(SHIPPED)
        loaders: list[BaseLoader] = [] if templates is None else [FileSystemLoader(templates)]
        loader = ChoiceLoader([*loaders, shipped, PrefixLoader({SHIPPED_AS.rstrip("/"): shipped})])
        plain, html = _environment(loader, autoescape=False), _environment(loader, autoescape=True)
        plain.globals |= {"p": _text_paragraph, "box": _text_box}
        html.globals |= {"p": _in(*_HTML_P), "box": _in(*_HTML_BOX)}
        self._in_text, self._in_html = Chains(plain), Chains(html)
        self._chosen: dict[tuple[tuple[str, ...], object], _Chosen | None] = {}
        self._writers: dict[tuple[Part, str], Write] = {}

    def render(self, data: Mapping[str, Any], unsubscribe_url: str) -> Message:
        """The message of an `outreach.requested`'s data. An empty `unsubscribe_url` leaves that link out.

        Raises TemplateError where a template cannot be written, ConfigurationError where there is none.
        """
        names = _names(data)
        chosen = self._choice(names, data.get("locale"))
        if chosen is None:
            raise ConfigurationError(f"No template writes a message of the kind {data.get('kind')!r}.")
        return self._write(names, chosen, data, unsubscribe_url)

    def locale_of(self, data: Mapping[str, Any]) -> str | None:
        """Of the templates that write this message; None where none does."""
        chosen = self._choice(_names(data), data.get("locale"))
        return None if chosen is None else chosen.locale

    def check(self) -> None:
        """Writes every message once, to people of whom much and of whom nothing is known.

        Raises TemplateError, which names the first template that cannot be used and the line.
        """
        for name in self._folders.nameless:
            raise TemplateError(
                name, None, "its name is not KIND.LOCALE or KIND.RUNG.LOCALE, such as win_back.remind.fr.html"
            )
        for stands, template in self._folders.messages():
            names = _own_names(stands)
            for part in Part:
                if self._folders.template_of(part, names, stands.locale) is None:
                    beside = f"{stands.name}.{stands.locale}.{part.value}"
                    raise TemplateError(template, None, f"there is no {beside} beside it, nor a .jinja for the whole")
            for sample in samples_of(stands.name, stands.locale):
                chosen = self._templates(names, stands.locale, sample.get("locale"))
                self._write(names, chosen, sample, _UNSUBSCRIBE)

    def _choice(self, names: tuple[str, ...], wished: object) -> _Chosen | None:
        """None = no template writes such a message."""
        wished = wished if isinstance(wished, str) else None
        if (names, wished) not in self._chosen:
            if len(self._chosen) >= _MOST_CHOSEN:
                self._chosen.clear()
            locale = self._folders.locale_of(names, self._locales(wished))
            self._chosen[names, wished] = None if locale is None else self._templates(names, locale, wished)
        return self._chosen[names, wished]

    def _templates(self, names: tuple[str, ...], locale: str, wished: object) -> _Chosen:
        spoken = next((each for each in self._locales(wished) if _language(each) == _language(locale)), locale)
        subject, text, html = (self._folders.template_of(part, names, locale) for part in Part)
        return _Chosen(locale, spoken, subject, text, html)

    def _locales(self, locale: object) -> list[str]:
        """In which languages a message may be written, the best first."""
        wished = [locale] if isinstance(locale, str) and locale else []
        found: list[str] = []
        for each in [*wished, self._shop.locale, "en"]:
            full = each.replace("_", "-")
            found += [full, _language(full)]
        return list(dict.fromkeys(found))

    def _write(self, names: tuple[str, ...], chosen: _Chosen, data: Mapping[str, Any], unsubscribe_url: str) -> Message:
        variables = told(data, self._shop, chosen.spoken, unsubscribe_url)
        named = f"{names[0]}.{chosen.locale}"
        subject = self._part(Part.SUBJECT, chosen.subject, named, variables)
        variables["subject"] = _line(subject)
        if not variables["subject"]:
            raise TemplateError(named, None, "its subject line is empty")
        text = self._part(Part.TEXT, chosen.text, named, variables)
        html = self._part(Part.HTML, chosen.html, named, variables)
        return Message(variables["subject"], _BLANK_LINES.sub("\n\n", text).strip() + "\n", html.strip() + "\n")

    def _part(self, part: Part, template: str | None, named: str, variables: Mapping[str, Any]) -> str:
        if template is None:
            raise TemplateError(named, None, f"there is no .{part.value} and no .jinja of it")
        try:
            return self._writer(part, template)(variables)
        except TemplateSyntaxError as error:
            raise TemplateError(error.name or template, error.lineno, error.message or "it is not Jinja") from error
        except TemplateNotFound as error:
            raise TemplateError(template, None, f"it names a template that does not exist ({error.name})") from error
        except (JinjaError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise TemplateError(*_place(error, template), f"{error}") from error

    def _writer(self, part: Part, template: str) -> Write:
        found = self._writers.get((part, template))
        if found is None:
            chains = self._in_html if part is Part.HTML else self._in_text
            found = self._writers[part, template] = chains.writer_of(template, f"layout.{part.value}")
        return found


def _language(locale: str) -> str:
    return locale.split("-", 1)[0].lower()


def _names(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Under which names a message may be written, the best first: its template key, its rung, its kind."""
    kind = str(data["kind"])
    return tuple(dict.fromkeys([str(data.get("template") or kind), f"{kind}.{data['rung']}", kind]))


def _own_names(stands: Stands) -> tuple[str, ...]:
    """Those under which parts of this message may lie: its own, and the kind's."""
    return tuple(dict.fromkeys([stands.name, stands.name.split(".", 1)[0]]))


def _environment(loader: BaseLoader, *, autoescape: bool) -> Environment:
    return Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - HTML is escaped, plain text has nothing to escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=400,
    )


def _in(before: str, after: str) -> Callable[..., Markup]:
    def around(caller: Callable[[], str]) -> Markup:
        return Markup(f"{before}{_line(caller())}{after}")  # noqa: S704 - what a template has escaped

    return around


def _line(text: str) -> str:
    """Without line breaks; blanks that keep words together stay."""
    return _BREAKS.sub(" ", text).strip(" ")


def _text_paragraph(caller: Callable[[], str]) -> str:
    return wrapped(_line(caller())) + "\n\n"


def wrapped(line: str) -> str:
    """A line of words broken at blanks; the standard library's way costs ten times as much."""
    lines = []
    while len(line) > _WIDTH:
        end = line.rfind(" ", 0, _WIDTH + 1)
        if end < 0 and (end := line.find(" ", _WIDTH)) < 0:
            break
        lines.append(line[:end])
        line = line[end + 1 :]
    return "\n".join([*lines, line])


def _text_box(caller: Callable[[], str]) -> str:
    return f"    * {_line(caller())} *\n\n"


def _place(error: BaseException, template: str) -> tuple[str, int | None]:
    """(template, line) in which rendering failed: Jinja rewrites the traceback to the templates' own lines."""
    place: tuple[str, int | None] = (template, None)
    traceback = error.__traceback__
    while traceback is not None:
        file = Path(traceback.tb_frame.f_code.co_filename)
        if file.suffix[1:] in {"jinja", *Part}:
            place = (file.name, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
