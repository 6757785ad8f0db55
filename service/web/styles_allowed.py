"""A Content-Security-Policy for a document that has to bring its styles along, as a mail does: these very ones, and no
other."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import Final

_REST: Final = "base-uri 'none'; frame-ancestors 'none'"


def policy_for(html: str, *, form_action: str = "'none'") -> str:
    """Nothing is loaded; the document's own style sheets and style attributes apply."""
    found = _Styles()
    found.feed(html)
    found.close()
    hashes = [_hash(each) for each in dict.fromkeys([*found.sheets, *found.attributes])]
    if found.attributes:
        hashes.insert(0, "'unsafe-hashes'")  # CSP 3: only with it may a hash allow an attribute
    styles = " ".join(hashes or ["'none'"])
    return f"default-src 'none'; style-src {styles}; form-action {form_action}; {_REST}"


def _hash(style: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"


class _Styles(HTMLParser):
    """Collects them as a browser sees them: character references resolved in attributes, and untouched in sheets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.sheets: list[str] = []
        self.attributes: list[str] = []
        self._in_sheet = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "style":
            self._in_sheet = True
            self.sheets.append("")
        self.attributes += [value for name, value in attrs if name == "style" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._in_sheet = False

    def handle_data(self, data: str) -> None:
        if self._in_sheet:
            self.sheets[-1] += data
