"""Every file that is made here, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.monitoring.dashboards import dashboards
from deploy.monitoring.rules import RUNBOOKS, rules, runbook_page

ROOT: Final = Path(__file__).resolve().parents[2]


def made() -> dict[str, str]:
    """Path below the root → text."""
    boards = {f"deploy/grafana/dashboards/{name}": text for name, text in dashboards().items()}
    return {"deploy/prometheus/rules.yml": rules(), RUNBOOKS: runbook_page(), **boards}
