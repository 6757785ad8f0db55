"""Writes everything that is made here."""

from __future__ import annotations

import argparse

from deploy.monitoring.files import ROOT, made

parser = argparse.ArgumentParser(prog="python -m deploy.monitoring", description=__doc__)
parser.add_argument(
    "--runbooks", metavar="ADDRESS", help="where docs/runbooks.md can be read; alerts and panels link there"
)
for path, text in made(parser.parse_args().runbooks).items():
    (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / path).write_text(text, encoding="utf-8")
