"""Every alert: when it fires, and its runbook.

Expressions are written with the durations of production. `SECONDS(1h)` is a number of seconds; `rules.py` can shorten
all durations alike, so that a test need not wait for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """Who is to be woken."""

    CRITICAL = "critical"
    """Somebody, now: regulars who go quiet are not noticed, or messages do not leave."""
    WARNING = "warning"
    """Somebody, today."""
    INFO = "info"
    """Worth knowing when the week is looked through."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A number that several alerts or panels use."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert and its runbook."""

    name: str
    expr: str
    hold: str
    """How long it must be true before it fires; 0s = at once."""
    severity: Severity
    summary: str
    means: str
    do: str
    nothing: str
    """What happens if nobody does anything."""


RECORDINGS: Final = (
    Recording("churn_alert:lag_records:sum", "sum by (topic) (churn_alert_lag_records)"),
    Recording("churn_alert:records:rate5m", "sum(rate(churn_alert_records_total[5m]))"),
    Recording(
        "churn_alert:dead_letters:ratio_rate10m",
        "sum(rate(churn_alert_dead_letters_total[10m])) / sum(rate(churn_alert_records_total[10m]))",
    ),
    Recording(
        "churn_alert:turn_compute_seconds:p99_5m",
        "histogram_quantile(0.99, sum by (instance, le) (rate(churn_alert_turn_compute_seconds_bucket[5m])))",
    ),
    Recording(
        "churn_alert:turn_commit_seconds:p99_5m",
        "histogram_quantile(0.99, sum by (instance, le) (rate(churn_alert_turn_commit_seconds_bucket[5m])))",
    ),
    Recording(
        "churn_alert:wrong_alerts:increase14d",
        'sum(increase(churn_alert_regular_events_total{event="wrong_alert"}[14d]))',
    ),
    Recording(
        "churn_alert:wrong_alerts_promised:increase14d",
        'max(churn_alert_promised{promise="budget"}) * sum(increase(churn_alert_healthy_seconds_total[14d])) / 31536000'
        ' or max(churn_alert_promised{promise="probability"})'
        ' * sum(increase(churn_alert_regular_events_total{event="healthy_gap"}[14d]))',
    ),
    Recording(
        "churn_alert:deliver_failures:ratio1h",
        'sum by (channel) (increase(churn_alert_deliver_messages_total{state=~"bounced|failed"}[1h]))'
        ' / sum by (channel) (increase(churn_alert_deliver_messages_total{state=~"delivered|bounced|failed"}[1h]))',
    ),
    Recording(
        "churn_alert:deliver_bounces:ratio1d",
        '(sum(increase(churn_alert_deliver_provider_events_total{type="bounce"}[1d]))'
        ' + sum(increase(churn_alert_deliver_messages_total{state="bounced"}[1d])))'
        ' / sum(increase(churn_alert_deliver_messages_total{state=~"delivered|bounced"}[1d]))',
    ),
    Recording(
        "churn_alert:deliver_complaints:ratio1d",
        'sum(increase(churn_alert_deliver_provider_events_total{type="complaint"}[1d]))'
        ' / sum(increase(churn_alert_deliver_messages_total{state="delivered"}[1d]))',
    ),
)

ALERTS: Final = (
    Alert(
        "ChurnAlertNothingIsProcessed",
        "absent(churn_alert_partitions_ready > 0)",
        "2m",
        Severity.CRITICAL,
        "No worker has a partition that it processes.",
        "Either no worker runs, none can be scraped, or all of them are still waiting for the broker or for their state.",
        "Look whether the workers run (`systemctl status 'churn-alert*'`, `docker-compose ps`), then at the last lines of their "
        "log and at `/readyz`, which says what is missing. A worker that refuses to start says why in one sentence.",
        "Purchases wait in Kafka and are processed later; they are lost once they are older than the retention of their topic. "
        "Until then nobody who goes quiet is noticed, and no message is asked for.",
    ),
    Alert(
        "ChurnAlertTargetDown",
        'up{job=~"churn-alert.*"} == 0',
        "1m",
        Severity.WARNING,
        "{{ $labels.instance }} of {{ $labels.job }} does not answer on /metrics.",
        "The process is not there, hangs, or its port cannot be reached from Prometheus.",
        "Look at its supervisor and its log. If it runs, try `/healthz` on its own machine: `web.host` and `deliver.host` are the "
        "loopback unless told otherwise.",
        "With another worker in the group its partitions move there within the session time-out. Alone, nothing is processed, "
        "and every other alert about this process is blind.",
    ),
    Alert(
        "ChurnAlertWorkerNotReady",
        "churn_alert_partitions_ready < churn_alert_partitions_assigned",
        "5m",
        Severity.CRITICAL,
        "{{ $labels.instance }} owns partitions that it does not process.",
        "Their state is still being read, or the reading hangs. A million customers take about ten seconds.",
        "Look at the log for `partitions assigned` without a recovery after it, and whether the broker answers. Restart the "
        "worker if nothing moves: the state is read again from its topic.",
        "Records of these partitions pile up, and their regulars are not watched.",
    ),
    Alert(
        "ChurnAlertRecoveryTooLong",
        "churn_alert_recovery_seconds > SECONDS(1m)"
        " unless (churn_alert_recovery_seconds offset 1h) == churn_alert_recovery_seconds",
        "0s",
        Severity.WARNING,
        "Partition {{ $labels.partition }} took {{ $value | humanizeDuration }} to read its state.",
        "Every restart and every move of this partition stops it for that long.",
        "Compare `churn_alert_recovery_records` with the number of customers: far more means that the state topic is not "
        "compacted (`churn-alert topics check`). Otherwise the network or the broker's disk is slow.",
        "Nothing is lost; a restart just lasts that long.",
    ),
    Alert(
        "ChurnAlertLagTooHigh",
        "sum by (topic, partition) (churn_alert_lag_records) > 100000",
        "10m",
        Severity.WARNING,
        "{{ $value | humanize }} records of {{ $labels.topic }}-{{ $labels.partition }} wait.",
        "More arrives than is processed, or a long interruption is being worked off.",
        "Falling: wait. Flat with records processed: add workers, up to the number of partitions, or give the process a faster "
        "core. Flat without: the worker is stuck, see its log.",
        "Alerts are late by as long as the records wait; beyond the topic's retention records are lost.",
    ),
    Alert(
        "ChurnAlertLagGrowing",
        "sum by (topic, partition) (churn_alert_lag_records) > 1000"
        " and sum by (topic, partition) (deriv(churn_alert_lag_records[10m])) > 0",
        "15m",
        Severity.WARNING,
        "The backlog of {{ $labels.topic }}-{{ $labels.partition }} grows.",
        "For a quarter of an hour more has arrived than was processed.",
        "Look for a replay or an import that was just started; else at turn times and the processor. Add workers while "
        "there are more partitions than workers.",
        "It becomes ChurnAlertLagTooHigh.",
    ),
    Alert(
        "ChurnAlertFeedSilent",
        "churn_alert_feed_stalled == 1",
        "0s",
        Severity.CRITICAL,
        "No purchases arrive in partition {{ $labels.partition }}; absences wait.",
        "The shop is far more quiet than it ever is at this hour, so silence of its customers is no evidence.",
        "Look at the source: the till, the exporter, the producer, its rights on the topic. Is the shop shut? Then it is right, "
        "and ends by itself.",
        "No customer is alerted and nobody is written to wrongly; who has really gone quiet is noticed late.",
    ),
    Alert(
        "ChurnAlertSourceSilent",
        "churn_alert_source_stalled == 1",
        "0s",
        Severity.WARNING,
        "{{ $labels.source }} is silent; the absences of its customers wait.",
        "One store or channel sends nothing while the others do.",
        "Ask the store whether it is shut or its till is broken. Purchases that come late are taken in.",
        "Its customers are not alerted until it is heard of again or has been given up as closed.",
    ),
    Alert(
        "ChurnAlertBrakeOn",
        "churn_alert_brake_held == 1",
        "0s",
        Severity.CRITICAL,
        "All messages of partition {{ $labels.partition }} are held: far more regulars have come due than usual.",
        "Far more regulars have gone quiet at once than is believable: usually purchases do not arrive.",
        "Look for purchases that are missing: a store, a payment type, a change of customer ids. Repair and send them again: what is "
        "held is withdrawn by itself. If it is real, `churn-alert outreach resume` lets the messages go.",
        "The messages stay held and end when they expire: nobody is disturbed, and nobody is won back.",
    ),
    Alert(
        "ChurnAlertRecordsRefused",
        "sum by (reason) (increase(churn_alert_dead_letters_total[10m])) > 0",
        "0s",
        Severity.INFO,
        "Records are refused: {{ $labels.reason }}.",
        "A record did not keep to the contract of its topic, lies in `dead-letters` now, and counts nowhere.",
        "`churn-alert dead-letters list` shows each with what is wrong. Tell its producer; mend and replay with "
        "`churn-alert dead-letters retry`.",
        "What a refused purchase would have said is missing: its customer looks quieter than they are by that visit.",
    ),
    Alert(
        "ChurnAlertSourceStopped",
        "max by (topic, partition) (churn_alert_source_stopped) > 0",
        "1m",
        Severity.CRITICAL,
        "{{ $labels.topic }}-{{ $labels.partition }} is not read on.",
        "Nearly all of its records are refused, or the clock of the worker is off; the log and /readyz say which.",
        "Mend the producer, the setting or the clock. It goes on by itself once what waits is accepted; `churn-alert dead-letters "
        "resume` reads on whatever it is, and makes letters of it.",
        "What it holds stays in Kafka for its retention, absences wait, and the numbers stand still.",
    ),
    Alert(
        "ChurnAlertSchemaWaiting",
        "max by (partition) (churn_alert_schema_waiting) > 0",
        "2m",
        Severity.CRITICAL,
        "Partition {{ $labels.partition }} waits for a schema.",
        "The schema registry does not answer, or not as it should, and records of an input are written with a schema that is not "
        "known here yet; the log and /readyz say what it answers.",
        "Mend the registry, or `registry.url` and its login. It goes on by itself as soon as the registry answers.",
        "Nothing is refused and nothing lost: what waits stays in Kafka for its retention, absences wait, and the numbers stand still.",
    ),
    Alert(
        "ChurnAlertSetAside",
        "sum by (kind) (churn_alert_set_aside) > 0",
        "0s",
        Severity.WARNING,
        "An error of our own: {{ $value }} set aside ({{ $labels.kind }}).",
        "The program met an error that nobody expected with the same record, customer or output twice, and goes on without it.",
        "Send the line `an error of our own` of the log to whoever maintains the program; it names nobody. With a release in which "
        "it is mended, `churn-alert dead-letters retry --code internal_error`.",
        "What that record says is missing, or that customer is not written to. With more than `limits.set_aside_most` the worker "
        "stops for a person.",
    ),
    Alert(
        "ChurnAlertDeadLetterShare",
        "churn_alert:dead_letters:ratio_rate10m > 0.01",
        "5m",
        Severity.CRITICAL,
        "{{ $value | humanizePercentage }} of the records are refused.",
        "More than one record in a hundred: no slip of one record but a producer that has changed.",
        "`churn-alert dead-letters list`, then stop or roll back the producer. Replay the letters once it is repaired.",
        "Numbers and alerts are wrong by what is missing; many missing purchases end in the brake.",
    ),
    Alert(
        "ChurnAlertTurnsSlow",
        "churn_alert:turn_commit_seconds:p99_5m > 1 or churn_alert:turn_compute_seconds:p99_5m > 2",
        "5m",
        Severity.WARNING,
        "One turn in a hundred takes {{ $value | humanizeDuration }} on {{ $labels.instance }}.",
        "Committing is slow: the broker or its disk. Computing is slow: turns are too large or the processor is shared.",
        "Look at both histograms in the dashboard. Committing: the broker's disk, its replicas, quotas. Computing: lower "
        "`kafka.fetch_bytes`, give it a core of its own.",
        "Alerts are late. A turn as long as the session time-out throws the worker out of its group.",
    ),
    Alert(
        "ChurnAlertTransactionStalled",
        "sum by (topic, partition) (churn_alert_open_transaction_records) > 0",
        "5m",
        Severity.WARNING,
        "{{ $value }} records of {{ $labels.topic }}-{{ $labels.partition }} lie behind an open transaction.",
        "A producer has begun a transaction and neither ended nor aborted it; nothing behind it can be read.",
        "Find the producer (`kafka-transactions.sh find-hanging`) and stop it, or abort the transaction. Lower its "
        "transaction.timeout.ms.",
        "The partition stands still until the broker ends the transaction by its time-out; lag looks like 0 meanwhile.",
    ),
    Alert(
        "ChurnAlertBrokerAway",
        "churn_alert_broker_unreachable_since_seconds > 0",
        "30s",
        Severity.CRITICAL,
        "{{ $labels.instance }} reaches no broker.",
        "No broker has answered this process, a worker or a deliverer, so it can neither read nor write; absences and messages wait.",
        "Look at the brokers, then at the way there: name, port, certificates, firewall. The log has the broker's last words.",
        "Nothing is processed and nothing is lost: it goes on by itself when a broker answers.",
    ),
    Alert(
        "ChurnAlertStrangers",
        "churn_alert_group_strangers > 0",
        "1m",
        Severity.CRITICAL,
        "{{ $value }} other programs are members of the consumer group.",
        "They are given partitions whose records this service never sees; or it is a deliverer that cannot work beside the others.",
        "The log names them, their machines and the cure. Give them another group.id, then restart "
        "nothing: the group balances itself.",
        "The purchases of their partitions are missing, so their customers look quiet; or, in a group of deliverers, messages do "
        "not go out.",
    ),
    Alert(
        "ChurnAlertRecordsLost",
        "time() - max by (topic, partition) (churn_alert_last_gap_timestamp_seconds) < 3600",
        "0s",
        Severity.CRITICAL,
        "Records of {{ $labels.topic }}-{{ $labels.partition }} were gone before they were read, or the topic was made anew.",
        "The topic's retention removed them while the worker was behind or away, the topic was deleted and made again, or its "
        "log has lost its end. The worker's log says which, and how many. It goes on because `kafka.on_gap` is `continue`: "
        "with `stop`, the default, it ends with exit code 2 (ChurnAlertTargetDown) and is not started again.",
        "Lengthen the retention (`churn-alert topics check` says to what), and send what was lost again: known events are "
        "ignored. docs/operations/lost-records.md says what to do where a worker has stopped for it.",
        "Those purchases are missing for ever; absences that may lie among them wait one usual gap more.",
    ),
    Alert(
        "ChurnAlertKeysMisplaced",
        "sum by (topic, function) (increase(churn_alert_carried_records_total[1h])) > 0",
        "0s",
        Severity.INFO,
        "Records of {{ $labels.topic }} lie where {{ $labels.function }} puts them, and are carried to the right partition.",
        "Two producers hash keys differently (murmur2, or CRC32 of librdkafka).",
        "Set the same partitioner in every producer; `churn-alert topics check` says which.",
        "It stays right and costs more: every such record is written twice.",
    ),
    Alert(
        "ChurnAlertWrongAlertsBeyondPromise",
        "churn_alert:wrong_alerts:increase14d - churn_alert:wrong_alerts_promised:increase14d"
        " > 3 * sqrt(churn_alert:wrong_alerts_promised:increase14d)"
        " and churn_alert:wrong_alerts:increase14d >= 10",
        "0s",
        Severity.WARNING,
        "More healthy regulars are alerted than the policy promises.",
        "In two weeks more regulars were alerted who came back by themselves than `outreach.level` "
        "promises, by more than chance explains.",
        "Look for purchases that arrive late or not at all, a holiday, a change of opening hours. It learns by itself; freeze "
        "nothing. If it stays, lower `outreach.level`.",
        "Loyal customers get messages that they do not need.",
    ),
    Alert(
        "ChurnAlertDelivererAbsent",
        "count by (channel) (present_over_time(churn_alert_deliver_available[1d]))"
        " unless count by (channel) (churn_alert_deliver_available)",
        "2m",
        Severity.CRITICAL,
        "No deliverer of {{ $labels.channel }} runs, and one did within the last day.",
        "The process has ended, or cannot be scraped.",
        "Look at its supervisor and log. If it was taken out of service on purpose, this ends within a day.",
        "Requests wait in `outreach` until they expire: nobody is written to.",
    ),
    Alert(
        "ChurnAlertDeliverUnavailable",
        "churn_alert_deliver_available == 0",
        "5m",
        Severity.CRITICAL,
        "The other side of {{ $labels.channel }} takes nothing.",
        "The mail server does not answer or refuses to let us in; for a webhook the circuit breaker is open.",
        "The deliverer's log says what the other side said. Check address, certificate and password; ask the provider. A webhook "
        "that answered 410 needs a restart with the right address.",
        "Messages wait and are sent when it answers; what expires meanwhile is never sent.",
    ),
    Alert(
        "ChurnAlertDeliverFailures",
        "churn_alert:deliver_failures:ratio1h > 0.1"
        ' and sum by (channel) (increase(churn_alert_deliver_messages_total{state=~"bounced|failed"}[1h])) >= 5',
        "0s",
        Severity.CRITICAL,
        "{{ $value | humanizePercentage }} of the messages of {{ $labels.channel }} fail.",
        "Of the messages that ended within an hour, more than one in ten was refused for good.",
        "Read `deliveries` for the reasons, and `dead-letters` for a webhook. Repair, then `churn-alert deliver retry`.",
        "Those customers get nothing, and a mail provider may block the sender.",
    ),
    Alert(
        "ChurnAlertDeliverOldestWaiting",
        "churn_alert_deliver_oldest_waiting_seconds > SECONDS(6h)",
        "0s",
        Severity.WARNING,
        "A message of {{ $labels.channel }} has waited for {{ $value | humanizeDuration }}.",
        "The oldest open request was decided hours ago: the other side says `not now` to it, or too few are let out a second.",
        "Is ChurnAlertDeliverUnavailable on as well? Else raise `deliver.per_second` and compare attempts by result.",
        "It is sent too late to be meant for that day, or expires.",
    ),
    Alert(
        "ChurnAlertDeliverLag",
        "sum by (channel, partition) (churn_alert_deliver_lag_records) > 1000",
        "15m",
        Severity.WARNING,
        "{{ $value | humanize }} requests of {{ $labels.channel }}-{{ $labels.partition }} are not yet read.",
        "More is asked for than may leave.",
        "Raise `deliver.per_second` as far as the other side allows, or add deliverers up to the number of partitions.",
        "Messages leave late or expire.",
    ),
    Alert(
        "ChurnAlertDeliverBounces",
        "churn_alert:deliver_bounces:ratio1d > 0.02"
        ' and (sum(increase(churn_alert_deliver_provider_events_total{type="bounce"}[1d]))'
        ' + sum(increase(churn_alert_deliver_messages_total{state="bounced"}[1d]))) >= 5',
        "0s",
        Severity.WARNING,
        "{{ $value | humanizePercentage }} of the mails bounce.",
        "Addresses that do not exist; above 2 % mailbox providers begin to distrust the sender.",
        "Where do the addresses come from? An old list, a broken form. Bounced addresses are not written to again.",
        "Mails to everybody land in spam.",
    ),
    Alert(
        "ChurnAlertDeliverComplaints",
        "churn_alert:deliver_complaints:ratio1d > 0.001"
        ' and sum(increase(churn_alert_deliver_provider_events_total{type="complaint"}[1d])) >= 2',
        "0s",
        Severity.CRITICAL,
        "{{ $value | humanizePercentage }} of the readers call the mails spam.",
        "Gmail and others ask for less than 0.1 %, and block from 0.3 % on.",
        "Look at how consent was given and how often is written: `outreach` caps. Switch a kind of message off (`enabled = false`) rather than all; docs/operations/holding-back.md says how either is done.",
        "The provider blocks the sender for everybody.",
    ),
    Alert(
        "ChurnAlertDeliverSentTwice",
        "sum by (channel) (increase(churn_alert_deliver_sent_again_total[1h])) > 0",
        "0s",
        Severity.INFO,
        "{{ $value | humanize }} messages of {{ $labels.channel }} may have come twice.",
        "A deliverer died between handing a message over and recording it.",
        "Find out why it died: memory, the supervisor's time to stop (20 s are needed).",
        "Nothing more; each death may repeat what was in flight.",
    ),
    Alert(
        "ChurnAlertDeliverUnreadable",
        "sum by (channel) (increase(churn_alert_deliver_unreadable_total[1h])) > 0",
        "0s",
        Severity.INFO,
        "Records of `outreach` are none of ours.",
        "Another program writes into the topic.",
        "The log has partition and offset. Take the right to write there from everybody but the workers.",
        "Such records are passed over.",
    ),
    Alert(
        "ChurnAlertIngestNotReady",
        "churn_alert_ingest_ready == 0",
        "2m",
        Severity.CRITICAL,
        "The webhook door {{ $labels.instance }} has met no broker.",
        "It has started and no broker answers it, so every post is answered 503.",
        "Its log and /readyz say why: address, login, certificate, or topics that are not there (`churn-alert topics check`).",
        "Shop systems post again, for hours or days, and then give up: their orders are missing, and who has bought looks quiet.",
    ),
    Alert(
        "ChurnAlertIngestUnavailable",
        'sum by (source) (increase(churn_alert_ingest_posts_total{outcome="unavailable"}[5m])) > 0',
        "5m",
        Severity.CRITICAL,
        "Posts of {{ $labels.source }} cannot be written to Kafka.",
        "No broker takes what is posted; each such post is answered 503.",
        "Look at the brokers, then at the door's log. Nothing has to be sent again by hand while the shop system still tries.",
        "Shop systems give up after some hours or days and may switch the webhook off: look there as well when it is mended.",
    ),
    Alert(
        "ChurnAlertIngestRefused",
        'sum by (source) (increase(churn_alert_ingest_posts_total{outcome=~"refused|unsigned"}[1h]))'
        " > 0.1 * sum by (source) (increase(churn_alert_ingest_posts_total[1h]))",
        "0s",
        Severity.WARNING,
        "More than a tenth of the posts of {{ $labels.source }} are not taken.",
        "They bear another signature than `ingest.sources` says, or can never be understood.",
        "The door's log has the code. Unsigned: compare the secret with the one that the shop system shows, and the address with "
        "`ingest.public_url` (Square signs it). Refused: the sentence names the field.",
        "Those orders are missing; shop systems switch a webhook off that fails for long.",
    ),
    Alert(
        "ChurnAlertPageRestarts",
        "sum by (instance) (increase(churn_alert_page_restarts_total[1h])) > 0",
        "0s",
        Severity.WARNING,
        "The page of {{ $labels.instance }} had to be started again.",
        "The process that serves page, API and /metrics has ended without being told to, and the worker has started another.",
        "The worker's log has `the page's process has ended` with the exit code; -9 is mostly the kernel, for want of memory. Its own "
        "last lines come before. Is the page asked for far more than the shop does? Then keep strangers away: `web.host`, a proxy.",
        "The stream is not touched. The page and every number here are missing for some seconds each time, up to a minute where "
        "it dies again and again.",
    ),
)
