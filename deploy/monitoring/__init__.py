"""What an operator looks at: alerts, runbooks and dashboards, each said once here. `python -m deploy.monitoring` writes
deploy/prometheus, deploy/grafana and docs/runbooks.md from it; a test fails where they differ."""
