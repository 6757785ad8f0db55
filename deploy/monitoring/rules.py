"""Prometheus' files and the runbooks from the alerts. YAML is written by hand: its strings are those of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from deploy.monitoring.alerts import ALERTS, RECORDINGS, Alert

RUNBOOKS: Final = "docs/runbooks.md"
WRITTEN: Final = "written by `python -m deploy.monitoring`"
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPOKEN: Final = re.compile(r"(?P<before>\[|offset |SECONDS\()(?P<number>\d+)(?P<unit>[smhd])(?P<after>\)?)")

Duration = Callable[[float], float]
"""Seconds of production → seconds of the rules that are written."""


def unchanged(seconds: float) -> float:
    return seconds


def rules(window: Duration = unchanged, hold: Duration = unchanged, runbooks: str = RUNBOOKS) -> str:
    """Recording and alert rules. `window` is for what is looked back upon, `hold` for how long something must last."""
    lines = [f"# {WRITTEN}.", "groups:", "  - name: churn-alert-records", "    rules:"]
    for recording in RECORDINGS:
        lines += [f"      - record: {recording.name}", f"        expr: {json.dumps(_timed(recording.expr, window))}"]
    lines += ["  - name: churn-alert", "    rules:"]
    for alert in ALERTS:
        lines += [
            f"      - alert: {alert.name}",
            f"        expr: {json.dumps(_timed(alert.expr, window))}",
            f"        for: {_text(hold(_seconds(alert.hold)))}",
            "        labels:",
            f"          severity: {alert.severity}",
            "        annotations:",
            f"          summary: {json.dumps(alert.summary, ensure_ascii=False)}",
            f"          description: {json.dumps(alert.means, ensure_ascii=False)}",
            f"          runbook_url: {json.dumps(f'{runbooks}#{anchor(alert)}')}",
        ]
    return "\n".join(lines) + "\n"


def kubernetes_rules(runbooks: str = RUNBOOKS) -> str:
    """The same rules for the operator of Prometheus."""
    groups = rules(runbooks=runbooks).partition("groups:\n")[2]
    head = (
        f"# {WRITTEN}.",
        "apiVersion: monitoring.coreos.com/v1",
        "kind: PrometheusRule",
        "metadata:",
        "  name: churn-alert",
        "spec:",
        "  groups:",
    )
    return "\n".join([*head, *(f"  {line}" for line in groups.splitlines())]) + "\n"


def runbook_page() -> str:
    """docs/runbooks.md."""
    lines = [
        "# Runbooks",
        "",
        f"What each alert means, what to do, and what happens if you do nothing. This page is {WRITTEN}",
        "from `deploy/monitoring/alerts.py`, like the rules in `deploy/prometheus/rules.yml`.",
        "",
    ]
    for alert in ALERTS:
        lasts = "" if alert.hold == "0s" else f" for {alert.hold}"
        lines += [
            f"## {alert.name}",
            "",
            f"*{alert.severity}*, when `{_timed(alert.expr, unchanged)}`{lasts}.",
            "",
            f"**What it means.** {alert.means}",
            "",
            f"**What to do.** {alert.do}",
            "",
            f"**If you do nothing.** {alert.nothing}",
            "",
        ]
    return "\n".join(lines)


def anchor(alert: Alert) -> str:
    """Of its heading, as Markdown renderers make it."""
    return alert.name.lower()


def _timed(expr: str, window: Duration) -> str:
    def scaled(match: re.Match[str]) -> str:
        seconds = window(float(match["number"]) * _UNITS[match["unit"]])
        if match["before"] == "SECONDS(":
            return f"{seconds:g}"
        return match["before"] + _text(seconds) + match["after"]

    return _SPOKEN.sub(scaled, expr)


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * _UNITS[duration[-1]]


def _text(seconds: float) -> str:
    """As Prometheus reads a duration: whole units, milliseconds if need be."""
    for unit in "dhm":
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds / _UNITS[unit])}{unit}"
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{int(seconds * 1_000)}ms"
