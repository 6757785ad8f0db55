"""How the service is deployed; its rules and dashboards are made here."""
