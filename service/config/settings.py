"""The whole configuration as one frozen value, and what the engine is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import (
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.config.secret_files import with_credentials
from service.config.sections.clocks import TimeSettings
from service.config.sections.delivery import DeliverSettings
from service.config.sections.files import FileSettings
from service.config.sections.ingest import IngestSettings
from service.config.sections.inputs import InputSettings
from service.config.sections.kafka import KafkaSettings
from service.config.sections.letter import LetterSettings
from service.config.sections.limits import LimitSettings
from service.config.sections.logs import LogSettings
from service.config.sections.notices import NoticeSettings
from service.config.sections.outreach import DEFAULT_CONTROL_SHARE, OutreachSettings
from service.config.sections.registry import RegistrySettings
from service.config.sections.shop import ShopSettings
from service.config.sections.targets import TargetSettings
from service.config.sections.web import WebSettings
from service.config.variables import ENV_PREFIX
from service.domain import policy
from service.domain.policy import QuietTimes
from service.errors import ConfigurationError, in_plain_words


class Settings(BaseSettings):
    """The whole configuration; frozen."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    shop: ShopSettings = ShopSettings()
    limits: LimitSettings = LimitSettings()
    time: TimeSettings = TimeSettings()
    outreach: OutreachSettings = OutreachSettings()
    web: WebSettings = WebSettings()
    deliver: DeliverSettings = DeliverSettings()
    log: LogSettings = LogSettings()
    targets: TargetSettings = TargetSettings()
    notices: NoticeSettings = NoticeSettings()
    letter: LetterSettings = LetterSettings()
    files: FileSettings = FileSettings()
    inputs: InputSettings = InputSettings()
    registry: RegistrySettings = RegistrySettings()
    ingest: IngestSettings = IngestSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings  # the file arrives as keyword arguments, below the environment

    @model_validator(mode="before")
    @classmethod
    def _credentials_of_the_system(cls, given: Any) -> Any:
        return with_credentials(cls, given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _policy_holds(self) -> Self:
        self.policy()
        return self

    @model_validator(mode="after")
    def _customers_come_from_elsewhere(self) -> Self:
        topic = self.inputs.customers.topic
        same = next((name for name, own in dict(self.kafka.topics).items() if own == topic), None)
        if same is not None:
            raise ValueError(f"inputs.customers.topic {topic} is kafka.topics.{same}: it has to be a topic of its own")
        return self

    def policy(self, partitions: int = 1, partition: int = 0) -> policy.Policy:
        """What the engine of one of so many partitions, of that number, is told: limits of the whole shop are split
        evenly."""
        shop, time, out = self.shop, self.time, self.outreach
        return policy.Policy(
            shop=policy.Shop(
                timezone=shop.timezone,
                currency=shop.currency,
                minor_digits=shop.minor_digits,
                regular_min_visits=shop.regular_min_visits,
                history_days=shop.history_days,
                max_lifespan_years=shop.max_lifespan_years,
            ),
            timing=policy.Timing(
                clock=time.clock,
                max_jump_days=time.max_jump_days,
                jump_confirmations=time.jump_confirmations,
                feed_silence_hours=time.feed_silence_hours,
            ),
            outreach=policy.OutreachPolicy(
                measure=out.rule,
                level=out.promise,
                patience=out.patience,
                rungs=tuple(
                    policy.Rung(
                        name=r.name, strictness=r.strictness, offer=r.offer, template=r.template or f"win_back.{r.name}"
                    )
                    for r in out.rungs
                ),
                consent=out.consent or policy.ConsentRule.REQUIRED,
                shadow=out.shadow,
                stale_after_days=out.stale_after_days,
                overdue_per_hour=out.overdue_per_hour,
                at_most_per_hour=max(1, out.at_most_per_hour // partitions),
                attribution_days=out.attribution_days,
                expires_after_days=out.expires_after_days,
                switched_on=out.switched_on(),
                occasions=out.occasions(partitions),
                volume_per_100_visits=out.volume_per_100_visits,
                volume_per_day=None if out.volume_per_day is None else out.volume_per_day / partitions,
                volume_for_loyal=out.volume_for_loyal,
                messages_are_sent=self._messages_are_sent(),
                control_share=self._control_share(),
                control_rotates=out.control_rotates,
                frequency_caps=tuple(policy.FrequencyCap(cap.messages, cap.days) for cap in out.frequency_caps),
                cool_down_days=out.cool_down_days,
                unhappy=policy.Unhappiness(out.unhappy_days, out.unhappy_nps, out.unhappy_csat, out.unhappy_ces),
                min_value_minor=int(out.min_value.scaleb(shop.minor_digits).to_integral_value()),
                quiet=self.quiet_times(),
                daily_limit=out.daily_limit,
                partition=partition,
                partitions=partitions,
            ),
        )

    def quiet_times(self) -> QuietTimes:
        """When nobody is written to."""
        return self.outreach.quiet_times(self.shop.store_timezones)

    def _messages_are_sent(self) -> bool:
        given = self.outreach.messages_are_sent
        return self.time.clock is policy.ClockMode.WALL if given is None else given

    def _control_share(self) -> float:
        given = self.outreach.control_share
        if given is not None:
            return given
        return 0.0 if self.time.clock is policy.ClockMode.EVENT else DEFAULT_CONTROL_SHARE

    def changed(self, **sections: dict[str, Any]) -> Settings:
        """A copy with some keys of some sections replaced and everything validated again. Raises ConfigurationError."""
        update = {}
        for name, keys in sections.items():
            model = getattr(self, name)
            try:
                update[name] = type(model)(**{**dict(model), **keys})
            except ValidationError as error:
                raise ConfigurationError(sentence_of(error, None, name)) from error
        copy = self.model_copy(update=update)
        try:
            copy.policy()
        except ValueError as error:
            raise ConfigurationError(f"{error}.") from error
        return copy


def sentence_of(error: ValidationError, file: Path | None, section: str | None = None) -> str:
    """What is wrong with which key, for a person. `section` is that of the model, where it is not the whole
    configuration."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = first["loc"] if section is None else (section, *first["loc"])
    key = ".".join(str(part) for part in place) or "the configuration"
    what = "is not a known setting" if first["type"] == "extra_forbidden" else in_plain_words(first["msg"])
    source = f" (in {file} or the environment)" if file else ""
    more = f"; {error.error_count() - 1} more like it" if error.error_count() > 1 else ""
    return f"{key}: {what}{source}{more}."
