"""Every panel of every dashboard: what it asks Prometheus, in which unit, and its words in English and French."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """In both languages."""

    en: str
    fr: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries` are (expression, legend)."""

    title: Words
    says: Words
    unit: str
    queries: tuple[tuple[str, str], ...]
    warn: float | None = None
    """From here on yellow; None = it has no such value."""
    bad: float | None = None
    """From here on red."""
    alert: str | None = None
    """Whose runbook it links to."""
    single: bool = False
    """One number and not a line."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: Words
    says: Words
    panels: tuple[Panel, ...]


def _number(name: str, title: Words, says: Words, unit: str) -> Panel:
    legend = "{{granularity}} {{which}}"
    query = f'churn_alert_period{{number="{name}",granularity=~"$granularity",which=~"$which"}}'
    return Panel(title, says, unit, ((query, legend),))


def _brought(arm: str, number: str) -> str:
    return f'churn_alert_outreach_brought{{kind="all",rung="all",arm="{arm}",number="{number}"}}'


SHOP: Final = Board(
    "churn-alert-shop",
    Words("The shop", "La boutique"),
    Words("What the customers do, and what was done for them.", "Ce que font les clients, et ce qui est fait pour eux."),
    (
        _number("retention_rate", Words("Retention", "Fidélité"), Words("Share of the buyers of the period before who came again.", "Part des acheteurs de la période précédente qui sont revenus."), "percent"),
        _number("churn_rate", Words("Churn", "Attrition"), Words("Share of the buyers of the period before who did not come.", "Part des acheteurs de la période précédente qui ne sont pas venus."), "percent"),
        _number("repeat_purchase_rate", Words("Repeat purchase", "Réachat"), Words("Share of the buyers who bought more than once in the period.", "Part des acheteurs ayant acheté plus d’une fois dans la période."), "percent"),
        _number("customer_lifetime_value", Words("Lifetime value", "Valeur vie client"), Words("In units of the shop's currency, by the formula of the period.", "Dans la devise de la boutique, selon la formule de la période."), "none"),
        _number("revenue", Words("Revenue", "Chiffre d’affaires"), Words("Refunds taken off, in units of the shop's currency.", "Remboursements déduits, dans la devise de la boutique."), "none"),
        _number("orders", Words("Orders", "Commandes"), Words("In the period.", "Dans la période."), "none"),
        _number("nps", Words("NPS", "NPS"), Words("Promoters less detractors, from −100 to 100; empty where too few have answered.", "Promoteurs moins détracteurs, de −100 à 100 ; vide si trop peu ont répondu."), "none"),
        Panel(Words("Customers by health", "Clients par santé"), Words("How many are well, watched, at risk.", "Combien vont bien, sont à surveiller, à risque."), "none",
              (("sum by (band) (churn_alert_health_customers)", "{{band}}"),)),
        Panel(Words("Customers by segment", "Clients par segment"), Words("Everybody known.", "Tous les clients connus."), "none",
              (("sum by (segment) (churn_alert_customers)", "{{segment}}"),)),
        Panel(Words("Regulars coming due in a week", "Habitués attendus, par semaine"), Words("Seen against usual; far more than usual pulls the brake.", "Constatés et habituels ; bien plus que d’habitude, et le frein est serré."), "none",
              (("sum by (which) (churn_alert_regulars_due_week)", "{{which}}"),), alert="ChurnAlertBrakeOn"),
        Panel(Words("Decisions: sent and withheld", "Décisions : envoyé et retenu"), Words("Of the last day, by outcome.", "Du dernier jour, par issue."), "none",
              (("sum by (outcome) (increase(churn_alert_decisions_total[1d]))", "{{outcome}}"),)),
        Panel(Words("What the messages brought", "Ce que les messages ont rapporté"), Words("People treated and held back as a control group, of windows that are over.", "Personnes contactées et groupe témoin, fenêtres terminées."), "none",
              ((_brought("treated", "people"), "treated"), (_brought("control", "people"), "control"))),
        Panel(Words("Promised against realised wrong alerts", "Fausses alertes : promis et réalisé"), Words("In the last 14 days: healthy regulars who were alerted, and how many were promised.", "Sur 14 jours : habitués en bonne santé alertés, et combien étaient promis."), "none",
              (("churn_alert:wrong_alerts:increase14d", "realised"), ("churn_alert:wrong_alerts_promised:increase14d", "promised")), alert="ChurnAlertWrongAlertsBeyondPromise"),
    ),
)  # fmt: skip

OPERATION: Final = Board(
    "churn-alert-operation",
    Words("Operation", "Exploitation"),
    Words("Whether the workers keep up, and what holds them back.", "Si les workers suivent, et ce qui les retient."),
    (
        Panel(Words("Partitions ready", "Partitions prêtes"), Words("Against assigned; fewer for minutes: recovery hangs.", "Face aux assignées ; moins pendant des minutes : la reprise est bloquée."), "none",
              (("sum(churn_alert_partitions_ready)", "ready"), ("sum(churn_alert_partitions_assigned)", "assigned")), alert="ChurnAlertWorkerNotReady"),
        Panel(Words("Lag", "Retard"), Words("Records that can be read and are not yet processed.", "Enregistrements lisibles et pas encore traités."), "short",
              (("sum by (topic, partition) (churn_alert_lag_records)", "{{topic}}-{{partition}}"),), 10_000, 100_000, "ChurnAlertLagTooHigh"),
        Panel(Words("Throughput", "Débit"), Words("Records a second.", "Enregistrements par seconde."), "ops",
              (("sum by (partition) (rate(churn_alert_records_total[5m]))", "{{partition}}"),), alert="ChurnAlertLagGrowing"),
        Panel(Words("Events by type", "Événements par type"), Words("Accepted ones, a second.", "Acceptés, par seconde."), "ops",
              (("sum by (type) (rate(churn_alert_events_total[5m]))", "{{type}}"),)),
        Panel(Words("Computing a turn", "Calcul d’un tour"), Words("The slowest of a hundred.", "Le plus lent sur cent."), "s",
              (("churn_alert:turn_compute_seconds:p99_5m", "{{instance}}"),), 0.5, 2, "ChurnAlertTurnsSlow"),
        Panel(Words("Committing a turn", "Validation d’un tour"), Words("The slowest transaction of a hundred.", "La transaction la plus lente sur cent."), "s",
              (("churn_alert:turn_commit_seconds:p99_5m", "{{instance}}"),), 0.5, 1, "ChurnAlertTurnsSlow"),
        Panel(Words("Behind open transactions", "Derrière une transaction ouverte"), Words("Records that nobody can read until a producer ends its transaction.", "Enregistrements illisibles tant qu’un producteur n’a pas fini sa transaction."), "short",
              (("sum by (topic, partition) (churn_alert_open_transaction_records)", "{{topic}}-{{partition}}"),), 1, alert="ChurnAlertTransactionStalled"),
        Panel(Words("Recovery", "Reprise"), Words("How long reading the state took last.", "Durée de la dernière lecture de l’état."), "s",
              (("churn_alert_recovery_seconds", "{{partition}}"),), 30, 60, "ChurnAlertRecoveryTooLong"),
        Panel(Words("Dates waiting", "Échéances en attente"), Words("About two per customer.", "Environ deux par client."), "short",
              (("sum by (partition) (churn_alert_due_queue_entries)", "{{partition}}"),)),
        Panel(Words("Dead letters by reason", "Rebuts par raison"), Words("A second.", "Par seconde."), "ops",
              (("sum by (reason) (rate(churn_alert_dead_letters_total[5m]))", "{{reason}}"),), 0.01, alert="ChurnAlertRecordsRefused"),
        Panel(Words("Share refused", "Part refusée"), Words("Of all records, over ten minutes.", "De tous les enregistrements, sur dix minutes."), "percentunit",
              (("churn_alert:dead_letters:ratio_rate10m", "refused"),), 0.001, 0.01, "ChurnAlertDeadLetterShare"),
        Panel(Words("Decisions by reason", "Décisions par raison"), Words("Of the last hour.", "De la dernière heure."), "short",
              (("sum by (kind, outcome, reason) (increase(churn_alert_decisions_total[1h]))", "{{kind}} {{outcome}} {{reason}}"),)),
        Panel(Words("Duplicates and late visits", "Doublons et visites tardives"), Words("A second; many: a producer repeats itself or delivers out of order.", "Par seconde ; beaucoup : un producteur se répète ou livre en désordre."), "ops",
              (("sum(rate(churn_alert_duplicates_total[5m]))", "duplicates"), ("sum(rate(churn_alert_late_visits_total[5m]))", "late"))),
        Panel(Words("Feed silent", "Flux muet"), Words("1: no purchases arrive, absences wait.", "1 : aucun achat n’arrive, les absences attendent."), "none",
              (("max by (partition) (churn_alert_feed_stalled)", "{{partition}}"),), 1, 1, "ChurnAlertFeedSilent", single=True),
        Panel(Words("Brake", "Frein"), Words("1: all messages are held.", "1 : tous les messages sont retenus."), "none",
              (("max by (partition) (churn_alert_brake_held)", "{{partition}}"),), 1, 1, "ChurnAlertBrakeOn", single=True),
        Panel(Words("Broker away", "Broker injoignable"), Words("Since when no broker answers, Unix seconds; 0: they answer.", "Depuis quand aucun broker ne répond, secondes Unix ; 0 : ils répondent."), "none",
              (("max(churn_alert_broker_unreachable_since_seconds)", "since"),), 1, 1, "ChurnAlertBrokerAway", single=True),
        Panel(Words("Strangers in the group", "Intrus dans le groupe"), Words("Other programs that take partitions away.", "D’autres programmes qui prennent des partitions."), "none",
              (("max(churn_alert_group_strangers)", "strangers"),), 1, 1, "ChurnAlertStrangers", single=True),
        Panel(Words("Records lost", "Enregistrements perdus"), Words("Gone before they were read.", "Disparus avant d’être lus."), "short",
              (("sum by (topic) (churn_alert_gap_records_total)", "{{topic}}"),), 1, 1, "ChurnAlertRecordsLost", single=True),
        Panel(Words("Input not read on", "Entrée arrêtée"), Words("1: nearly all of its records are refused, or the clock is off.", "1 : presque tous ses enregistrements sont refusés, ou l’horloge est fausse."), "none",
              (("max by (topic) (churn_alert_source_stopped)", "{{topic}}"),), 1, 1, "ChurnAlertSourceStopped", single=True),
        Panel(Words("Store or channel silent", "Magasin ou canal muet"), Words("1: the absences of its customers wait.", "1 : les absences de ses clients attendent."), "none",
              (("max by (source) (churn_alert_source_stalled) or vector(0)", "{{source}}"),), 1, alert="ChurnAlertSourceSilent", single=True),
        Panel(Words("Set aside after an error of ours", "Mis de côté après une erreur de notre part"), Words("Records, customers, outputs within a day.", "Enregistrements, clients et sorties en un jour."), "short",
              (("sum by (kind) (churn_alert_set_aside)", "{{kind}}"),), 1, alert="ChurnAlertSetAside", single=True),
        Panel(Words("Posts at the webhook door", "Envois reçus par la porte des webhooks"), Words("Of the last hour, by what became of them.", "De la dernière heure, selon leur sort."), "short",
              (("sum by (source, outcome) (increase(churn_alert_ingest_posts_total[1h]))", "{{source}} {{outcome}}"),), alert="ChurnAlertIngestRefused"),
        Panel(Words("Answer of the webhook door", "Réponse de la porte des webhooks"), Words("The slowest of a hundred; shop systems give up after five seconds.", "La plus lente sur cent ; les boutiques en ligne renoncent au bout de cinq secondes."), "s",
              (("histogram_quantile(0.99, sum by (le) (rate(churn_alert_ingest_seconds_bucket[5m])))", "p99"),), 1, 5, "ChurnAlertIngestUnavailable"),
        Panel(Words("Webhook door ready", "Porte des webhooks prête"), Words("1 when it has met a broker.", "1 dès qu’elle a trouvé un broker."), "none",
              (("min by (instance) (churn_alert_ingest_ready)", "{{instance}}"),), alert="ChurnAlertIngestNotReady", single=True),
        Panel(Words("Page started again", "Page relancée"), Words("How often in the last hour; the worker goes on.", "Combien de fois dans la dernière heure ; le worker continue."), "short",
              (("sum by (instance) (increase(churn_alert_page_restarts_total[1h]))", "{{instance}}"),), 1, alert="ChurnAlertPageRestarts", single=True),
        Panel(Words("Memory", "Mémoire"), Words("Of each process.", "De chaque processus."), "bytes",
              (('process_resident_memory_bytes{job=~"churn-alert.*"}', "{{job}} {{instance}}"),)),
        Panel(Words("Customers by where they lie", "Clients selon l’endroit où ils sont gardés"), Words("Memory follows those in memory; who is long lost is folded, and stored away beyond limits.customers.", "La mémoire suit ceux qui y sont ; les perdus de longue date sont repliés, puis rangés sur disque au-delà de limits.customers."), "short",
              (("sum by (kind) (churn_alert_customers_held)", "{{kind}}"),)),
        Panel(Words("Processor", "Processeur"), Words("Seconds of processor time a second.", "Secondes de processeur par seconde."), "percentunit",
              (('rate(process_cpu_seconds_total{job=~"churn-alert.*"}[5m])', "{{job}} {{instance}}"),)),
        Panel(Words("What runs", "Ce qui tourne"), Words("Version, and whether it is compiled.", "Version, et si elle est compilée."), "none",
              (("churn_alert_build_info", "{{job}} {{version}} compiled={{compiled}}"),), single=True),
    ),
)  # fmt: skip

DELIVERY: Final = Board(
    "churn-alert-delivery",
    Words("Delivery", "Envoi"),
    Words("Whether what was decided reaches the customers.", "Si ce qui est décidé arrive chez les clients."),
    (
        Panel(Words("Available", "Disponible"), Words("1 while the other side answers.", "1 tant que l’autre côté répond."), "none",
              (("min by (channel) (churn_alert_deliver_available)", "{{channel}}"),), alert="ChurnAlertDeliverUnavailable", single=True),
        Panel(Words("Messages by state", "Messages par état"), Words("Requests that have ended in the last hour.", "Demandes terminées dans la dernière heure."), "short",
              (("sum by (channel, state) (increase(churn_alert_deliver_messages_total[1h]))", "{{channel}} {{state}}"),), alert="ChurnAlertDeliverFailures"),
        Panel(Words("Attempts by result", "Tentatives par résultat"), Words("A second; mostly retry: the other side does not want us now.", "Par seconde ; surtout retry : l’autre côté ne veut pas de nous."), "ops",
              (("sum by (channel, result) (rate(churn_alert_deliver_attempts_total[5m]))", "{{channel}} {{result}}"),)),
        Panel(Words("Duration of an attempt", "Durée d’une tentative"), Words("The slowest of twenty.", "La plus lente sur vingt."), "s",
              (("histogram_quantile(0.95, sum by (channel, le) (rate(churn_alert_deliver_attempt_seconds_bucket[5m])))", "{{channel}}"),), 5, 30),
        Panel(Words("Waiting and in flight", "En attente et en cours"), Words("Requests read and not ended.", "Demandes lues et pas terminées."), "short",
              (("sum by (channel) (churn_alert_deliver_waiting_requests)", "{{channel}} waiting"), ("sum by (channel) (churn_alert_deliver_in_flight_requests)", "{{channel}} in flight")), alert="ChurnAlertDeliverLag"),
        Panel(Words("Oldest waiting", "La plus ancienne en attente"), Words("Since it was decided.", "Depuis la décision."), "s",
              (("max by (channel) (churn_alert_deliver_oldest_waiting_seconds)", "{{channel}}"),), 3_600, 21_600, "ChurnAlertDeliverOldestWaiting"),
        Panel(Words("Not yet read", "Pas encore lues"), Words("Records of outreach.", "Enregistrements de outreach."), "short",
              (("sum by (channel) (churn_alert_deliver_lag_records)", "{{channel}}"),), 100, 1_000, "ChurnAlertDeliverLag"),
        Panel(Words("From the mail providers", "Des fournisseurs de messagerie"), Words("Bounces, complaints and unsubscribes of the last day.", "Rebonds, plaintes et désinscriptions du dernier jour."), "short",
              (("sum by (type, outcome) (increase(churn_alert_deliver_provider_events_total[1d]))", "{{type}} {{outcome}}"),), alert="ChurnAlertDeliverComplaints"),
        Panel(Words("Unsubscribed by the link", "Désinscriptions par le lien"), Words("Of the last day.", "Du dernier jour."), "short",
              (("sum(increase(churn_alert_deliver_unsubscribes_total[1d]))", "unsubscribes"),)),
        Panel(Words("May have come twice", "Peut-être reçus deux fois"), Words("After the death of a deliverer.", "Après la mort d’un processus d’envoi."), "short",
              (("sum by (channel) (churn_alert_deliver_sent_again_total)", "{{channel}}"),), 1, alert="ChurnAlertDeliverSentTwice", single=True),
    ),
)  # fmt: skip

BOARDS: Final = (SHOP, OPERATION, DELIVERY)
