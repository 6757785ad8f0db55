"""Makes topics as they are planned, and where a broker refuses a setting, as near to it as it allows.

A policy of the broker's refuses a topic as a whole, and says which setting it is about in words of its own, or not at
all. So each setting that a topic can do without is tried alone, without anything being made, and the first value that
passes is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kafka import errors

from service.cluster.topic_plan import TopicSpec
from service.cluster.topic_reasons import SPARED
from service.errors import ConfigurationError

_REFUSALS: Final = (errors.PolicyViolationError, errors.InvalidConfigurationError, errors.InvalidRequestError)
_AUTHORIZATION: Final = (errors.TopicAuthorizationFailedError, errors.ClusterAuthorizationFailedError)


class NoRightToCreateError(ConfigurationError):
    """The broker lets us make no topics."""


def make(admin: Any, missing: Sequence[TopicSpec]) -> list[str]:
    """Creates them; returns a sentence for each setting that a broker has refused. Raises ConfigurationError where one
    could not be made."""
    said = list[str]()
    refused = {spec.name: why for spec, why in _ask(admin, missing, {spec.name: spec.configs for spec in missing})}
    specs = [spec for spec in missing if spec.name in refused]
    if not specs:
        return said
    granted = {spec.name: {k: v for k, v in spec.configs.items() if k not in SPARED} for spec in specs}
    for key, spared in SPARED.items():
        asking = [spec for spec in specs if key in spec.configs]
        for value in (None, *spared.instead):  # None: as it is planned
            if not asking:
                break
            wanted = {spec.name: spec.configs[key] if value is None else value for spec in asking}
            alone = {spec.name: _without_spared(spec) | {key: wanted[spec.name]} for spec in asking}
            no = {spec.name for spec, _ in _ask(admin, asking, alone, only_ask=True)}
            for spec in asking:
                if spec.name not in no:
                    granted[spec.name][key] = wanted[spec.name]
            asking = [spec for spec in asking if spec.name in no]
    for spec, why in _ask(admin, specs, granted):
        raise _could_not(spec.name, why)
    for spec in specs:
        said += _told(spec, granted[spec.name], refused[spec.name])
    return said


def _told(spec: TopicSpec, granted: Mapping[str, str], why: str) -> Iterator[str]:
    for key, value in spec.configs.items():
        got = granted.get(key)
        if got is None:
            yield (
                f"Topic {spec.name} was created without {key}={value}, which the broker refuses ({why}): "
                f"{SPARED[key].cost}."
            )
        elif got != value:
            yield (
                f"Topic {spec.name} was created with {key}={got} instead of {value}, which the broker refuses ({why})."
            )


def _without_spared(spec: TopicSpec) -> dict[str, str]:
    return {key: value for key, value in spec.configs.items() if key not in SPARED}


def _ask(
    admin: Any, specs: Sequence[TopicSpec], configs: Mapping[str, Mapping[str, str]], *, only_ask: bool = False
) -> Iterator[tuple[TopicSpec, str]]:
    """Those that the broker refuses for their settings, and what it says. Raises ConfigurationError where it refuses
    one for another reason."""
    request = {
        spec.name: {
            "num_partitions": spec.partitions,
            "replication_factor": spec.replication or -1,
            "configs": dict(configs[spec.name]),
        }
        for spec in specs
    }
    by_name = {spec.name: spec for spec in specs}
    for topic in admin.create_topics(request, raise_errors=False, validate_only=only_ask)["topics"]:
        error = errors.for_code(topic["error_code"])
        why = str(topic["error_message"] or error.__name__).rstrip(".")
        if error in _REFUSALS:
            yield by_name[topic["name"]], why
        elif error in _AUTHORIZATION:
            raise NoRightToCreateError(topic["name"])
        elif error not in {errors.NoError, errors.TopicAlreadyExistsError}:  # the other: somebody was quicker
            raise _could_not(topic["name"], why)


def _could_not(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Topic {name} could not be created ({why}): choose other --partitions or --replication, or let an administrator "
        "of the broker create it as `churn-alert topics plan` says."
    )
