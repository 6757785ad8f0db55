"""One TOML file, every value overridable by the environment, validated at start with the offending key named.

Order of precedence: environment (`CHURN_ALERT_KAFKA__GROUP=…`, two underscores between section and key), then the file
(`churn-alert --config FILE`, or `CHURN_ALERT_CONFIG`), then the defaults in sections.py.

Printed, dumped or logged, a secret is asterisks, which no setting takes for one. Beside each stands a setting that
names a file which holds it, and systemd's credentials are looked at (secret_files.py). `child_environment` is the only
way to hand settings on.
"""

from service.config.children import child_environment
from service.config.loading import load_settings
from service.config.notices import NoticeSettings, ThresholdSettings
from service.config.secret_files import secret_in
from service.config.sections import (
    BESIDE_THE_SETTINGS,
    DEFAULT_PARTITIONS,
    ENV_PREFIX,
    DeliverSettings,
    KafkaSettings,
    LogSettings,
    OutreachSettings,
    ShopSettings,
    SmtpSettings,
    TopicNames,
    WebhookSettings,
    WebSettings,
)
from service.config.settings import Settings
from service.config.targets import TargetSettings

__all__ = [
    "BESIDE_THE_SETTINGS",
    "DEFAULT_PARTITIONS",
    "ENV_PREFIX",
    "DeliverSettings",
    "KafkaSettings",
    "LogSettings",
    "NoticeSettings",
    "OutreachSettings",
    "Settings",
    "ShopSettings",
    "SmtpSettings",
    "TargetSettings",
    "ThresholdSettings",
    "TopicNames",
    "WebSettings",
    "WebhookSettings",
    "child_environment",
    "load_settings",
    "secret_in",
]
