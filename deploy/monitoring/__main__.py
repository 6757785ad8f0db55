"""Writes everything that is made here."""

from __future__ import annotations

from deploy.monitoring.files import ROOT, made

for path, text in made().items():
    (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / path).write_text(text, encoding="utf-8")
