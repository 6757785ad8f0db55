"""Every file that is made here, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.monitoring.dashboards import dashboards
from deploy.monitoring.rules import RUNBOOKS, kubernetes_rules, rules, runbook_page

ROOT: Final = Path(__file__).resolve().parents[2]


def made(runbooks: str | None = None) -> dict[str, str]:
    """Path below the root → text.

    `runbooks`: the address at which docs/runbooks.md can be read, for alerts and panels to link to. None = alerts name
    the file, and panels link to where Grafana itself serves it once it is put there.
    """
    boards = dashboards() if runbooks is None else dashboards(runbooks)
    return {
        "deploy/prometheus/rules.yml": rules(runbooks=runbooks or RUNBOOKS),
        "deploy/kubernetes/prometheus-rule.yaml": kubernetes_rules(runbooks or RUNBOOKS),
        RUNBOOKS: runbook_page(),
        **{f"deploy/grafana/dashboards/{name}": text for name, text in boards.items()},
    }
