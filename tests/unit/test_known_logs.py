"""What a state remembers of the topics it was made from, and what is said when they are others or shorter."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from service.cluster.gaps import Gap, tell
from service.cluster.known_logs import KnownLog, KnownLogs
from service.cluster.log_ends import Log
from service.cluster.topic_ids import GONE, WAITS_FOR_S, Course, TopicNow, topics_now
from service.config import KafkaSettings, Settings
from service.delivery.remembered import lost_since_us
from service.domain.changelog import LOGS_KEY
from service.errors import ConfigurationError, RecordsLostError, StartAgainError
from service.streaming.job import PartitionJob
from service.streaming.producer import Destination

OLD, NEW = TopicNow(b"old-old-old-old-", 1), TopicNow(b"new-new-new-new-", 1)
NOW_US = 1_700_000_000_000_000
STATE, LEDGER = "churn-alert-state", "churn-alert-ledger"


def written(job: PartitionJob) -> dict[str, dict[bytes, bytes | None]]:
    """What the job's next turn writes into its changelogs, by topic and key."""
    drained = job.drain(1)
    assert drained is not None
    return {
        to.topic: {key: value for key, value in records if key is not None}
        for to, records in drained.records.items()
        if to.topic in {STATE, LEDGER}
    }


def revived(of: PartitionJob) -> PartitionJob:
    """A job that has read what this one writes."""
    job = PartitionJob(Settings(), 0)
    for topic, records in written(of).items():
        for key, value in records.items():
            job.restore(topic, key, value)
    return job


def test_a_topic_is_another_when_both_ids_are_known_and_differ() -> None:
    logs = KnownLogs()
    before = logs.is_another("purchases", OLD)
    logs.adopt("purchases", OLD)

    assert [before, logs.is_another("purchases", OLD), logs.is_another("purchases", NEW)] == [False, False, True]
    assert not logs.is_another("purchases", TopicNow(b"", 1))
    assert not logs.is_another("surveys", NEW)


def test_what_was_lost_is_counted_over_restarts() -> None:
    job = PartitionJob(Settings(), 0)
    job.logs.adopt("purchases", OLD)
    job.lost("purchases", 300, 5)
    job = revived(job)
    job.lost("purchases", 0, 6)

    (found,) = [known for topic, known in revived(job).logs.losses() if topic == "purchases"]
    assert (found.id, found.gaps, found.records, found.last_us > 0) == (OLD.id, 2, 300, True)


def test_ids_are_written_at_once_where_a_state_has_none_and_not_without_a_state() -> None:
    job = PartitionJob(Settings(), 0)
    job.logs.adopt("purchases", OLD)
    empty = job.must_write
    job.positions["purchases"] = 5
    before = job.must_write
    records = written(job)

    assert (empty, before, job.must_write) == (False, True, False)
    assert LOGS_KEY in records[STATE]


def test_a_changelog_that_was_made_anew_is_refused_whichever_of_the_two_it_is() -> None:
    job = PartitionJob(Settings(), 0)
    job.own_topics.refuse_others({STATE: OLD, LEDGER: OLD})
    job.own_topics.note_written({Destination(STATE, 0): 70, Destination(LEDGER, 0): 40})
    job = revived(job)

    with pytest.raises(RecordsLostError, match="churn-alert-ledger-0 was made anew, and 40 records of the former"):
        job.own_topics.refuse_others({STATE: OLD, LEDGER: NEW})
    with pytest.raises(
        RecordsLostError, match=r"churn-alert-state-0 was made anew, and 70 records .* `churn-alert state"
    ):
        job.own_topics.refuse_others({STATE: NEW, LEDGER: OLD})
    job.own_topics.refuse_others({STATE: OLD, LEDGER: OLD})


def test_a_changelog_that_has_lost_its_end_is_refused() -> None:
    job = PartitionJob(Settings(), 0)
    job.own_topics.refuse_others({STATE: OLD, LEDGER: OLD})
    job.own_topics.note_written({Destination(STATE, 0): 70, Destination(LEDGER, 0): 40})
    job = revived(job)

    with pytest.raises(RecordsLostError, match="churn-alert-state-0 ends at 60, and was written up to 70: its last 10"):
        job.own_topics.refuse_lost_ends({STATE: 60, LEDGER: 40})
    with pytest.raises(
        RecordsLostError, match="churn-alert-ledger-0 ends at 39, and was written up to 40: its last 1 "
    ):
        job.own_topics.refuse_lost_ends({STATE: 72, LEDGER: 39})
    job.own_topics.refuse_lost_ends({STATE: 72, LEDGER: 44})


def test_a_changelog_that_has_lost_its_beginning_is_refused() -> None:
    own, begun = PartitionJob(Settings(), 0).own_topics, {STATE: 0, LEDGER: 0}

    with pytest.raises(
        RecordsLostError, match=r"churn-alert-state-0 begins at 7, and was to be read from 0.*`churn-alert"
    ):
        own.refuse_lost_beginnings({STATE: 7, LEDGER: 0}, begun)
    with pytest.raises(RecordsLostError, match="churn-alert-ledger-0 begins at 1"):
        own.refuse_lost_beginnings({STATE: 0, LEDGER: 1}, begun)
    own.refuse_lost_beginnings(begun, begun)
    own.refuse_lost_beginnings(begun, {STATE: 70, LEDGER: 40})


def test_an_output_made_anew_is_told_once_and_counted_and_a_deliverer_hears_of_it() -> None:
    job = PartitionJob(Settings(), 0)
    before = job.own_topics.follow_outputs({"outreach": OLD, "deliveries": OLD, "dead-letters": GONE}, NOW_US)
    job = revived(job)
    told = job.own_topics.follow_outputs({"outreach": OLD, "deliveries": NEW}, NOW_US)
    job = revived(job)
    again = job.own_topics.follow_outputs({"outreach": OLD, "deliveries": NEW, "dead-letters": NEW}, NOW_US)
    known = job.state_log.of["deliveries"]

    assert (before, list(told), again) == ({}, ["deliveries"], {})
    assert (known.id, known.gaps) == (NEW.id, 1)
    assert lost_since_us([job.state_log.of["outreach"], None, KnownLog()], OLD) == 0
    assert lost_since_us([known], NEW) == known.last_us > 0
    assert lost_since_us([known], OLD) > known.last_us, "all that lies there is in question"
    assert lost_since_us([known], None) == 0


@pytest.mark.parametrize(
    ("records", "log", "anew", "words", "counted"),
    [
        (300, Log(1, 400, 500, 500), False, "purchases-3 begins 300 records beyond 100, the next to be read", 300),
        (None, Log(1, 0, 600, 600), True, "purchases-3 was made anew: it holds 600 records", 0),
        (None, Log(1, 0, 1, 1), True, "it holds 1 record,", 0),
        (None, Log(1, 0, 60, 60), False, "purchases-3 ends at 60, and was read up to 100: it has lost its last 40", 40),
        (None, Log(1, 0, 160, 160), False, "purchases-3 ended before 100, up to which it was read", 0),
        (None, None, False, "purchases-3 ended before 100", 0),
    ],
    ids=["hole", "made anew", "one record", "shorter", "shorter and written since", "not heard of"],
)
def test_a_gap_is_told_in_a_sentence_with_its_number(
    records: int | None, log: Log | None, anew: bool, words: str, counted: int
) -> None:
    told = tell(Gap("purchases", 100, records, 5), 3, log, anew=anew, since="then", until="now")

    assert words in told.lost
    assert told.records == counted


def test_of_a_log_that_was_cut_and_filled_again_it_is_told_from_where_it_is_another_one() -> None:
    told = tell(Gap("purchases", 100, None, 5, 60), 3, Log(1, 0, 160, 160), anew=False, since="then", until="now")

    assert "purchases-3 was read up to 100, and is another one from 60 on: it has lost its last 40 records" in told.lost
    assert told.records == 40


def test_what_partitions_carried_to_each_other_cannot_be_sent_again_by_its_topic() -> None:
    log = Log(1, 0, 0, 0)
    told = tell(Gap("carried", 100, None, 5), 3, log, anew=True, carried=True, since="then", until="now")

    assert "carried-3 was made anew: records with keys of other partitions" in told.lost
    assert told.cure.startswith("Send again what came in lately with such keys")


def test_a_topic_that_is_made_again_under_a_process_ends_its_life() -> None:
    seen, unseen = Course(), Course()
    seen.note({"purchases": OLD})
    seen.note({"purchases": GONE, "surveys": OLD})
    unseen.note({"purchases": OLD})
    unseen.note({})
    unseen.note({"purchases": OLD})

    with pytest.raises(StartAgainError, match="Topic purchases was deleted, and somebody has made it again"):
        seen.note({"purchases": NEW})
    with pytest.raises(StartAgainError):
        unseen.note({"purchases": NEW})


def test_a_topic_that_nobody_makes_again_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr("service.cluster.topic_ids.time", SimpleNamespace(monotonic=lambda: now_s))
    course = Course()
    course.note({"purchases": GONE})
    now_s = WAITS_FOR_S
    course.note({"purchases": GONE})
    now_s += 0.1

    with pytest.raises(ConfigurationError, match="Topic purchases does not exist any more"):
        course.note({"purchases": GONE})


class Brokers:
    """aiokafka's client: one broker that answers so."""

    def __init__(self, answer: object) -> None:
        self.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=1)])
        self._answer = answer

    async def send(self, _node: int, _request: object) -> object:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return SimpleNamespace(topics=self._answer)


async def test_brokers_without_ids_tell_nothing_that_could_be_mistaken() -> None:
    told = [
        (0, "purchases", bytes(16), False, [object()], 0),
        (3, "surveys", bytes(16), False, [], 0),
        (29, "customers", bytes(16), False, [], 0),
    ]

    assert await topics_now(Brokers(told), ["purchases"]) == {"purchases": TopicNow(b"", 1), "surveys": GONE}
    assert await topics_now(Brokers(NotImplementedError()), ["purchases"]) == {}
    assert await topics_now(Brokers(OSError()), ["purchases"]) == {}


def test_the_setting_as_it_was_called_is_taken() -> None:
    assert KafkaSettings.model_validate({"on_gap": "hold"}).on_gap == "continue"
    assert KafkaSettings().on_gap == "stop"
