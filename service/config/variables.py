"""Names of environment variables."""

from __future__ import annotations

CONFIG_VARIABLE = "CHURN_ALERT_CONFIG"
ENV_PREFIX = "CHURN_ALERT_"
BESIDE_THE_SETTINGS = frozenset(
    {
        "CHURN_ALERT_CACHE",
        "CHURN_ALERT_COMPILE",
        "CHURN_ALERT_TESTS_RUN",
        "CHURN_ALERT_TEST_BROKER",
        "CHURN_ALERT_TEST_LOGS",
    }
)
"""Variables with the prefix that belong to the machine and set nothing."""
