"""One TOML file, every value overridable by the environment, validated at start with the offending key named.

Order of precedence: environment (`CHURN_ALERT_KAFKA__GROUP=…`, two underscores between section and key), then the file
(`churn-alert --config FILE`, or `CHURN_ALERT_CONFIG`), then the defaults in sections/.

Printed, dumped or logged, a secret is asterisks, which no setting takes for one. Beside each stands a setting that
names a file which holds it, and systemd's credentials are looked at (secret_files.py). `child_environment` is the only
way to hand settings on.
"""

from service.config.children import child_environment
from service.config.loading import load_settings
from service.config.secret_files import secret_by_now, secret_in
from service.config.sections.delivery import DeliverSettings, SmtpSettings, WebhookSettings
from service.config.sections.ingest import IngestSettings, SourceSettings
from service.config.sections.kafka import DEFAULT_PARTITIONS, KafkaSettings, TopicNames
from service.config.sections.logs import LogSettings
from service.config.sections.notices import NoticeSettings, ThresholdSettings
from service.config.sections.outreach import OutreachSettings
from service.config.sections.registry import RegistrySettings
from service.config.sections.shop import ShopSettings
from service.config.sections.targets import TargetSettings
from service.config.sections.web import WebSettings
from service.config.settings import Settings
from service.config.variables import BESIDE_THE_SETTINGS, ENV_PREFIX

__all__ = [
    "BESIDE_THE_SETTINGS",
    "DEFAULT_PARTITIONS",
    "ENV_PREFIX",
    "DeliverSettings",
    "IngestSettings",
    "KafkaSettings",
    "LogSettings",
    "NoticeSettings",
    "OutreachSettings",
    "RegistrySettings",
    "Settings",
    "ShopSettings",
    "SmtpSettings",
    "SourceSettings",
    "TargetSettings",
    "ThresholdSettings",
    "TopicNames",
    "WebSettings",
    "WebhookSettings",
    "child_environment",
    "load_settings",
    "secret_by_now",
    "secret_in",
]
