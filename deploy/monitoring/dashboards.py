"""Grafana's dashboards from the panels, one file for each board and language."""

from __future__ import annotations

from typing import Final, Literal

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
)

from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.panels import BOARDS, Board, Panel, Words
from deploy.monitoring.rules import anchor

Language = Literal["en", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr")
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
GRAFANAS_OWN: Final = "/public/runbooks.md"
"""A file in Grafana's directory `public` is served by Grafana itself, so the links need no other server."""
_ADDRESS: Final = Words("Address of the runbooks", "Adresse des fiches de dépannage")
_RUNBOOK: Final = Words("Runbook", "Fiche de dépannage")
_GRANULARITY: Final = Words("Period", "Période")
_WHICH: Final = Words("Which", "Laquelle")
_HEIGHT, _LINE_SPAN, _NUMBER_SPAN = 8, 8, 4


def dashboards(runbooks: str = GRAFANAS_OWN) -> dict[str, str]:
    """File name → JSON. `runbooks`: what the address of the runbooks is until somebody changes it in the dashboard."""
    return {
        f"{board.uid}.{language}.json": _board(board, language, runbooks) for board in BOARDS for language in LANGUAGES
    }


def _said(words: Words, language: Language) -> str:
    return words.fr if language == "fr" else words.en


def _board(board: Board, language: Language, runbooks: str) -> str:
    made = (
        dashboard.Dashboard(f"Churn Alert – {_said(board.title, language)}")
        .uid(f"{board.uid}-{language}")
        .description(_said(board.says, language))
        .tags(["churn-alert", language])
        .time("now-24h", "now")
        .refresh("30s")
        .timezone("browser")
        .readonly()
        .link(
            dashboard.DashboardLink("Churn Alert")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["churn-alert", language])
            .as_dropdown(True)
        )
    )
    if any("$granularity" in query for panel in board.panels for query, _ in panel.queries):
        for name, label, values in (
            ("granularity", _GRANULARITY, "month,week,quarter,year,rolling_7,rolling_30,rolling_90,rolling_365"),
            ("which", _WHICH, "current,last_complete"),
        ):
            first = values.partition(",")[0]
            made = made.with_variable(
                dashboard.CustomVariable(name)
                .label(_said(label, language))
                .values(values)
                .current(VariableOption(selected=True, text=first, value=first))
                .multi(True)
            )
    made = made.with_variable(
        dashboard.TextBoxVariable("runbooks")
        .label(_said(_ADDRESS, language))
        .default_value(runbooks)
        .current(VariableOption(selected=True, text=runbooks, value=runbooks))
    )
    for panel in board.panels:
        made = made.with_panel(_panel(panel, language))
    return JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False).encode(made.build()) + "\n"


def _panel(panel: Panel, language: Language) -> stat.Panel | timeseries.Panel:
    steps = [Threshold(value=None, color="green")]
    steps += [
        Threshold(value=at, color=color) for at, color in ((panel.warn, "yellow"), (panel.bad, "red")) if at is not None
    ]
    made: stat.Panel | timeseries.Panel = stat.Panel() if panel.single else timeseries.Panel().fill_opacity(10)
    made = (
        made.title(_said(panel.title, language))
        .description(_said(panel.says, language))
        .unit(panel.unit)
        .datasource(SOURCE)
        .height(_HEIGHT)
        .span(_NUMBER_SPAN if panel.single else _LINE_SPAN)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    )
    for place, (query, legend) in enumerate(panel.queries):
        made = made.with_target(prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + place)))
    if panel.alert is not None:
        alert = next(alert for alert in ALERTS if alert.name == panel.alert)
        made = made.links(
            [
                dashboard.DashboardLink(_said(_RUNBOOK, language))
                .type(DashboardLinkType.LINK)
                .url(f"${{runbooks:raw}}#{anchor(alert)}")
            ]
        )
    return made
