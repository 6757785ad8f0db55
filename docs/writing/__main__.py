"""Writes what the code knows into the pages of docs/."""

from __future__ import annotations

from docs.writing.pages import DOCS, written

for name, text in written().items():
    (DOCS / name).write_text(text, encoding="utf-8")
