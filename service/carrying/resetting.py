"""A group's state is taken away, so that its workers begin at the beginning."""

from __future__ import annotations

from contextlib import closing

from service.carrying.idle import groups_of, refuse_active
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of
from service.config import Settings
from service.errors import TransientError


def reset_state(settings: Settings, *, remove: bool = False, outputs: bool = False) -> list[str]:
    """Takes the group's state away, so that its workers begin at the beginning of the inputs. Returns what is gone.

    `remove`: for good, with the groups of those who deliver. `outputs`: what was told of it too; both leave the inputs.
    """
    kafka = settings.kafka
    with closing(topics.connect(kafka)) as admin:
        refuse_active(admin, settings)
        own = [kafka.state_topic, kafka.ledger_topic, kafka.carried_topic]
        told = topics.output_names(settings) if outputs else []
        with open_reader(kafka) as reader:
            partitions = len(partitions_of(reader, kafka.state_topic))
        gone = topics.delete(settings, [*own, *told])
        groups = groups_of(admin, settings)
        groups = groups if remove else [group for group in groups if group == kafka.group]
        for group, ended in (admin.delete_groups(groups) if groups else {}).items():
            if ended not in {"OK", "GroupIdNotFoundError"}:
                raise TransientError(f"The consumer group {group} could not be deleted ({ended}): try again.")
    if not remove and partitions:
        topics.create(settings)
    return [*gone, *(f"consumer group {group}" for group in groups)]
