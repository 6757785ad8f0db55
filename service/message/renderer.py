"""Writes messages: `outreach.requested` in, subject, text and HTML out.

A whole message (`.jinja`) is written three times, each time within another layout; its paragraphs are `{% call p() %}`
and know how they look there. Every variable that a template names must exist (told.py lists them), and `check` writes
all messages once, so that a mistake is told at the start and not in the middle of the night.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

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
from service.message.folders import SHIPPED, SHIPPED_AS, Folders, Part, Stands
from service.message.message import Message, ShopFacts
from service.message.samples import samples_of
from service.message.told import told

_WIDTH: Final = 72
"""Columns of the plain text, as mail programs have quoted it since ever."""
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_BREAKS: Final = re.compile(r"[ \t\r\n\v\f]+")
_UNSUBSCRIBE: Final = "https://shop.example/unsubscribe?token=sample"
_HTML_P: Final = Markup('<p class="text" style="margin:0 0 16px 0;">{}</p>')
_HTML_BOX: Final = Markup(
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:4px 0 20px 0;"><tr>'
    '<td class="box" align="center" bgcolor="#f6ece0" style="padding:16px 20px;border:1px dashed #a2643c;border-radius:8px;'
    'background-color:#f6ece0;color:#3b2a1e;font-size:20px;line-height:28px;font-weight:bold;">{}</td></tr></table>'
)


class TemplateError(ConfigurationError):
    """A template that cannot write its message."""

    def __init__(self, template: str, line: int | None, what: str) -> None:
        place = template if line is None else f"{template}, line {line}"
        super().__init__(f"The template {place} cannot be used: {what.rstrip('.')}.")
        self.template = template
        self.line = line


class Renderer:
    """All messages of one shop. Templates are compiled when they are first used, and kept."""

    def __init__(self, shop: ShopFacts, templates: Path | None = None) -> None:
        """`templates`: the shop's folder of its own. Raises ConfigurationError where it cannot be read."""
        self._shop = shop
        self._folders = Folders(templates)
        shipped = FileSystemLoader(SHIPPED)
        loaders: list[BaseLoader] = [] if templates is None else [FileSystemLoader(templates)]
        loader = ChoiceLoader([*loaders, shipped, PrefixLoader({SHIPPED_AS.rstrip("/"): shipped})])
        self._plain = _environment(loader, autoescape=False)
        self._plain.globals |= {"p": _text_paragraph, "box": _text_box}
        self._html = _environment(loader, autoescape=True)
        self._html.globals |= {"p": _in(_HTML_P), "box": _in(_HTML_BOX)}

    def render(self, data: Mapping[str, Any], unsubscribe_url: str) -> Message:
        """The message of an `outreach.requested`'s data. An empty `unsubscribe_url` leaves that link out.

        Raises TemplateError where a template cannot be written, ConfigurationError where there is none.
        """
        names = _names(data)
        locale = self._folders.locale_of(names, self._locales(data.get("locale")))
        if locale is None:
            raise ConfigurationError(f"No template writes a message of the kind {data.get('kind')!r}.")
        return self._write(names, locale, data, unsubscribe_url)

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
                self._write(names, stands.locale, sample, _UNSUBSCRIBE)

    def _locales(self, locale: object) -> list[str]:
        """In which languages a message may be written, the best first."""
        wished = [locale] if isinstance(locale, str) and locale else []
        found: list[str] = []
        for each in [*wished, self._shop.locale, "en"]:
            full = each.replace("_", "-")
            found += [full, _language(full)]
        return list(dict.fromkeys(found))

    def _write(self, names: list[str], locale: str, data: Mapping[str, Any], unsubscribe_url: str) -> Message:
        spoken = next(
            (each for each in self._locales(data.get("locale")) if _language(each) == _language(locale)), locale
        )
        variables = told(data, self._shop, spoken, unsubscribe_url)
        subject = self._part(Part.SUBJECT, self._plain, names, locale, variables)
        variables["subject"] = _line(subject)
        if not variables["subject"]:
            raise TemplateError(f"{names[0]}.{locale}", None, "its subject line is empty")
        text = self._part(Part.TEXT, self._plain, names, locale, variables)
        html = self._part(Part.HTML, self._html, names, locale, variables)
        return Message(variables["subject"], _BLANK_LINES.sub("\n\n", text).strip() + "\n", html.strip() + "\n")

    def _part(
        self, part: Part, environment: Environment, names: list[str], locale: str, variables: Mapping[str, Any]
    ) -> str:
        template = self._folders.template_of(part, names, locale)
        if template is None:
            raise TemplateError(f"{names[0]}.{locale}", None, f"there is no .{part.value} and no .jinja of it")
        try:
            return environment.get_template(template).render({**variables, "layout": f"layout.{part.value}"})
        except TemplateSyntaxError as error:
            raise TemplateError(error.name or template, error.lineno, error.message or "it is not Jinja") from error
        except TemplateNotFound as error:
            raise TemplateError(template, None, f"it names a template that does not exist ({error.name})") from error
        except (JinjaError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise TemplateError(*_place(error, template), f"{error}") from error


def _language(locale: str) -> str:
    return locale.split("-", 1)[0].lower()


def _names(data: Mapping[str, Any]) -> list[str]:
    """Under which names a message may be written, the best first: its template key, its rung, its kind."""
    kind = str(data["kind"])
    return list(dict.fromkeys([str(data.get("template") or kind), f"{kind}.{data['rung']}", kind]))


def _own_names(stands: Stands) -> list[str]:
    """Those under which parts of this message may lie: its own, and the kind's."""
    return list(dict.fromkeys([stands.name, stands.name.split(".", 1)[0]]))


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


def _in(wrapped: Markup) -> Callable[..., Markup]:
    def around(caller: Callable[[], str]) -> Markup:
        return wrapped.format(Markup(_line(caller())))  # noqa: S704 - what a template has escaped

    return around


def _line(text: str) -> str:
    """Without line breaks; blanks that keep words together stay."""
    return _BREAKS.sub(" ", text).strip(" ")


def _text_paragraph(caller: Callable[[], str]) -> str:
    """Broken at blanks; the standard library's way costs three times as much."""
    lines: list[str] = []
    line = ""
    for word in _line(caller()).split(" "):
        if line and len(line) + len(word) >= _WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line]) + "\n\n"


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
