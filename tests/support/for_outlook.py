"""What Outlook on Windows, which shows mail as Word would, makes of a page: it knows tables, colours and fonts, and
next to nothing of CSS.

Source of what it leaves out: the support tables of caniemail.com, for "Outlook (Windows)".
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_COMMENT: Final = re.compile(r"<!--\[if (!?)mso\]>(?:<!-->)?(.*?)(?:<!--)?<!\[endif\]-->", re.DOTALL)
_LEFT_OUT: Final = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*(?:flex|grid)|position|float|background(?:-image)?\s*:\s*url|gap)\b"
)
_WITHOUT_END: Final = frozenset({"meta", "br", "img", "link", "input", "hr"})
_FONTS: Final = re.compile(r"(?:^|;)\s*font-family\s*:")


def as_outlook_reads_it(html: str) -> str:
    """What is in its own comments is there, what is for all others is not."""
    return _COMMENT.sub(lambda found: "" if found[1] else found[2], html)


def faults_in_outlook(html: str) -> list[str]:
    """Empty: it is laid out as everywhere else."""
    reading = _Reading()
    reading.feed(as_outlook_reads_it(html))
    reading.close()
    return reading.faults + [f"<{left}> is not closed" for left, _ in reading.open]


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        style = given.get("style", "")
        if found := _LEFT_OUT.search(style):
            self.faults.append(f"<{tag}>: {found[0].strip(' ;')} is not known to it")
        if tag in {"img", "svg", "script", "form", "button", "iframe"}:
            self.faults.append(f"<{tag}> is not shown, or blocked")
        fixed = any(table.get("width", "").isdigit() for table in self._tables())
        if "max-width" in style and "mso-hide:all" not in style and not fixed:
            self.faults.append(f"<{tag}> is as wide as the window: max-width is not known to it")
        if tag == "a" and not re.search(r"(?:^|;)\s*color\s*:", style):
            self.faults.append("a link has the colour of the program")
        if tag == "p" and "margin" not in style:
            self.faults.append("a paragraph has the distances of the program")
        if tag not in _WITHOUT_END:
            self.open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes what is not open")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not data.strip() or any(tag in {"style", "title", "o:pixelsperinch"} for tag, _ in self.open):
            return
        if "mso-hide:all" in "".join(given.get("style", "") for _, given in self.open):
            return
        inside = [tag for tag, _ in self.open]
        if "td" not in inside and "th" not in inside:
            self.faults.append(f"a text in no cell: {data.strip()[:40]!r}")
        elif not any(_FONTS.search(given.get("style", "")) for _, given in self.open):
            self.faults.append(f"a text in a font of the program: {data.strip()[:40]!r}")

    def _tables(self) -> list[dict[str, str]]:
        return [given for tag, given in self.open if tag == "table"]
