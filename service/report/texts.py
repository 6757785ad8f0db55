"""The report's language: its own texts first, then those that the page has already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from babel import Locale

from service.web.texts import Tongue
from service.wording.english.report import ENGLISH
from service.wording.french.report import FRENCH
from service.wording.sentences import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {Language.EN: ENGLISH, Language.FR: FRENCH}


@dataclass(frozen=True, slots=True)
class ReportTongue(Tongue):
    """As the page's, with more to say."""

    def optional(self, key: str, /, **filled: object) -> str | None:
        text = TEXTS[self.language].get(key)
        if text is None:
            return Tongue.optional(self, key, **filled)
        if self.language is Language.FR:  # these keep together with their words
            text = re.sub(r"(?<=«) | (?=[»:;?!%])", "\u00a0", text)
        return text.format(**filled)


def tongue_in(language: Language) -> ReportTongue:
    return ReportTongue(language, Locale(language.value))
